"""What an estimator accepts as rows and targets, and what it refuses."""

from abc import ABC, abstractmethod
from operator import itemgetter
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight, validate_data

from frameworks.adapter import Adapter
from frameworks.continuing import check_unchanged
from frameworks.validation import check_parameters
from scratch import Batch

__all__ = ["ChecksRows", "hold_out", "refuse_masked"]


class ChecksRows(ABC):
    """The checks of `LockstepEstimator`, which has these attributes; ValueError for what fails."""

    build: Any
    dtype: str
    _adapter: Adapter

    @abstractmethod
    def _learn_targets(self, y: np.ndarray, classes: Any) -> None:
        """Set what is known about the targets from the first y."""

    @abstractmethod
    def _encode(self, y: np.ndarray, dtype: str) -> np.ndarray:
        """Return y (n, ...) as a loss takes it; ValueError for what the first y did not have."""

    def _target_checks(self, y: Any) -> dict[str, Any]:
        """Return the options by which scikit-learn accepts other targets than labels (n,)."""
        return {}

    def _check_X(self, X: Any) -> np.ndarray:
        refuse_masked(X=X)
        dtype = self._adapter.dtype
        X = validate_data(self, X, dtype=dtype, order="C", reset=False, allow_nd=True)
        self._check_shape(X)
        return X

    def _check_rows(self, X: Any, y: Any, dtype: str) -> Batch:
        """Return X and its targets as a loss takes them; ValueError if they do not fit."""
        refuse_masked(X=X, y=y)
        X, y = self._validate(X, y, dtype, first=False)
        return Batch(X, self._encode(y, dtype))

    def _validate(self, X: Any, y: Any, dtype: str, first: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return X and y as arrays that fit each other and, unless `first`, the first X."""
        rows = {"dtype": dtype, "order": "C", "allow_nd": True}
        X, y = validate_data(self, X, y, reset=first, **rows, **self._target_checks(y))
        if first:
            self._row_shape = X.shape[1:]
        self._check_shape(X)
        return X, y

    def _check_shape(self, X: np.ndarray) -> None:
        if X.shape[1:] != self._row_shape:
            raise ValueError(f"X: expected rows of shape {self._row_shape}, got {X.shape[1:]}")
        if X.ndim > 2 and self.build is None:
            raise ValueError(
                f"X: expected two dimensions, got {X.ndim}; only a builder's network takes more"
            )

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None, *, first: bool
    ) -> Batch:
        """Check the parameters and the data; set what is known from them if `first`."""
        check_parameters(self)
        if not first:
            check_unchanged(self)
        refuse_masked(X=X, y=y, sample_weight=sample_weight)
        dtype = self.dtype if first else self._adapter.dtype
        X, y = self._validate(X, y, dtype, first)
        if first:
            self._learn_targets(y, classes)
        targets = self._encode(y, dtype)
        return Batch(X, targets, self._row_weights(X, y, sample_weight))

    def _row_weights(self, X: np.ndarray, y: np.ndarray, given: Any) -> np.ndarray | None:
        """Return the weight of each row (n,), None if all are 1; ValueError for negative ones."""
        if given is None:
            return None
        return _check_sample_weight(given, X, dtype=X.dtype, ensure_non_negative=True)


def refuse_masked(**arrays: Any) -> None:
    """Raise ValueError for an array with masked values, whose masks are read by nothing here."""
    for name, array in arrays.items():
        if np.ma.is_masked(array):
            raise ValueError(f"{name} holds masked values; fill them, or leave their rows out")


def hold_out(batch: Batch, fraction: float, seed: int, labels: bool) -> tuple[Batch, Batch]:
    """Return the rows to train on and those held out, both in their order.

    Of n rows ⌈fraction·n⌉ are held out, of each class its share if the targets are `labels`.
    Raises ValueError if too few rows are left, or a class has too few.
    """
    y = batch.y.ravel() if labels else None
    try:
        parts = train_test_split(
            np.arange(len(batch.X)), test_size=fraction, stratify=y, random_state=seed
        )
    except ValueError as error:
        raise ValueError(f"validation_fraction={fraction}: {error}") from error
    train, held = (batch.map(itemgetter(np.sort(part))) for part in parts)
    return train, held._replace(w=None)
