"""What all losses have in common: one number L from outputs and targets, and its derivative.

`forward(outputs, y)` returns L; `backward()` returns dL/d(outputs) for that call. With row weights
w (n,), row i's loss ℓᵢ is multiplied by wᵢ and the divisor stays the same: L = 1/n Σᵢ wᵢ ℓᵢ, as
in Keras; for scikit-learn's divisor, Σ w, see `WeightedMean`.
"""

from collections.abc import Sequence

import numpy as np

from scratch.checks import require_row_weights

__all__ = ["Loss", "as_class_weights", "one_hot", "require_labels", "require_shape", "weighted"]


class Loss:
    """L(outputs, y), and dL/d(outputs) for the latest `forward`.

    `threshold`: a single output above it means the second class, ½ for a probability.
    `over_rows`: whether L is divided by the number of rows n, whichever of them count.
    """

    threshold = 0.5
    over_rows = True

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L for outputs z (n, k), targets y and row weights w (n,)."""
        raise NotImplementedError

    def backward(self) -> np.ndarray:
        """Return dz = dL/dz (n, k)."""
        raise NotImplementedError

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError if targets y do not fit the outputs z (n, k); here all do."""


def weighted(w: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """Return row i of the rows (n, ...) times wᵢ; without weights, the rows themselves.

    w is (n,), or has the shape of the rows; ValueError for others.

    >>> weighted(np.array([10.0, 1.0]), np.array([[1.0], [2.0]]))
    array([[10.],
           [ 2.]])
    """
    if w is None:
        return rows
    require_row_weights(w, rows.shape[:1], rows.shape)
    return w.astype(rows.dtype).reshape(*w.shape, *(1,) * (rows.ndim - w.ndim)) * rows


def one_hot(y: np.ndarray, k: int, dtype: np.dtype) -> np.ndarray:
    """Return 1 in column y[i] of row i and 0 elsewhere, (n, k), for classes y (n,).

    >>> one_hot(np.array([1, 0]), 3, np.dtype(float))
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    return (y[:, None] == np.arange(k)).astype(dtype)


def require_shape(y: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless y has this shape and at least one row: no rows have no mean."""
    if np.shape(y) != shape or not shape[0]:
        raise ValueError(f"y must have the shape {shape} and at least one row, got {np.shape(y)}")


def require_labels(z: np.ndarray, y: np.ndarray) -> None:
    """Raise ValueError unless y (n,) holds classes 0..k-1, for outputs z (n, k)."""
    n, k = z.shape
    require_shape(y, (n,))
    if not (0 <= np.min(y) and np.max(y) < k):
        raise ValueError(f"y must hold classes from 0 to {k - 1}, got {np.min(y)} to {np.max(y)}")


def as_class_weights(class_weights: Sequence[float] | np.ndarray | None) -> np.ndarray | None:
    """Return class weights as an array (k,); ValueError unless all are finite and ≥ 0."""
    if class_weights is None:
        return None
    v = np.array(class_weights, float)
    if v.ndim != 1 or not v.size or not np.isfinite(v).all() or (v < 0).any():
        raise ValueError(
            f"class_weights must be one finite number of at least 0 per class, got {class_weights}"
        )
    return v
