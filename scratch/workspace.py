"""Arrays that are used again, so that training allocates nothing in its inner loop."""

import numpy as np

__all__ = ["Workspace"]


class Workspace:
    """Keeps one array under each name, at the size of the largest batch so far.

    >>> work = Workspace()
    >>> a = work.take("z", 3, (4,), np.float64)
    >>> b = work.take("z", 2, (4,), np.float64)
    >>> b.shape, b.base is a
    ((2, 4), True)
    """

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def take(self, name: str, n: int, row: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
        """Return an array (n, *row) to fill; the next call with this name may hand it out again."""
        kept = self._arrays.get(name)
        if kept is None or len(kept) < n or kept.shape[1:] != row or kept.dtype != dtype:
            kept = self._arrays[name] = np.empty((n, *row), dtype)
        return kept if len(kept) == n else kept[:n]

    def like(self, name: str, x: np.ndarray) -> np.ndarray:
        """Return an array of x's shape and type to fill."""
        return self.take(name, len(x), x.shape[1:], x.dtype)
