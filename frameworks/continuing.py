"""A training that goes on: which parameters may have changed since it began, and which may not."""

from typing import Any

from sklearn.base import BaseEstimator

from frameworks.program import name_of
from frameworks.validation import widths_of

__all__ = ["UnderWay", "check_unchanged", "parameters_of_network"]

_OF_THE_NETWORK = ("build", "hidden", "activation", "learning_rate", "dtype", "random_state")


def parameters_of_network(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the parameters that a network, its optimizer and its random numbers are made with.

    They include a builder's numbers, as `spec__NAME`. hidden=5 and [5] are the same as (5,).
    """
    given = estimator.get_params()
    found = {name: given[name] for name in _OF_THE_NETWORK if name in given}
    if "hidden" in found:
        found["hidden"] = widths_of(found["hidden"])
    return found | {name: x for name, x in given.items() if name.startswith("spec__")}


def check_unchanged(estimator: Any) -> None:
    """Raise ValueError for a parameter that a trained network cannot take any more.

    All others, such as the batch size, take effect when training goes on.
    """
    began, now = estimator._began_with, parameters_of_network(estimator)
    for name in began | now:
        before, given = began.get(name), now.get(name)
        if not (before is given or before == given):
            before, given = map(_shown, (before, given))
            raise ValueError(
                f"{name}: training goes on with {before}, as it began, and cannot change to "
                f"{given}; fit with warm_start=False, or train a new estimator"
            )


class UnderWay:
    """A training that has begun, and is over once its estimator begins another."""

    def __init__(self, estimator: Any) -> None:
        self._estimator, self._training = estimator, estimator._training

    def check_newest(self) -> None:
        """Raise RuntimeError if the estimator has begun another training since."""
        if self._estimator._training is not self._training:
            raise RuntimeError(
                "iter_fit: this training is over, as its estimator has begun another, or loaded "
                "weights, since; call iter_fit again"
            )


def _shown(value: Any) -> str:
    return name_of(value) if callable(value) else repr(value)
