"""Memory: arrays that are used again, and parts of arrays that stay in the processor's cache."""

from collections.abc import Iterator

import numpy as np

__all__ = ["Workspace", "blocks"]

_BLOCK_BYTES = 2**18  # a quarter of a second-level cache of 1 MiB


class Workspace:
    """Keeps one array under each name, at the size of the largest batch so far.

    So training allocates nothing in its inner loop.

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


def blocks(n: int, bytes_each: int) -> Iterator[slice]:
    """Cut n items into blocks of some `_BLOCK_BYTES`, at least one item each.

    >>> list(blocks(3, 2**17))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    step = max(1, _BLOCK_BYTES // max(1, bytes_each))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))
