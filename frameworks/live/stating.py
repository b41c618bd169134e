"""How a reader states facts: a kind, and for each setting its meaning and the framework's words.

A setting that does something only if it is set (a clipping, a constraint, a frozen weight) is
stated only if it is set. So both sides state the same, whatever else they could have been given.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from frameworks.recordings.trace import Facts, Value
from scratch.layers.windows import same_padding

__all__ = [
    *("STATED_RATES", "Entry", "described", "facts", "given", "number", "of_window"),
    *("own_kind", "plain_attributes", "window"),
]

STATED_RATES = 50  # of a schedule: the first ones, as the framework itself computes them
Entry = tuple[Value, str]  # the meaning, and the framework's own words


def facts(kind: str, entries: Mapping[str, Entry]) -> Facts:
    """Return the facts that the entries state.

    >>> facts("dropout", {"rate": (0.5, "p=0.5")})
    Facts(kind='dropout', values={'rate': 0.5}, said={'rate': 'p=0.5'})
    """
    return Facts(
        kind,
        {name: value for name, (value, _) in entries.items()},
        {name: words for name, (_, words) in entries.items()},
    )


def own_kind(cls: type) -> str:
    """Return the kind of a class of one's own, by its name; a stock kind has no capitals.

    >>> own_kind(type("Descent", (), {})), own_kind(type("sgd", (), {}))
    ('Descent', 'Sgd')
    """
    name = cls.__name__
    return name.title() if name == name.lower() else name


def given(thing: Any, **names: str) -> dict[str, Entry]:
    """Return entries of the attributes that an object has under other names.

    >>> from types import SimpleNamespace
    >>> given(SimpleNamespace(eps=1e-8), epsilon="eps")
    {'epsilon': (1e-08, 'eps=1e-08')}
    """
    found = {name: getattr(thing, own) for name, own in names.items()}
    return {name: (_plain(value), f"{names[name]}={value!r}") for name, value in found.items()}


def _plain(value: Any) -> Value:
    """Return lists as tuples, and numbers of NumPy as Python's: facts are compared, and stored."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def described(thing: Any, beside: Iterable[str] = ()) -> str:
    """Return the name of an object's class with the attributes that are plain values.

    >>> from types import SimpleNamespace
    >>> described(SimpleNamespace(limit=2.0, axis=(0, 1), other=[]))
    'SimpleNamespace(limit=2.0, axis=(0, 1))'
    """
    if (name := getattr(thing, "__name__", None)) is not None:
        return str(name)  # a function
    own = (f"{k.lstrip('_')}={v!r}" for k, v in plain_attributes(thing, beside).items())
    return f"{type(thing).__name__}({', '.join(own)})"


def plain_attributes(thing: Any, beside: Iterable[str] = ()) -> dict[str, Value]:
    """Return the attributes of an object that are numbers, words or tuples of them, by name.

    A framework may hold a number in a tensor.
    """
    own = getattr(thing, "__dict__", {}).items()
    every = {k: _plain(float(v) if _is_single(v) else v) for k, v in own if k not in beside}
    return {name: value for name, value in every.items() if _is_plain(value)}


def _is_single(value: Any) -> bool:
    return getattr(value, "shape", None) == ()


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str)


def number(x: Any) -> float:
    """Return a number of Python for one of NumPy or of a framework."""
    return float(x.item() if hasattr(x, "item") else x)


def window(
    size: Iterable[int],
    stride: Iterable[int],
    padding: Iterable[tuple[int, int]] | str,
    dilation: Iterable[int],
    input_shape: tuple[int, ...] | None,
) -> tuple[tuple[int, int], ...] | str:
    """Return the numbers (before, after) with which each axis is padded, as far as any is read.

    `padding` is what a framework asks for: "valid", "same", "causal", or numbers. What lies beyond
    the last window has no effect and is not counted: at stride 2, a window of 3 on an even length
    that is padded by (1, 1) reads only the first. "same" stays a word if the shape is not known.

    >>> window((3,), (2,), [(1, 1)], (1,), (28, 1)), window((3,), (2,), "same", (1,), (28, 1))
    (((1, 0),), ((0, 1),))
    """
    sizes = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    if isinstance(padding, str) and padding != "same":
        padding = [(k - 1, 0) if padding == "causal" else (0, 0) for k in sizes]
    if input_shape is None:
        return padding if isinstance(padding, str) else tuple(padding)
    lengths = input_shape[: len(sizes)]
    if isinstance(padding, str):
        steps = zip(lengths, sizes, stride, strict=True)
        return tuple(same_padding(n, k, s) for n, k, s in steps)
    axes = zip(lengths, sizes, stride, padding, strict=True)
    return tuple(of_window(n, k, s, *sides) for n, k, s, sides in axes)


def of_window(length: int, size: int, stride: int, before: int, after: int) -> tuple[int, int]:
    """Return the padding (before, after) of one axis that is inside any window.

    >>> of_window(28, 3, 2, 1, 1), of_window(28, 3, 1, 1, 1), of_window(5, 2, 2, 0, 0)
    ((1, 0), (1, 1), (0, 0))
    """
    count = (length + before + after - size) // stride + 1
    return before, max((count - 1) * stride + size - length - before, 0)
