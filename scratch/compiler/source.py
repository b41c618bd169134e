"""Calls on arrays as Python source: a line each, in the form that reaches NumPy's loops soonest.

What surrounds the arithmetic of a small network is the larger part of its step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratch.compiler.calls import Call, copy_into, fill_with, put_into, select_into

__all__ = ["is_elementwise", "write"]

_NAMED_OUT = {np.maximum, np.minimum}  # NumPy warns where theirs is the third of the arguments


def write(calls: Sequence[Call]) -> Callable[[], None]:
    """Return a function that makes the calls, in order.

    >>> x = np.array([1.0, 4.0])
    >>> write([Call(np.sqrt, (x,), x, {}), Call(np.add, (x, x), x, {})])()
    >>> x
    array([2., 4.])
    """
    names = Names()
    lines = [_line(call, names) for call in calls]
    source = "\n    ".join(["def run():", *lines, "return None"])
    exec(compile(source, "<compiled step>", "exec"), names.values)
    return names.values["run"]


def is_elementwise(call: Call) -> bool:
    """Tell whether each number of the result comes from the numbers at its own place alone."""
    return isinstance(call.function, np.ufunc) and call.function.signature is None


class Names:
    """A name for each object in the source, one for all arrays that are the same numbers.

    NumPy sees by the object that a call writes over its input, and else has to find out.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._objects: dict[Any, Any] = {}

    def __call__(self, value: Any) -> str:
        value = self.one(value)
        name = f"_{id(value)}"
        self.values[name] = value  # which keeps it alive, and its id its own
        return name

    def one(self, value: Any) -> Any:
        """Return the object that stands for all that are the same."""
        key = value
        if isinstance(value, np.ndarray):
            key = value.ctypes.data, value.shape, value.strides, value.dtype, value.flags.writeable
            return self._objects.setdefault(key, value)
        return value


def _line(call: Call, names: Names) -> str:
    function, inputs, out, options = call
    a, target = names(inputs[0]) if inputs else "", names(out)
    if function is fill_with:
        return f"{names(names.one(out).fill)}({names(options['value'])})"
    if function is copy_into:
        return f"{target}[...] = {a}"
    if function is select_into:
        return f"{names(np.copyto)}({target}, {a}, 'same_kind', {names(inputs[1])})"
    if function is put_into:
        return f"{target}[{names(options['index'])}] = {a}"
    if function is np.take:
        take, indices = names(inputs[0].take), names(options["indices"])
        return f"{take}({indices}, {options['axis']}, {target}, 'clip')"
    if function is np.argmax:
        return f"{names(inputs[0].argmax)}({options['axis']}, {target})"
    if getattr(function, "__name__", "") == "reduce":
        axis, keepdims = options.get("axis", 0), options.get("keepdims", False)
        return f"{names(function)}({a}, {axis}, None, {target}, {keepdims})"
    if function is np.matmul and _is_one_product(inputs[0], inputs[1], out):
        return f"{names(inputs[0].dot)}({names(inputs[1])}, {target})"
    return _other_line(call, names)


def _other_line(call: Call, names: Names) -> str:
    """Return a call that ends in its `out`."""
    inputs, out = _without_ones(call) if is_elementwise(call) else (call.inputs, call.out)
    arguments = [names(a) for a in inputs]
    by_place = isinstance(call.function, np.ufunc) and call.function not in _NAMED_OUT
    arguments.append(names(out) if by_place else f"out={names(out)}")
    arguments += [f"{option}={names(value)}" for option, value in call.options.items()]
    return f"{names(call.function)}({', '.join(arguments)})"


def _is_one_product(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> bool:
    """Tell whether `A.dot(B, out)`, the same product by BLAS with less around it, may stand in."""
    one_type = A.dtype == B.dtype == out.dtype
    whole = all(a.flags.c_contiguous or a.flags.f_contiguous for a in (A, B))  # it copies others
    return A.ndim == B.ndim == 2 and one_type and whole and out.flags.c_contiguous


def _without_ones(call: Call) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the arrays without axes of length 1: NumPy is faster on vectors and single numbers."""
    inputs, out = call.inputs, call.out
    if not all(a.size == 1 or a.shape == out.shape for a in inputs):
        return list(inputs), out
    shape = [i for i in out.shape if i != 1] or [1] * bool(out.ndim)
    flat = [a.squeeze() if a.size > 1 or out.size == 1 else a.reshape(()) for a in inputs]
    return [a if a.size == 1 != out.size else a.reshape(shape) for a in flat], out.reshape(shape)
