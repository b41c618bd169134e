"""NumPy calls that are noted while some code runs, and repeated without that code.

A small network's arithmetic takes less time than the Python around it: looking up arrays, checking
names and arguments, choosing the function for the types. What a function computes by NumPy's
ufuncs (`np.add`, `np.exp`, `np.matmul`, `z += b`), in arrays that stay where they are, can be noted
once, as a list of calls with all their arguments; repeating the list computes the same numbers, bit
for bit, from whatever the arrays hold by then.

A call is noted if it is given a noted array: an argument of the function, or what a noted call
returned. What is no ufunc is not noted: numbers drawn, `float(x)`, `x[i] = 1`, `if x > 0`. A
function with results that depend on such things must not be recorded; `scratch.replay` lists the
layers and losses that may be.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Recording"]


# NumPy takes no third argument of these by its place.
_OUT_BY_NAME = {np.maximum, np.minimum}


class Recording:
    """The ufunc calls that led from the given arrays to the results of a function.

    `results` are the arrays that the function returned; `repeat` computes them anew.

    >>> x = np.array([1.0, 4.0])
    >>> recording = Recording(lambda x: [np.sqrt(x) + 1], x)
    >>> x[:] = 9, 16
    >>> recording.repeat()
    >>> recording.results
    [array([4., 5.])]
    """

    def __init__(self, function: Callable[..., Iterable[np.ndarray]], *arrays: np.ndarray) -> None:
        calls: list[_Call] = []
        self.results = [_plain(a) for a in function(*(_note(a, calls) for a in arrays))]
        self.calls = [call.repeat for call in _needed(calls, self.results)]

    def repeat(self) -> None:
        """Compute the results from what the arrays hold now."""
        for call in self.calls:
            call()


class _Call(NamedTuple):
    repeat: Callable[[], Any]
    inputs: list[np.ndarray]
    out: np.ndarray


class _NotedArray(np.ndarray):
    """An array that notes the ufunc calls it takes part in; so do its views and their results."""

    calls: list[_Call]

    def __array_finalize__(self, source: Any) -> None:
        self.calls = getattr(source, "calls", [])

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (None,), **options: Any
    ) -> Any:
        """Make the call on plain arrays, and note it with an array for its result."""
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        inputs = tuple(map(_plain, inputs))
        dtype = np.result_type(*inputs)  # a Python number takes the arrays' type: convert it once
        arrays = [x if isinstance(x, np.ndarray) else np.asarray(x, dtype) for x in inputs]
        result = np.asarray(function(*arrays, out=_plain(out[0]), **options))
        if function is ufunc and not options and ufunc not in _OUT_BY_NAME:
            repeat = partial(ufunc, *arrays, result)  # by name it would take longer to read
        else:
            repeat = partial(function, *arrays, out=result, **options)
        if ufunc is np.matmul and _is_one_product(arrays[0], arrays[1], result):
            repeat = partial(arrays[0].dot, arrays[1], result)
        self.calls.append(_Call(repeat, arrays, result))
        return _note(result, self.calls)


def _note(a: np.ndarray, calls: list[_Call]) -> _NotedArray:
    noted = a.view(_NotedArray)
    noted.calls = calls
    return noted


def _plain(a: Any) -> Any:
    return a.view(np.ndarray) if isinstance(a, _NotedArray) else a


def _is_one_product(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> bool:
    """Tell whether `A.dot(B, out)`, the same product by BLAS with less around it, may stand in."""
    one_type = A.dtype == B.dtype == out.dtype
    return A.ndim == B.ndim == 2 and one_type and out.flags.c_contiguous


def _needed(calls: list[_Call], results: list[np.ndarray]) -> list[_Call]:
    """Leave out the calls whose result is never read before it is written over."""
    read, needed = list(results), []
    for call in reversed(calls):
        if any(np.may_share_memory(call.out, a) for a in read):
            needed.append(call)
            read = [a for a in read if not _same(a, call.out)] + call.inputs
    return needed[::-1]


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether the two are the same numbers in memory."""
    return a.__array_interface__ == b.__array_interface__
