"""The shared interface without targets: one scikit-learn transformer for every implementation."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import validate_data

from frameworks.estimator import LockstepEstimator
from frameworks.spec import Shape
from frameworks.task import FEATURES
from frameworks.validation import builders_spec
from frameworks.weight_files import StoredNetwork, WeightFileError
from scratch import Batch

__all__ = ["LockstepFeatureLearner"]


class LockstepFeatureLearner(ClassNamePrefixFeaturesOutMixin, TransformerMixin, LockstepEstimator):
    """Learns features of rows, such as the hidden units of a Boltzmann machine.

    Parameters and attributes as in `LockstepEstimator`; `build` is required, and has to return a
    `Program` with an `evaluate`. A y is accepted everywhere, as by scikit-learn's transformers, and
    ignored. `history_` holds what the steps return, means over the rows of an epoch.
    """

    task = FEATURES

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: None = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        initial_weights: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """Train `epochs` epochs on X (n, d), from new weights; return self.

        Rows have no weights. Other arguments as in `LockstepEstimator.fit`.
        """
        options: Any = {"validation_data": validation_data, "initial_weights": initial_weights}
        list(self.iter_fit(X, ahead=True, **options))
        return self

    def iter_fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: None = None,
        *,
        classes: Any = None,
        validation_data: tuple[Any, Any] | None = None,
        initial_weights: Sequence[np.ndarray] | None = None,
        ahead: bool = False,
    ) -> Iterator[dict[str, float]]:
        """Train like `fit`, and yield each epoch's record of `history_` when it is known."""
        yield from super().iter_fit(
            X, None, validation_data=validation_data, initial_weights=initial_weights, ahead=ahead
        )

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train one more epoch on X (n, d); return self."""
        return self._partial_fit(X, None, None)

    def transform(self, X: Any) -> np.ndarray:
        """Return the features (n, k) of X (n, d): the outputs of the first network."""
        return self.outputs(X)

    def evaluate(self, X: Any, y: Any = None) -> dict[str, float]:
        """Return what the program's `evaluate` says of X (n, d): a loss, and perhaps more."""
        return super().evaluate(X, None)

    def _validate(self, X: Any, y: Any, dtype: str, first: bool) -> tuple[np.ndarray, np.ndarray]:
        X = validate_data(self, X, dtype=dtype, order="C", allow_nd=True, reset=first)
        if first:
            self._row_shape = X.shape[1:]
        self._check_shape(X)
        return X, X

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None, *, first: bool
    ) -> Batch:
        if self.build is None:
            raise ValueError("build must be a builder, as features have no default program")
        return super()._prepare(X, y, None, None, first=first)

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self._adapter.spec.outputs))

    def _learn_targets(self, y: np.ndarray, classes: Any) -> None:
        self._target_shape = y.shape[1:]

    def _take_targets(self, network: StoredNetwork) -> None:
        if network.targets is None:
            raise WeightFileError("holds a classifier; features have no classes")
        self._target_shape = network.targets

    def _encode(self, y: np.ndarray, dtype: str) -> np.ndarray:
        return y

    def _outputs_of(self, spec_outputs: Shape) -> Shape:
        return builders_spec(self).outputs
