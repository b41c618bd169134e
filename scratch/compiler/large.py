"""Calls on many numbers, of which each pass through memory counts.

What a comparison gives is a quarter of what it compares, or less. Made at once, while the numbers
are in the cache, it is all that has to be kept of them: `da * (a > 0)`, in the backward pass, is
the only reader of many an `a`.
"""

import math
from collections.abc import Sequence

import numpy as np

from scratch.compiler.calls import Call
from scratch.compiler.source import is_elementwise
from scratch.compiler.tracing import Trace

__all__ = ["compare_early", "maximum_with_rows"]

_MANY = 2**13  # numbers: a pass through them takes longer than a call
_LOOP = 512  # numbers that NumPy's loop takes in one go; of fewer it is the start that counts


def compare_early(trace: Trace, calls: Sequence[Call]) -> list[Call]:
    """Move each comparison to where its numbers are computed."""
    ordered: list[Call] = []
    for call in calls:
        at = len(ordered)
        if call.out.dtype == bool and call.out.size >= _MANY and is_elementwise(call):
            while at and not _depend(trace, ordered[at - 1], call):
                at -= 1
        ordered.insert(at, call)
    return ordered


def _depend(trace: Trace, first: Call, second: Call) -> bool:
    """Tell whether one call writes to what the other one reads or writes."""
    written = [trace.block(call.out) for call in (first, second)]
    used = [{trace.block(a) for a in call.arrays} for call in (first, second)]
    return written[0] in used[1] or written[1] in used[0]


def maximum_with_rows(trace: Trace, calls: Sequence[Call]) -> list[Call]:
    """Write max(x, 0) as the maximum of x and rows of zeros.

    NumPy takes half as long for two arrays as for an array and a number.
    """
    return [
        _with_rows(trace, call)
        if call.function in (np.maximum, np.minimum) and call.out.size >= _MANY
        else call
        for call in calls
    ]


def _with_rows(trace: Trace, call: Call) -> Call:
    """Return a call on rows in the place of numbers of the code, which are always the same."""
    is_number = (not a.ndim and trace.block(a) is None for a in call.inputs)
    pairs = zip(call.inputs, is_number, strict=True)
    return call._replace(inputs=tuple(_row(a, call.out) if number else a for a, number in pairs))


def _row(number: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return a number for each place along the innermost axes of `out`."""
    shape = [1] * out.ndim
    for axis in sorted(range(out.ndim), key=lambda k: abs(out.strides[k])):
        if math.prod(shape) < _LOOP:
            shape[axis] = out.shape[axis]
    row = np.empty_like(out, shape=tuple(shape))  # its axes in the same order in memory
    row[...] = number
    return row
