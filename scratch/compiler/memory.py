"""Where the results of noted calls lie: as little memory as will do, so that it stays in the cache.

Of each array it is known from which call to which its numbers are needed. Arrays whose lives do not
overlap can lie in the same place. A call whose input is needed no more afterwards writes over it.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from scratch.compiler.calls import Call, copy_into, is_same
from scratch.compiler.source import is_elementwise
from scratch.compiler.tracing import Block, Trace

__all__ = ["aligned", "plan", "prune", "shorten"]

_LARGE = 2**16  # bytes of an array whose copy costs more than a call
_SOON = 4  # calls
_MOST_WORK = 10**4  # of NumPy, to find out whether two arrays share memory
_ALIGNMENT = 64  # bytes: a line of the cache, and the widest vector register


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array to fill that begins at a multiple of 64 bytes, where NumPy's are at 16.

    >>> aligned((3, 2), np.dtype(float)).ctypes.data % 64
    0
    """
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def prune(trace: Trace, calls: Sequence[Call], results: Sequence[np.ndarray]) -> list[Call]:
    """Leave out the calls whose results are never read: neither by a call nor from outside."""
    read = {trace.block(a) for a in results}
    needed = []
    for call in reversed(calls):
        block = trace.block(call.out)
        if block in read or not (block and block.own):
            needed.append(call)
            read |= {trace.block(a) for a in call.arrays}
    return needed[::-1]


def shorten(trace: Trace, calls: Sequence[Call]) -> list[Call]:
    """Let a call write where its result is copied to.

    Few numbers have to be copied soon, and be read by nothing else. Many may be read by other calls
    before they are copied; these then read the copy.
    """
    written = Counter(trace.block(call.out) for call in calls)
    read = Counter(block for call in calls for block in {trace.block(a) for a in call.inputs})
    short: list[Call] = []
    for call in calls:
        block = trace.block(call.inputs[0]) if call.function is copy_into else None
        if block is not None and block.own and written[block] == 1:
            k = _written(trace, short, block, call.inputs[0])
            if (
                k is not None
                and _fits(short[k], call)
                and _can_move(trace, short[k:], call, read[block])
            ):
                short[k:] = [_with_copy(each, call) for each in short[k:]]
                continue
        short.append(call)
    return short


def _written(trace: Trace, calls: Sequence[Call], block: Block, a: np.ndarray) -> int | None:
    """Return which call has written a, among the last ones, or among all if a is large."""
    farthest = 0 if a.nbytes >= _LARGE else max(len(calls) - _SOON, 0)
    places = range(len(calls) - 1, farthest - 1, -1)
    k = next((k for k in places if trace.block(calls[k].out) is block), None)
    return k if k is not None and is_same(calls[k].out, a) else None


def _can_move(trace: Trace, calls: Sequence[Call], copy: Call, reads: int) -> bool:
    """Tell whether the first of the calls may write to the copy, and the others may read that.

    Not so `np.negative`: NumPy 2.4 gets every second number wrong that it writes 64 bytes apart.
    """
    (a,), (first, *others) = copy.inputs, calls
    readers = [call for call in others if any(is_same(x, a) for x in call.inputs)]
    return (
        first.function is not np.negative
        and len(readers) + 1 == reads
        and (not readers or a.nbytes >= _LARGE)
        and all(is_elementwise(call) for call in readers)
        and not any(_meet(copy.out, x) for call in others for x in call.arrays)
    )


def _with_copy(call: Call, copy: Call) -> Call:
    """Return a call that works on the copy instead of what is copied."""
    (a,) = copy.inputs
    inputs, out = (
        tuple(copy.out if is_same(x, a) else x for x in arrays)
        for arrays in (call.inputs, [call.out])
    )
    return call._replace(inputs=inputs, out=out[0])


def _meet(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two arrays have a number in common, or may have one."""
    try:
        return np.shares_memory(a, b, max_work=_MOST_WORK)  # type: ignore[arg-type]  # any number
    except np.exceptions.TooHardError:
        return True


def plan(
    trace: Trace, calls: Sequence[Call], results: Sequence[np.ndarray], copies: int
) -> tuple[dict[Block, int], int]:
    """Return where in the memory each own block begins, in bytes, and how much there is in all.

    Each is there so many times, one copy directly after the other.
    """
    lives = _lives(trace, calls, results)
    inside = _write_over(trace, calls, lives)
    placed: list[tuple[int, int, int, int]] = []  # (start, end, first call, last call)
    offsets: dict[Block, int] = {}
    for block in sorted(lives, key=lambda b: b.start - b.end):  # the largest first
        size = -(-(block.end - block.start) * copies // _ALIGNMENT) * _ALIGNMENT
        first, last = lives[block]
        at = 0
        for start, end, other_first, other_last in sorted(placed):
            if other_last < first or last < other_first:
                continue
            if at + size <= start:
                break
            at = max(at, end)
        placed.append((at, at + size, first, last))
        offsets[block] = at
    for block, root in inside.items():
        offsets[block] = offsets[root]
    return offsets, max((end for _, end, _, _ in placed), default=0)


def _lives(
    trace: Trace, calls: Sequence[Call], results: Sequence[np.ndarray]
) -> dict[Block, tuple[int, int]]:
    """Return the first and the last call that each own block takes part in."""
    lives: dict[Block, tuple[int, int]] = {}
    uses = [(k, a) for k, call in enumerate(calls) for a in call.arrays]
    for k, a in [*uses, *((len(calls), a) for a in results)]:
        block = trace.block(a)
        if block is not None and block.own:
            lives[block] = lives.get(block, (k, k))[0], k
    return lives


def _write_over(
    trace: Trace, calls: Sequence[Call], lives: dict[Block, tuple[int, int]]
) -> dict[Block, Block]:
    """Join blocks, in `lives` too, where a call may write over an input that ends with it."""
    inside: dict[Block, Block] = {}
    for k, call in enumerate(calls):
        own = trace.block(call.out)
        if own not in lives or lives[own][0] != k or not is_elementwise(call):
            continue
        if not _is_whole(call.out, own):
            continue
        for a in call.inputs:
            block = trace.block(a)
            root = inside.get(block, block)  # type: ignore[arg-type]
            others = [b for b in call.inputs if b is not a and not is_same(a, b)]
            alone = all(inside.get(c, c) is not root for c in map(trace.block, others))  # type: ignore[arg-type]
            if root in lives and lives[root][1] == k and alone and _covers(a, block, call.out):
                lives[root] = lives[root][0], lives.pop(own)[1]
                inside |= {b: root for b, r in inside.items() if r is own} | {own: root}
                break
    return inside


def _covers(a: np.ndarray, block: Block | None, out: np.ndarray) -> bool:
    """Tell whether a is its whole block, and laid out as `out`."""
    alike = (a.shape, a.strides, a.dtype) == (out.shape, out.strides, out.dtype)
    return alike and _is_whole(a, block)


def _is_whole(a: np.ndarray, block: Block | None) -> bool:
    """Tell whether a fills its block."""
    return block is not None and a.nbytes == block.end - block.start


def _fits(call: Call, copy: Call) -> bool:
    """Tell whether a call may as well write to the copy, of the same type.

    The axes have to be in the same order in memory, but for products of matrices that lie in rows.
    """
    (a,), out = copy.inputs, copy.out
    alike = (a.shape, a.dtype) == (out.shape, out.dtype)
    in_rows = out.ndim > 2 and out.strides[-1] == out.itemsize and out.strides[-2] > 0
    return alike and (_order(a) == _order(out) or (call.function is np.matmul and in_rows))


def _order(a: np.ndarray) -> list[int]:
    """Return the axes that are longer than 1, the outermost in memory first."""
    return sorted((k for k in range(a.ndim) if a.shape[k] > 1), key=lambda k: -a.strides[k])
