"""Two calls on arrays that lie one after the other in memory are one call on both.

A call of NumPy on few numbers costs about the same however few they are. Adam moves m and v by the
same operations, a sigmoid takes two exponentials, every ReLU asks what is above zero. Where two
such calls could be made at the same time, both results get one place, and one call computes them.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from scratch.compiler.calls import Call, copy_into
from scratch.compiler.source import is_elementwise
from scratch.compiler.tracing import Block, Trace

__all__ = ["FEW", "pack"]

FEW = 2**13  # bytes; the arithmetic on more of them takes longer than the call
_MOST_CALLS = 200

Calls = list[Call]


def pack(
    trace: Trace, calls: Sequence[Call], results: Sequence[np.ndarray]
) -> tuple[Calls, list[np.ndarray]]:
    """Return the same work in fewer calls, and the results where they then are."""
    packing = _Packing(trace, list(calls), list(results))
    while len(calls) <= _MOST_CALLS and packing.pack_two():
        pass
    return packing.calls, packing.results


class _Packing:
    """Calls of which two at a time become one."""

    def __init__(self, trace: Trace, calls: Calls, results: list[np.ndarray]) -> None:
        self.trace, self.calls, self.results = trace, calls, results
        self._known: dict[
            int, tuple[np.ndarray, Block | None]
        ] = {}  # by id; kept, so that it stays

    def pack_two(self) -> bool:
        """Make one of the first two calls that can be one; return whether there are any."""
        by_kind: dict[object, list[int]] = {}
        for j, call in enumerate(self.calls):
            kind = self._kind(call)
            for i in by_kind.get(kind, []) if kind else []:
                at = self._place(i, j)
                if at is not None and self._join(i, j, at):
                    return True
            by_kind.setdefault(kind, []).append(j)
        return False

    def _kind(self, call: Call) -> object:
        """Return what two calls that may be one have in common, or None where there is nothing."""
        is_copy = call.function is copy_into and call.inputs[0].ndim
        if not (is_copy or is_elementwise(call)) or call.options or call.out.nbytes > FEW:
            return None
        if any(a.ndim and a.shape != call.out.shape for a in call.inputs):
            return None
        if not all(a.flags.c_contiguous for a in call.arrays) or not call.out.ndim:
            return None
        numbers = [None if a.ndim else self._number(a) for a in call.inputs]
        return (call.function, *(a.dtype for a in call.arrays), *numbers)

    def _number(self, a: np.ndarray) -> object:
        """Return what tells a number that may change from all others; constants are all alike."""
        return "constant" if self._block(a) is None else a.ctypes.data

    def _block(self, a: np.ndarray) -> Block | None:
        """Return the memory that an array lies in; each one is asked for again and again."""
        if id(a) not in self._known:
            self._known[id(a)] = a, self.trace.block(a)
        return self._known[id(a)][1]

    def _place(self, i: int, j: int) -> int | None:
        """Return where both calls can be made, at i or at j, or None."""
        first, second, between = self.calls[i], self.calls[j], self.calls[i + 1 : j]
        if self._are_apart(second, [first, *between]):
            return i
        return j if self._are_apart(first, [*between, second]) else None

    def _are_apart(self, call: Call, others: Sequence[Call]) -> bool:
        """Tell whether it makes no difference that a call is made before, or after, all others."""
        own = self._block(call.out)
        read = {self._block(a) for a in call.inputs}
        for other in others:
            blocks = {self._block(a) for a in other.arrays}
            if own in blocks and self._meet(call.out, other.arrays):
                return False
            if self._block(other.out) in read and self._meet(other.out, call.inputs):
                return False
        return True

    def _meet(self, out: np.ndarray, arrays: Sequence[np.ndarray]) -> bool:
        return any(np.may_share_memory(out, a) for a in arrays)

    def _join(self, i: int, j: int, at: int) -> bool:
        """Put one call in the place of both, if their arrays can lie one after the other."""
        first, second = self.calls[i], self.calls[j]
        pairs = [pair for pair in zip(first.arrays, second.arrays, strict=True) if pair[0].ndim]
        blocks = [tuple(map(self._block, pair)) for pair in pairs]
        apart = [k for k, pair in enumerate(pairs) if not self._follow(*pair)]
        merged = list(dict.fromkeys(blocks[k] for k in apart))
        involved = [block for pair in merged for block in pair]
        if len(set(involved)) < len(involved) or not all(
            self._is_whole(a) for k in apart for a in pairs[k]
        ):
            return False
        for one, other in merged:
            self._merge(one, other)  # type: ignore[arg-type]
        first, second = self.calls[i], self.calls[j]
        inputs, out = tuple(self._inputs(first, second)), self._one(first.out, second.out)
        self.calls[at] = Call(first.function, inputs, out, {})
        del self.calls[i + j - at]
        return True

    def _is_whole(self, a: np.ndarray) -> bool:
        """Tell whether an array is all of a block that may lie elsewhere."""
        block = self._block(a)
        return block is not None and block.own and a.nbytes == block.end - block.start

    def _follow(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Tell whether b begins in memory where a ends."""
        block = self._block(a)
        if block is None or block is not self._block(b) or not block.base.flags.c_contiguous:
            return False
        return b.ctypes.data == a.ctypes.data + a.nbytes

    def _merge(self, one: Block, other: Block) -> None:
        """Move two blocks, wherever they occur, into a new one."""
        size = one.end - one.start
        room = self.trace.room(np.empty(size + other.end - other.start, np.uint8))
        starts = {one: 0, other: size}

        def move(a: np.ndarray) -> np.ndarray:
            block = self._block(a)
            if block not in starts:
                return a
            at = starts[block] + a.ctypes.data - block.start
            return np.ndarray(a.shape, a.dtype, room.data, at, a.strides)

        self.calls = [
            call._replace(inputs=tuple(map(move, call.inputs)), out=move(call.out))
            for call in self.calls
        ]
        self.results = [move(a) for a in self.results]

    def _inputs(self, first: Call, second: Call) -> Iterator[np.ndarray]:
        """Yield the inputs of both calls in one."""
        for a, b in zip(first.inputs, second.inputs, strict=True):
            if a.ndim:
                yield self._one(a, b)
            elif a.tobytes() == b.tobytes():
                yield a
            else:
                yield np.repeat([a, b], [first.out.size, second.out.size]).astype(a.dtype)

    def _one(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the vector of the numbers of a and then of b, which follow one another."""
        base = self._block(a).base  # type: ignore[union-attr]
        at = a.ctypes.data - base.ctypes.data
        return np.ndarray((a.size + b.size,), a.dtype, base.data, at)
