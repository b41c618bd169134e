"""The shared interface for numbers: one scikit-learn regressor for every implementation."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array

from frameworks.estimator import LockstepEstimator
from frameworks.rows import refuse_masked
from frameworks.spec import Shape, as_shape
from frameworks.task import REGRESSION
from frameworks.weight_files import StoredNetwork, WeightFileError

__all__ = ["LockstepRegressor"]


class LockstepRegressor(RegressorMixin, LockstepEstimator):
    """A regressor; parameters and attributes as in `LockstepEstimator`.

    Targets are numbers, y (n,) or (n, k), or of any shape with a builder's network: an autoencoder
    is fitted on (X, X). Without a builder the loss is the mean squared error.
    """

    task = REGRESSION

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one more epoch on X and y.

        Data that cannot be trained on are refused first. If a step fails all the same, the steps
        before it stay taken.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Return the network's outputs for X (n, ...), in the shape of the targets of `fit`."""
        return self.outputs(X).reshape(-1, *self._target_shape)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² on X (n, ...) and targets y, the mean over all numbers of a target."""
        refuse_masked(y=y, sample_weight=sample_weight)
        y = _as_array(y)
        if getattr(y, "ndim", 1) <= 2:
            return super().score(X, y, sample_weight)
        flat = y.reshape(len(y), -1), self.predict(X).reshape(len(y), -1)
        return r2_score(*flat, sample_weight=sample_weight)

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that a target may hold several numbers."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _learn_targets(self, y: np.ndarray, classes: Any) -> None:
        if classes is not None:
            raise ValueError("classes: a regressor has none")
        if y.ndim > 2 and self.build is None:
            raise ValueError(
                f"y: expected one or two dimensions, got {y.ndim}; only a builder's network has "
                "more"
            )
        self._target_shape = y.shape[1:]

    def _take_targets(self, network: StoredNetwork) -> None:
        if network.targets is None:
            raise WeightFileError("holds a classifier; a regressor has no classes")
        self._target_shape = network.targets

    def _encode(self, y: np.ndarray, dtype: str) -> np.ndarray:
        if y.shape[1:] != self._target_shape:
            raise ValueError(f"y: expected rows of shape {self._target_shape}, got {y.shape[1:]}")
        with np.errstate(over="ignore"):
            targets = y.reshape(len(y), *(self._target_shape or (1,))).astype(dtype)
        if not np.isfinite(targets).all():
            raise ValueError(f"y: expected numbers within {dtype}, got {np.abs(y).max():g}")
        return targets

    def _validate(self, X: Any, y: Any, dtype: str, first: bool) -> tuple[np.ndarray, np.ndarray]:
        y = _as_array(y)
        if getattr(y, "ndim", 1) <= 2:
            return super()._validate(X, y, dtype, first)
        targets = check_array(y, dtype=dtype, order="C", allow_nd=True, input_name="y")
        return super()._validate(X, np.arange(len(targets)), dtype, first)[0], targets

    def _target_checks(self, y: Any) -> dict[str, Any]:
        return {"y_numeric": True, "multi_output": True}

    def _outputs_of(self, spec_outputs: Shape) -> Shape:
        return as_shape(self._target_shape)


def _as_array(y: Any) -> Any:
    """Return targets with their dimensions: a nested list has none."""
    return np.asarray(y) if isinstance(y, list | tuple) else y
