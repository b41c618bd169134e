"""The targets of a data set: classes, a measured quantity, or the inputs themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.errors import DataError

__all__ = ["Classes", "Inputs", "Quantity", "Targets"]


@dataclass(frozen=True)
class Classes:
    """Labels: y (n,), int64, indices into ``names``."""

    names: tuple[str, ...]

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as the targets of X (n, d), or an empty string."""
        if y.dtype != np.int64:
            return f"expected int64 labels, found {y.dtype}"
        if y.shape != (len(X),):
            return f"expected labels ({len(X)},), found {y.shape}"
        if y.min() < 0 or y.max() >= len(self.names):
            return f"expected labels 0 to {len(self.names) - 1}, found {y.min()} to {y.max()}"
        return ""


@dataclass(frozen=True)
class Quantity:
    """One measured quantity, standardised: y (n,), float64.

    The quantity itself is ``mean + scale * y``, in ``unit``; mean and scale are its mean and
    standard deviation over the training rows. The root mean squared error of y, times ``scale``, is
    therefore in ``unit``. ``unit`` is empty for a score, which has none.

    Raises DataError for a mean or a scale that no quantity can have.
    """

    name: str
    unit: str
    mean: float
    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and 0 < self.scale < np.inf):
            raise DataError(
                f"{self.name}: expected a finite mean and a scale above 0, "
                f"found {self.mean} and {self.scale}"
            )

    def standardise(self, quantity: np.ndarray) -> np.ndarray:
        """Return (quantity - mean) / scale.

        >>> Quantity("height", "cm", mean=170.0, scale=10.0).standardise(np.array([160.0, 175.0]))
        array([-1. ,  0.5])
        """
        return (quantity - self.mean) / self.scale

    def restore(self, y: np.ndarray) -> np.ndarray:
        """Return the quantity, in ``unit``, of standardised targets or outputs of any shape.

        >>> Quantity("height", "cm", mean=170.0, scale=10.0).restore(np.array([-1.0, 0.5]))
        array([160., 175.])
        """
        return self.mean + self.scale * y

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as the targets of X (n, d), or an empty string."""
        if y.dtype != np.float64 or not y.flags.c_contiguous:
            return f"expected C-contiguous float64 targets, found {y.dtype}"
        if y.shape != (len(X),):
            return f"expected targets ({len(X)},), found {y.shape}"
        if not np.isfinite(y).all():
            return "a target is NaN or infinite"
        return ""


@dataclass(frozen=True)
class Inputs:
    """The inputs themselves, to be reconstructed: y is X (n, d), not a copy of it."""

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as the targets of X (n, d), or an empty string."""
        return "" if y is X else "expected the inputs themselves as targets, found another array"


Targets = Classes | Quantity | Inputs
