"""Noted calls, bound to memory, as one function without arguments.

`Program` repeats the calls as they were noted. With `stack=s` it repeats them for s trainings at
once: every array that the calls work on gets a first axis of length s, and NumPy does the same with
each of the s, one after the other, in one call.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from scratch.compiler.calls import Call, copy_into, fill_with, select_into
from scratch.compiler.large import compare_early, maximum_with_rows
from scratch.compiler.memory import aligned, plan, prune, shorten
from scratch.compiler.packing import pack
from scratch.compiler.products import rearrange
from scratch.compiler.rewriting import rewrite
from scratch.compiler.rows import rearrange_rows
from scratch.compiler.source import is_elementwise, write
from scratch.compiler.tracing import Trace

__all__ = ["Program", "aligned"]

_PART = 2**17  # bytes of a long vector that are taken through a run of calls together


class Program:
    """The calls of a trace that lead to the results, and to what lies outside the trace.

    `run()` computes the results from what the watched arrays hold now.

    `outer` gives, in a stack, the array (s, ...) that stands for each array that was watched.

    >>> x = np.array([1.0, 4.0])
    >>> trace = Trace()
    >>> program = Program(trace, [np.sqrt(trace.watch(x)) + 1])
    >>> x[:] = 9, 16
    >>> program.run()
    >>> program.results
    [array([4., 5.])]
    """

    def __init__(
        self,
        trace: Trace,
        results: Sequence[np.ndarray],
        *,
        stack: int | None = None,
        outer: Sequence[tuple[np.ndarray, np.ndarray]] = (),
    ) -> None:
        self.trace, self.stack = trace, stack
        self._outer = {trace.block(a): stacked for a, stacked in outer}
        calls, ones = rewrite(trace, shorten(trace, prune(trace, trace.calls, results)), results)
        calls = prune(trace, calls, results)
        calls = maximum_with_rows(trace, compare_early(trace, calls))
        if stack is None:
            calls, results = pack(trace, calls, results)
        else:  # whose calls are on many numbers
            self._outer |= {trace.block(a): np.ones((stack, *a.shape), a.dtype) for a in ones}
        self._offsets, self.nbytes = plan(trace, calls, results, stack or 1)
        self._memory = aligned((self.nbytes,), np.dtype(np.uint8))
        self._memory[...] = 0
        moved = [call._replace(**self._move_call(call)) for call in calls]
        self.run = write(rearrange(moved if stack else rearrange_rows(_in_parts(moved))))
        self.results = [self._move(a, a.ndim) for a in results]

    def _move_call(self, call: Call) -> dict[str, Any]:
        """Return what is different about a call in this program's memory."""
        out = self._move(call.out, 0)
        if call.function is copy_into and self._is_a_number(call.inputs[0]):
            value = {"value": call.inputs[0].item()}
            return {"function": fill_with, "inputs": (), "out": out, "options": value}
        broadcast = isinstance(call.function, np.ufunc) or call.function in (copy_into, select_into)
        ndim = call.out.ndim if broadcast else 0
        inputs = tuple(self._move(a, ndim) for a in call.inputs)
        options = call.options if self.stack is None else _shift(call)
        return {"inputs": inputs, "out": out, "options": options}

    def _is_a_number(self, a: np.ndarray) -> bool:
        """Tell whether an array is a number of the code, always the same."""
        return not a.ndim and self.trace.block(a) is None

    def _move(self, a: np.ndarray, ndim: int) -> np.ndarray:
        """Return the array in the program's memory, in a stack with s before its `ndim` axes."""
        block = self.trace.block(a)
        if block is None or (not block.own and self.stack is None):
            return a
        at, memory, step = a.ctypes.data - block.start, self._memory, 0
        if block.own:
            step = block.end - block.start
            at += self._offsets[block]
        elif block in self._outer:
            memory = self._outer[block]
            step = memory.strides[0]
        else:
            return a  # the same for all
        if self.stack is None:
            return np.ndarray(a.shape, a.dtype, memory.data, at, a.strides)
        ones = (1,) * max(ndim - a.ndim, 0)
        shape, strides = (self.stack, *ones, *a.shape), (step, *(0 for _ in ones), *a.strides)
        return np.ndarray(shape, a.dtype, memory.data, at, strides)


def _shift(call: Call) -> dict[str, Any]:
    """Return a call's options where every array has one more axis in front."""
    options = dict(call.options)
    if "index" in options:
        options["index"] = (slice(None), options["index"])
    if "axis" in options or _is_reduction(call):
        ndim, axis = call.inputs[0].ndim, options.get("axis", 0)
        axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        shifted = tuple(each % ndim + 1 for each in axes)
        options["axis"] = shifted if len(shifted) > 1 else shifted[0]
    return options


def _is_reduction(call: Call) -> bool:
    return getattr(call.function, "__name__", "") == "reduce"


def _in_parts(calls: Sequence[Call]) -> list[Call]:
    """Take long vectors through each run of calls in parts that stay in the processor's cache."""
    cut: list[Call] = []
    for n, group in groupby(calls, key=_vector_length):
        run = list(group)
        step = _PART // run[0].out.itemsize
        if n <= step or len(run) == 1 or _overlap(run):
            cut += run
            continue
        for part in (slice(i, i + step) for i in range(0, n, step)):
            for call in run:
                inputs = tuple(a[part] if a.ndim else a for a in call.inputs)
                cut.append(call._replace(inputs=inputs, out=call.out[part]))
    return cut


def _vector_length(call: Call) -> int:
    """Return the length of the vectors that a call takes element by element, or 0."""
    arrays = [a for a in call.arrays if a.ndim]
    are_vectors = all(a.ndim == 1 and a.flags.c_contiguous for a in arrays)
    if not arrays or not are_vectors or not is_elementwise(call):
        return 0
    sizes = {a.size for a in arrays}
    return sizes.pop() if len(sizes) == 1 and call.out.ndim else 0


def _overlap(run: Sequence[Call]) -> bool:
    """Tell whether two of the vectors share memory without being the same."""
    bounds = sorted({(a.ctypes.data, a.nbytes) for call in run for a in call.arrays if a.ndim})
    return any(start + size > after for (start, size), (after, _) in pairwise(bounds))
