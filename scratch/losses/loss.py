"""What every loss has in common: one number L from outputs and targets, and its derivative.

`forward(outputs, y)` returns L as a float; `backward()` returns dL/d(outputs) for that call, in an
array that the next call writes over. With row weights w (n,), the i-th row's loss ℓᵢ counts wᵢ
times and the divisor stays as it is: L = 1/n Σᵢ wᵢ ℓᵢ, as in Keras. A mean over no rows raises
ZeroDivisionError.
"""

from collections.abc import Sequence

import numpy as np

from scratch.workspace import Workspace

__all__ = ["Loss", "as_class_weights", "weighted_sum"]


class Loss:
    """L(outputs, y), and dL/d(outputs) for the latest `forward`."""

    def __init__(self) -> None:
        self.work = Workspace()

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L for outputs z (n, k), targets y and row weights w (n,)."""
        raise NotImplementedError

    def backward(self) -> np.ndarray:
        """Return dz = dL/dz (n, k)."""
        raise NotImplementedError


def weighted_sum(ell: np.ndarray, w: np.ndarray | None) -> float:
    """Σᵢ wᵢ ℓᵢ for ℓ (n,), with wᵢ = 1 where there are no weights.

    >>> weighted_sum(np.array([1.0, 2.0]), np.array([10.0, 1.0]))
    12.0
    """
    return float(np.add.reduce(ell) if w is None else np.dot(w, ell))


def as_class_weights(class_weights: Sequence[float] | np.ndarray | None) -> np.ndarray | None:
    """Return one finite weight v ≥ 0 for each class as an array (k,); else raise ValueError."""
    if class_weights is None:
        return None
    v = np.array(class_weights, float)
    if v.ndim != 1 or not v.size or not np.isfinite(v).all() or (v < 0).any():
        raise ValueError(
            f"class_weights must be one finite number of at least 0 a class, got {class_weights}"
        )
    return v
