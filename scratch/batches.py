"""Rows to train on, and how they are cut into batches."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from scratch.workspace import Workspace

__all__ = ["Batch", "Order", "take_batches"]

Order = np.ndarray | None  # the rows (n,) in the order of training; None: as they are


class Batch(NamedTuple):
    """Rows to train on: inputs X (n, d), targets y, and weights w (n,) or None for 1 each."""

    X: np.ndarray
    y: np.ndarray
    w: np.ndarray | None = None


def take_batches(data: Batch, order: Order, batch_size: int, work: Workspace) -> Iterator[Batch]:
    """Yield the rows batch by batch, in arrays that the next batch may write over."""
    X, y, w = data
    for start in range(0, len(X), batch_size):
        rows = slice(start, start + batch_size)
        if order is None:
            yield Batch(X[rows], y[rows], None if w is None else w[rows])
        else:
            i = order[rows]
            w_i = None if w is None else _take(w, i, work, "w")
            yield Batch(_take(X, i, work, "X"), _take(y, i, work, "y"), w_i)


def _take(a: np.ndarray, i: np.ndarray, work: Workspace, name: str) -> np.ndarray:
    """Return a[i] in a reused array."""
    out = work.take(name, len(i), a.shape[1:], a.dtype)
    return a.take(i, axis=0, out=out, mode="clip")  # the other modes copy `out` first
