"""A training that goes on: which parameters may have changed since it began, and which may not."""

from typing import Any

from sklearn.base import BaseEstimator

from frameworks.program import name_of
from frameworks.validation import widths_of

__all__ = ["UnderWay", "check_unchanged", "parameters_of_network"]

_OF_THE_NETWORK = ("build", "hidden", "activation", "learning_rate", "dtype", "random_state")
_OF_ONE_TRAINING = (
    *("epochs", "batch_size", "class_weight", "early_stopping", "validation_fraction"),
    *("n_iter_no_change", "tol"),
)


def parameters_of_network(estimator: BaseEstimator, others: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the parameters that a network, its optimizer and its random numbers are made with.

    They include a builder's numbers, as `spec__NAME`. hidden=5 and [5] are the same as (5,).
    `others`: names of more parameters to return.
    """
    given = estimator.get_params()
    found = {name: given[name] for name in _OF_THE_NETWORK + others if name in given}
    if "hidden" in found:
        found["hidden"] = widths_of(found["hidden"])
    return found | {name: x for name, x in given.items() if name.startswith("spec__")}


def check_unchanged(estimator: Any) -> None:
    """Raise ValueError for a parameter that a trained network cannot take any more.

    All others, such as the batch size, take effect when training goes on.
    """
    remedy = "fit with warm_start=False, or train a new estimator"
    _refuse_changes(estimator._began_with, parameters_of_network(estimator), remedy)


class UnderWay:
    """A training that has begun, which its estimator's parameters and other trainings leave be."""

    def __init__(self, estimator: Any) -> None:
        self._estimator, self._training = estimator, estimator._training
        self._given, self._began = self._values(), self._parameters()

    @property
    def is_newest(self) -> bool:
        """Whether the estimator has begun no other training since."""
        return self._estimator._training is self._training

    def check_newest(self) -> None:
        """Raise RuntimeError if the estimator has begun another training since."""
        if not self.is_newest:
            raise RuntimeError(
                "iter_fit: this training is over, as its estimator has begun another, or loaded "
                "weights, since; call iter_fit again"
            )

    def check_parameters(self) -> None:
        """Raise ValueError for a parameter changed between two epochs, which would be ignored."""
        # Most epochs change none, and may take less time than `get_params` does.
        if any(now is not given for now, given in zip(self._values(), self._given, strict=True)):
            _refuse_changes(self._began, self._parameters(), "let it end before you change it")

    def _values(self) -> list[Any]:
        names = (*_OF_THE_NETWORK, *_OF_ONE_TRAINING, "spec")
        return [vars(self._estimator).get(name) for name in names]

    def _parameters(self) -> dict[str, Any]:
        return parameters_of_network(self._estimator, _OF_ONE_TRAINING)


def _refuse_changes(began: dict[str, Any], now: dict[str, Any], remedy: str) -> None:
    for name in began | now:
        before, given = began.get(name), now.get(name)
        if not (before is given or before == given):
            before, given = map(_shown, (before, given))
            raise ValueError(
                f"{name}: training goes on with {before}, as it began, and cannot change to "
                f"{given}; {remedy}"
            )


def _shown(value: Any) -> str:
    return name_of(value) if callable(value) else repr(value)
