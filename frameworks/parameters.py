"""A builder's numbers as nested parameters, which scikit-learn's searches can set."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Self

from sklearn.base import BaseEstimator

from frameworks.spec import Spec
from frameworks.validation import spec_of

__all__ = ["HasSpec"]

_OF_THE_ESTIMATOR = ("inputs", "epochs", "batch_size")  # which it sets in every spec


class HasSpec(BaseEstimator):
    """Parameters `spec__NAME`, one for each number of a builder's spec.

    >>> from functools import partial
    >>> from frameworks import ScratchClassifier
    >>> from frameworks.default_network import DenseSpec, build_scratch
    >>> build = partial(build_scratch, spec=DenseSpec(hidden=(4,)))
    >>> classifier = ScratchClassifier(build).set_params(spec__hidden=(3,))
    >>> classifier.spec.hidden, classifier.get_params()["spec__activation"]
    ((3,), 'relu')

    So `GridSearchCV(classifier, {"spec__hidden": [(3,), (5,)]})` searches over a builder's numbers.
    """

    build: Callable[..., Any] | None
    spec: Spec | None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments and, if `deep`, the numbers of the builder's spec."""
        found = super().get_params(deep)
        if deep:
            found |= {f"spec__{name}": x for name, x in self._numbers().items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set arguments by name, numbers of the builder's spec as `spec__NAME`.

        Numbers that are not set keep their values. Raises ValueError for unknown names.
        """
        numbers = {k[6:]: params.pop(k) for k in [*params] if k.startswith("spec__")}
        super().set_params(**params)
        if numbers:
            known = self._numbers()
            if unknown := [name for name in numbers if name not in known]:
                has = f"it has {', '.join(known)}" if known else "only a builder has them"
                raise ValueError(f"spec__{unknown[0]}: no number of the builder's spec; {has}")
            self.spec = replace(self._builders_spec(), **numbers)
        return self

    def _numbers(self) -> dict[str, Any]:
        """Return the numbers that may be set; none without a builder or a spec."""
        try:
            spec: Any = self._builders_spec()
        except TypeError:
            spec = None
        if not isinstance(spec, Spec):  # an invalid builder or spec is refused by `fit`
            return {}
        names = (field.name for field in fields(spec) if field.name not in _OF_THE_ESTIMATOR)
        return {name: getattr(spec, name) for name in names}

    def _builders_spec(self) -> Spec:
        """Return the spec that was given, or the builder's own; TypeError if there is none."""
        return spec_of(self.build) if self.spec is None else self.spec
