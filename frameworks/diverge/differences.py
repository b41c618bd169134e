"""The comparison of two arrays: the worst element, and by how much it differs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from frameworks.agreement.distances import within

__all__ = ["Difference", "difference", "not_identical"]


@dataclass(frozen=True)
class Difference:
    """How far apart two arrays are, and where they are farthest apart."""

    where: str  # "layer 2 (relu)", "weights.0"
    error: float  # largest elementwise difference, relative to the largest magnitude in either
    limit: float | None  # None: measured, not judged
    index: tuple[int, ...]  # of the worst element; empty for scalars and for unequal shapes
    values: tuple[str, str]  # of the worst element, or the two shapes
    step: int | None = None  # 1, 2, ... where the level has steps
    epoch: int | None = None

    @property
    def parted(self) -> bool:
        """Whether the difference is above the limit; what is not finite is above every limit."""
        return self.limit is not None and not within(self.error, self.limit)

    @property
    def swapped(self) -> "Difference":
        """The same with the sides swapped."""
        return replace(self, values=self.values[::-1])

    @property
    def of_limit(self) -> float:
        """The error divided by its limit; the error itself if the limit is 0 or None."""
        return self.error / self.limit if self.limit else self.error


def difference(where: str, a: Any, b: Any, limit: float | None, scale: float = 0.0) -> Difference:
    """Compare two arrays or numbers; errors are relative to `scale` if it exceeds both magnitudes.

    NaN and infinity equal nothing; arrays of different shapes are infinitely far apart.

    >>> difference("loss", [1.0, 4.0], [1.0, 3.0], 0.5)
    Difference(where='loss', error=0.25, limit=0.5, index=(1,), values=('4', '3'), step=None, \
epoch=None)
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        return Difference(where, np.inf, limit, (), (f"shape {a.shape}", f"shape {b.shape}"))
    if not a.size:
        return Difference(where, 0.0, limit, (), ("nothing", "nothing"))
    finite = np.isfinite(a) & np.isfinite(b)
    with np.errstate(invalid="ignore"):
        gaps = np.where(finite, np.abs(a - b), np.inf)
    index = tuple(int(i) for i in np.unravel_index(gaps.argmax(), gaps.shape))
    largest = max(float(np.abs(x[finite]).max(initial=0)) for x in (a, b))
    if np.isfinite(scale):
        largest = max(largest, scale)
    error = float(gaps[index] / largest) if largest else float(gaps[index])
    return Difference(where, error, limit, index, (_number(a[index]), _number(b[index])))


def not_identical(where: str, a: np.ndarray, b: np.ndarray) -> Difference:
    """Compare two arrays byte for byte: any difference exceeds the limit of 0.

    >>> not_identical("labels", np.zeros(2), -np.zeros(2)).parted
    True
    """
    if (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()):
        return Difference(where, 0.0, 0.0, (), ("", ""))
    found = difference(where, a, b, limit=0.0)
    if not found.error:
        return Difference(where, np.inf, 0.0, (), (f"{a.dtype} bytes", f"other {b.dtype} bytes"))
    return found


def _number(x: Any) -> str:
    return f"{float(x):.17g}"
