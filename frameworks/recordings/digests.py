"""Digests: whether a recording and a live side train on the same numbers.

Numbers are hashed as float64, and targets in one form, so that the same data have the same digest
whether they are given as bytes, integers or float32, as labels or one-hot.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import numpy as np

from frameworks.errors import RequestError
from frameworks.recordings.trace import Trace

__all__ = [
    "canonical_target",
    "check_rows",
    "check_same_data",
    "digest",
    "digests_of",
    "is_one_hot",
]


def digest(arrays: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 of arrays, in hexadecimal: of each, its shape and its numbers.

    The shape is hashed as text, "(2, 3)", or "(2,)" for one dimension; the numbers as little-endian
    float64, the last axis running fastest.

    >>> digest([np.array([1, 2])]) == digest([np.array([1.0, 2.0])])
    True
    """
    total = sha256()
    for array in arrays:
        total.update(str(tuple(map(int, np.shape(array)))).encode())
        total.update(np.ascontiguousarray(array, "<f8").tobytes())
    return total.hexdigest()


def digests_of(
    X: Sequence[np.ndarray],
    y: Sequence[np.ndarray] = (),
    w: np.ndarray | None = None,
    batches: Sequence[np.ndarray] = (),
) -> dict[str, str]:
    """Return the digests of all inputs, targets, sample weights and batches, by these names.

    What there is none of has no digest.
    """
    parts = {
        "inputs": X,
        "targets": y,
        "sample weights": () if w is None else (w,),
        "orders": batches,
    }
    return {name: digest(arrays) for name, arrays in parts.items() if len(arrays)}


def check_rows(trace: Trace, rows: int) -> None:
    """RequestError unless a training on so many rows can take the steps of a recording."""
    if not trace.batches:
        raise RequestError("the recording does not say which rows each step took; record again")
    if max(int(batch.max()) for batch in trace.batches) >= rows:
        raise RequestError(f"the recording takes rows that are not among the {rows} of X")


def check_same_data(trace: Trace, digests: Mapping[str, str]) -> None:
    """RequestError unless data with these digests are those of a recording.

    Orders are not compared: a live side is given those of the recording.
    """
    names = ("inputs", "targets", "sample weights")
    other = [name for name in names if trace.digests.get(name) != digests.get(name)]
    if other:
        raise RequestError(
            f"the recording was made with other {' and '.join(other)}; give diverge the X, y and"
            " sample_weight that it was made with, or record again"
        )


def canonical_target(y: np.ndarray) -> np.ndarray:
    """Return targets in a form in which labels, one-hot rows and columns of numbers are equal.

    >>> canonical_target(np.eye(3)[[2, 0]]).tolist(), canonical_target(np.ones((2, 1))).tolist()
    ([2.0, 0.0], [1.0, 1.0])
    """
    if y.ndim > 1 and y.shape[-1] > 1 and is_one_hot(y):
        y = y.argmax(axis=-1)
    if y.ndim > 1 and y.shape[-1] == 1:
        y = y[..., 0]
    return np.ascontiguousarray(y, np.float64)


def is_one_hot(y: np.ndarray) -> bool:
    """Return whether every row of y (n, ..., k) has one 1, and 0 elsewhere."""
    ones = (y == 1).sum(axis=-1) == 1
    return bool(ones.all() and ((y == 0) | (y == 1)).all())
