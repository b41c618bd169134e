"""NumPy calls that are noted while plain code runs.

A traced array computes what any array computes, and notes each call that it takes part in: which
function, of which arrays, into which array. What it cannot follow it refuses: a number taken out of
an array (`float(x)`, `if x > 0`), an index that copies, a function that it does not know. Without
that, the noted calls would repeat a number that was right only once.
"""

from bisect import bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

import numpy as np
from numpy.lib.array_utils import byte_bounds

from scratch.compiler.calls import (
    Call,
    Drawing,
    add_at,
    copy_into,
    put_into,
    select_into,
    take_rows,
)

__all__ = ["Block", "CannotFollow", "Trace", "plain"]

_MANY = 2**17  # numbers: a copy of more of them takes longer than the conversion within a call


class CannotFollow(TypeError):
    """Plain code did something that the noted calls would not repeat."""


@dataclass(frozen=True, eq=False)
class Block:
    """The memory of one array: made by a noted call, its own, or there before."""

    start: int
    end: int
    base: np.ndarray
    own: bool


class Trace:
    """The calls noted so far, and the memory that they work on.

    `padded` says of arrays (n, d) that a one follows each row: [X 1] (n, d + 1) beside X.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.padded: list[tuple[np.ndarray, np.ndarray]] = []
        self._blocks: list[Block] = []  # in the order of their addresses

    def watch(self, a: np.ndarray) -> "TracedArray":
        """Return a traced view of an array that is there before the calls and after them."""
        a = plain(a)
        if a.size and self.block(a) is None:
            insort(self._blocks, Block(*byte_bounds(a), a, own=False), key=lambda b: b.start)
        return self._traced(a)

    def block(self, a: np.ndarray) -> Block | None:
        """Return the memory that an array lies in, or None where it is not known."""
        start = byte_bounds(a)[0]
        i = bisect_right(self._blocks, start, key=lambda b: b.start) - 1
        return self._blocks[i] if i >= 0 and start < self._blocks[i].end else None

    def room(self, like: np.ndarray) -> "TracedArray":
        """Return memory of its own to fill, laid out as the array."""
        out = _aligned_like(like)
        if out.size:
            insort(self._blocks, Block(*byte_bounds(out), out, own=True), key=lambda b: b.start)
        return self._traced(out)

    def is_constant(self, a: Any) -> bool:
        """Tell whether an array was not made by a noted call."""
        block = self.block(a) if isinstance(a, TracedArray) else None
        return block is None or not block.own

    def note(self, function: Callable[..., Any], *inputs: Any, out: Any, **options: Any) -> Any:
        """Note a call whose result `out` holds already."""
        if out.size:
            self.calls.append(Call(function, tuple(map(plain, inputs)), plain(out), options))
        return self._traced(out)

    def keep(self, function: Callable[..., Any], *inputs: Any, result: Any, **options: Any) -> Any:
        """Note a call whose result has no place yet; it is copied to memory of its own."""
        out = self.room(np.asarray(result))
        plain(out)[...] = result
        return self.note(function, *inputs, out=out, **options)

    def draw(self, drawn: np.ndarray, function: Callable[..., np.ndarray]) -> "TracedArray":
        """Note that an array was drawn, and is to be drawn anew by a function of its shape."""
        return self.keep(Drawing(function), result=drawn)

    def copy(self, a: np.ndarray, result: np.ndarray) -> "TracedArray":
        """Note that `result` was copied from a, perhaps to another type or another order."""
        return self.keep(copy_into, a, result=result)

    def call(self, ufunc: np.ufunc, method: str, inputs: Any, out: Any, options: Any) -> Any:
        """Call a ufunc on plain arrays, and note it."""
        if ufunc is np.add and method == "at":
            return self._add_at(*inputs)
        name = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else "")
        options = {k: v for k, v in options.items() if k not in _DEFAULTS or v is not _DEFAULTS[k]}
        known = options.keys() <= {"axis", "keepdims"} if method == "reduce" else not options
        if not known or method not in ("__call__", "reduce") or ufunc.nout != 1:
            raise CannotFollow(f"{name} with {list(options)} cannot be repeated")
        if out is not None and self.block(out) is None:
            raise CannotFollow(f"{name} writes into an array that the noted calls do not know")
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        arrays = self._of_one_type(ufunc, inputs) if method == "__call__" else inputs
        arrays = tuple(map(plain, arrays))
        if out is None:
            result = function(*arrays, **options)
            if function == np.maximum.reduce and _is_of_short_rows(arrays[0], options):
                return self._maximum_of_columns(arrays[0], result)
            return self.keep(function, *arrays, result=result, **options)
        function(*arrays, out=plain(out), **options)
        return self.note(function, *arrays, out=out, **options)

    def _maximum_of_columns(self, a: np.ndarray, result: np.ndarray) -> Any:
        """Note the maximum of short rows as that of its columns, of which NumPy is faster."""
        out = self.room(result)
        plain(out)[...] = result
        largest, columns = plain(out).reshape(a.shape[:-1]), np.moveaxis(a, -1, 0)
        for i, column in enumerate(columns[1:]):
            self.note(np.maximum, largest if i else columns[0], column, out=largest)
        return out

    def _add_at(self, out: Any, indices: Any, a: np.ndarray) -> None:
        if self.block(out) is None or not isinstance(indices, TracedArray):
            raise CannotFollow("np.add.at is repeated at computed places of a known array alone")
        np.add.at(plain(out), plain(indices), plain(a))
        self.note(add_at, indices, a, out=out)

    def _of_one_type(self, ufunc: np.ufunc, inputs: Any) -> list[np.ndarray]:
        """Return the inputs as arrays of the types that the ufunc computes with.

        It would convert them itself, by way of a buffer: of few numbers, that takes longer than a
        copy; of many, to write and read the copy takes longer.
        """
        weak = tuple(
            plain(x).dtype if isinstance(x, np.ndarray | np.generic) else type(x) for x in inputs
        )
        types = ufunc.resolve_dtypes((*weak, None))
        arrays = []
        for x, dtype in zip(inputs, types, strict=False):
            if not isinstance(x, np.ndarray):
                x = np.asarray(x, dtype)
            elif x.dtype != dtype and isinstance(x, TracedArray) and x.size <= _MANY:
                x = x.astype(dtype)
            arrays.append(x)
        return arrays

    def _traced(self, a: np.ndarray) -> "TracedArray":
        traced = a.view(TracedArray)
        traced._noted_in = ref(self)
        return traced


class TracedArray(np.ndarray):
    """An array that notes the calls it takes part in; so do its views and their results.

    It does not keep its trace alive: the trace keeps views of it, and no collector follows an array
    to what it is a view of, so that both would stay for ever. Without its trace it notes nothing.
    """

    _noted_in: ReferenceType[Trace] | None

    def __array_finalize__(self, source: Any) -> None:
        self._noted_in = getattr(source, "_noted_in", None)

    @property
    def noted_in(self) -> Trace:
        """The trace that it is part of; a new one if that is gone."""
        return (self._noted_in and self._noted_in()) or Trace()

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (None,), **options: Any
    ) -> Any:
        """Call a ufunc, and note it."""
        return self.noted_in.call(ufunc, method, inputs, out[0], options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Call one of NumPy's other functions, if it is known to make a view or noted calls."""
        if function in _MADE_OF_METHODS:
            return super().__array_function__(function, types, args, kwargs)
        if function not in _OTHERS:
            raise CannotFollow(f"np.{function.__name__} cannot be repeated")
        return _OTHERS[function](self.noted_in, *args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        view = super().__getitem__(key)
        if not isinstance(view, TracedArray) or (view.size and not np.may_share_memory(view, self)):
            raise CannotFollow("an index that copies cannot be repeated: use take, or a slice")
        return view

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, np.ndarray) and self.noted_in.is_constant(key):
            plain(self)[plain(key)] = plain(value)
            self.noted_in.note(put_into, value, out=self, index=plain(key))
            return
        target = self[key]
        value = value if isinstance(value, np.ndarray) else np.asarray(value, target.dtype)
        plain(target)[...] = plain(value)
        self.noted_in.note(copy_into, value, out=target)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """Return the view, or the noted copy, in another shape."""
        result = plain(self).reshape(*shape, **options)
        if not result.size or np.may_share_memory(result, self):
            return super().reshape(*shape, **options)
        rows = np.empty(self.shape, self.dtype)  # in the order in which reshape counts
        rows[...] = plain(self)
        return self.noted_in.copy(self, rows).reshape(*shape, **options)

    def astype(self, dtype: Any) -> Any:  # type: ignore[override]
        """Return a noted copy of another type."""
        return self.noted_in.copy(self, plain(self).astype(dtype))

    def copy(self, order: Any = "K") -> Any:
        """Return a noted copy."""
        return self.noted_in.copy(self, plain(self).copy(order))

    def argmax(self, axis: int) -> Any:  # type: ignore[override]
        """Return the places of the maxima along an axis."""
        result = plain(self).argmax(axis)
        return self.noted_in.keep(np.argmax, self, result=result, axis=axis)

    def take(self, indices: Any, axis: int | None = None) -> Any:  # type: ignore[override]
        """Return the elements at constant places along an axis, or rows; a vector has one axis."""
        if axis == 0 and self.ndim == 2 and not self.noted_in.is_constant(indices):
            rows = plain(self).take(plain(indices), 0)
            return self.noted_in.keep(take_rows, self, indices, result=rows)
        if not self.noted_in.is_constant(indices) or (axis is None and self.ndim > 1):
            raise CannotFollow(
                "take from more than an axis, or at computed places, is not repeated"
            )
        axis = axis or 0
        indices = plain(indices)
        result = plain(self).take(indices, axis)
        return self.noted_in.keep(
            np.take, self, result=result, indices=indices, axis=axis, mode="clip"
        )


def plain(a: Any) -> Any:
    """Return the same numbers as an array that notes nothing."""
    return a.view(np.ndarray) if isinstance(a, TracedArray) else a


def _aligned_like(a: np.ndarray) -> np.ndarray:
    """Return an array to fill, its axes in the same order in memory, that begins at 64 bytes."""
    order = sorted(range(a.ndim), key=lambda i: -abs(a.strides[i]))
    memory = np.empty(a.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    ordered = memory[start : start + a.nbytes].view(a.dtype).reshape([a.shape[i] for i in order])
    return ordered.transpose(np.argsort(order)) if order else ordered.reshape(())


def _is_of_short_rows(a: np.ndarray, options: dict[str, Any]) -> bool:
    """Tell whether each reduction is over a row of few numbers."""
    return options.get("axis") in (-1, a.ndim - 1) and 1 < a.shape[-1] <= _SHORT and a.ndim > 1


def _filled(trace: Trace, like: Any, shape: Any, value: Any) -> Any:
    out = np.full_like(plain(like), value, shape=shape)
    return trace.keep(copy_into, np.asarray(value, out.dtype), result=out)


def _where(trace: Trace, condition: Any, a: Any, b: Any) -> Any:
    result = np.where(plain(condition), plain(a), plain(b))
    a, b = (x if isinstance(x, np.ndarray) else np.asarray(x, result.dtype) for x in (a, b))
    return trace.note(select_into, a, condition, out=trace.copy(b, result))


_SHORT = 16  # numbers in a row
_DEFAULTS = {"where": True, "dtype": None}
_MADE_OF_METHODS = {
    np.transpose,
    np.swapaxes,
    np.moveaxis,
    np.expand_dims,
    np.reshape,
    np.shape,
    np.ndim,
    np.size,
    byte_bounds,
    np.may_share_memory,
}
_OTHERS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.empty_like: lambda trace, a, *, shape=None: trace.room(np.empty_like(plain(a), shape=shape)),
    np.zeros_like: lambda trace, a, *, shape=None: _filled(trace, a, shape, 0),
    np.full_like: lambda trace, a, value, *, shape=None: _filled(trace, a, shape, value),
}
# Methods that need no note: they make views, look at no number, or end in ufuncs.
_SAFE = {"max", "min", "sum", "squeeze", "swapaxes", "transpose", "view"}
_TAKES_A_NUMBER_OUT = "__bool__ __complex__ __contains__ __float__ __index__ __int__ __iter__"


def _refuse(name: str) -> Callable[..., Any]:
    def method(self: TracedArray, *args: Any, **options: Any) -> Any:
        raise CannotFollow(f"ndarray.{name} cannot be repeated")

    return method


for _name in [*dir(np.ndarray), *_TAKES_A_NUMBER_OUT.split()]:
    _known = _name in _SAFE or _name in vars(TracedArray)
    _is_method = callable(getattr(np.ndarray, _name, None))
    if _is_method and not _known and (_name in _TAKES_A_NUMBER_OUT or _name[0] != "_"):
        setattr(TracedArray, _name, _refuse(_name))
