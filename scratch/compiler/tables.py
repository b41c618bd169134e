"""A batch's arrays as tables, whose rows a call each puts to where a step works on them.

Where a dense layer comes first, X has a column of ones beside it (see `rewriting`).
"""

import numpy as np

from scratch.batches import Batch
from scratch.compiler.rewriting import give_equal_bits
from scratch.layers.dense import Dense
from scratch.layers.layer import Layer

__all__ = ["has_ones", "to_batch", "to_tables"]

_SHORT = 64  # numbers in a row: to copy longer ones takes longer than the ones save


def has_ones(first: Layer, batch: Batch, n: int) -> bool:
    """Tell whether X, in batches of n rows, has a column of ones in a network's first layer.

    >>> X = y = np.zeros((5, 2))
    >>> has_ones(Dense(2, 3), Batch(X, y), 5), has_ones(Layer(), Batch(X, y), 5)
    (True, False)
    """
    X = batch.X[:n]
    if not isinstance(first, Dense) or X.ndim != 2 or X.shape[1] > _SHORT:
        return False
    return len(first.params) == 2 and give_equal_bits(np.ascontiguousarray(X), first.W)


def to_tables(batch: Batch, ones: bool) -> list[np.ndarray]:
    """Return the arrays of a batch, the first one copied beside a column of ones if there is one.

    >>> to_tables(Batch(np.array([[2.0, 3.0]]), np.array([[4.0]])), ones=True)
    [array([[2., 3., 1.]]), array([[4.]])]
    """
    X, *others = batch
    X = np.concatenate([X, np.ones((len(X), 1), X.dtype)], axis=1) if ones else X
    return [X, *(a for a in others if a is not None)]


def to_batch(tables: list[np.ndarray], ones: bool) -> Batch:
    """Return the batch whose arrays lie in tables."""
    X, *others = tables
    return Batch(X[:, :-1] if ones else X, *others)
