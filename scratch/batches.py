"""Rows to train on, and their division into batches."""

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

import numpy as np

__all__ = ["Batch", "Order", "take_batches"]

Order = np.ndarray | None  # the rows (n,) in the order of training; None: as they are


class Batch(NamedTuple):
    """Rows to train on: inputs X (n, d), targets y, and weights w (n,) or None for 1 each."""

    X: np.ndarray
    y: np.ndarray
    w: np.ndarray | None = None

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "Batch":
        """Return the batch with a function applied to each array."""
        X, y, w = self
        return Batch(function(X), function(y), None if w is None else function(w))


def take_batches(data: Batch, order: Order, batch_size: int) -> Iterator[Batch]:
    """Yield the rows batch by batch; the last batch holds the remaining rows."""
    for start in range(0, len(data.X), batch_size):
        rows = slice(start, start + batch_size)
        i = rows if order is None else order[rows]
        yield data.map(itemgetter(i))
