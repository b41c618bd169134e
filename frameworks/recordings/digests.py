"""Digests: whether a recording and a live side train on the same numbers.

Numbers are hashed as float64, so that the same data have the same digest whether they are given as
bytes, integers or float32.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import numpy as np

from frameworks.errors import RequestError
from frameworks.recordings.trace import Trace

__all__ = ["check_same_data", "digest", "digests_of"]


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


def check_same_data(trace: Trace, digests: Mapping[str, str], rows: int) -> None:
    """RequestError unless data of so many rows, with these digests, are those of a recording.

    Orders are not compared: a live side is given those of the recording.
    """
    names = ("inputs", "targets", "sample weights")
    other = [name for name in names if trace.digests.get(name) != digests.get(name)]
    if other:
        raise RequestError(
            f"the recording was made with other {' and '.join(other)}; give diverge the X, y and"
            " sample_weight that it was made with, or record again"
        )
    if not trace.batches:
        raise RequestError("the recording does not say which rows each step took; record again")
    if max(int(batch.max()) for batch in trace.batches) >= rows:
        raise RequestError(f"the recording takes rows that are not among the {rows} given")
