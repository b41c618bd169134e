"""Numbers of a spec as a user writes them, `hidden=8,16`, each parsed by the type of its field.

Commas separate the values of a grid, hyphens the numbers of one tuple: `hidden=6-6,12-12` are two
tuples. Every number is rounded to float32 once, as `Spec` does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import product
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from frameworks.errors import RequestError, choose, printable
from frameworks.spec import Spec, float32

__all__ = ["Setting", "as_setting", "label_of", "parse_grid", "rank_of", "value_text"]

Setting = tuple[tuple[str, Any], ...]  # names and values that stand in for a spec's own

_FROM_DATA = ("inputs", "outputs")  # `Experiment.spec_for` sets them
_BETWEEN = re.compile(r"(?<=[\w.])(?<![\d.][eE])-")  # a hyphen that is no sign, as in 1e-3--0.5
_LARGEST = float(np.finfo(np.float32).max)
_MOST = 100_000  # combinations
_DIGITS = 15  # of a whole number, as many as float64 keeps


def parse_grid(spec: Spec, texts: Iterable[str], page: str) -> list[Setting]:
    """Return every combination of the values that texts such as "hidden=8,16" list.

    The last text varies fastest; without texts it is one empty setting. The names of a setting are
    in the order of the spec, however they are given, so that equal settings are called the same.
    RequestError, in one sentence, for a name that the spec of `page` does not have, and for a value
    that its field cannot take.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Numbers(Spec):
    ...     hidden: tuple[int, ...] = (4,)
    ...     momentum: float = 0.5
    >>> parse_grid(Numbers(), ["hidden=8,6-6"], "xor")
    [(('hidden', (8,)),), (('hidden', (6, 6)),)]
    >>> parse_grid(Numbers(), ["hiden=8"], "xor")
    Traceback (most recent call last):
    frameworks.errors.RequestError: unknown number of xor 'hiden'; did you mean 'hidden'? \
There are: epochs, batch_size, shuffle, hidden, momentum
    """
    values: dict[str, list[Any]] = {}
    kinds, known = _kinds(spec), [f.name for f in fields(spec) if f.name not in _FROM_DATA]
    for text in texts:
        name, _, listed = (part.strip() for part in text.partition("="))
        if not name or not listed:
            raise RequestError(
                f"--set takes NAME=VALUE, or several values as in hidden=8,16; got {text!r}"
            )
        if name in _FROM_DATA:
            raise RequestError(f"{name} of {page} follows from its data, and cannot be set")
        choose(f"number of {page}", name, known)
        if name in values:
            raise RequestError(
                f"{name} is set twice; list its values in one --set, as in {name}=1,2"
            )
        values[name] = [_read(page, name, kinds[name], part.strip()) for part in listed.split(",")]
    count = int(np.prod([len(each) for each in values.values()], dtype=float))
    if count > _MOST:
        raise RequestError(f"--set: expected at most {_MOST:,} combinations, got {count:,}")
    grid = product(*([(name, value) for value in each] for name, each in values.items()))
    settings = (tuple(sorted(each, key=lambda item: known.index(item[0]))) for each in grid)
    return list(dict.fromkeys(settings))


def label_of(setting: Setting | Mapping[str, Any]) -> str:
    """Return a setting in words, as a user writes it; empty for the page's own numbers.

    >>> label_of((("hidden", (6, 6)), ("learning_rate", float32(0.1)), ("shuffle", False)))
    'hidden=6-6 learning_rate=0.1 shuffle=false'
    """
    items = setting.items() if isinstance(setting, Mapping) else setting
    return " ".join(f"{name}={value_text(value)}" for name, value in items)


def as_setting(values: Mapping[str, Any]) -> Setting:
    """Return the setting that JSON holds as an object, with lists for tuples.

    >>> as_setting({"hidden": [6, 6]})
    (('hidden', (6, 6)),)
    """
    return tuple((name, _hashable(value)) for name, value in values.items())


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def rank_of(setting: Setting | Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what settings are sorted by: values in the order of numbers, text after them."""
    items = setting.items() if isinstance(setting, Mapping) else setting
    return tuple((name, tuple(map(_rank, _listed(value)))) for name, value in items)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, tuple | list) else (value,)


def _rank(value: Any) -> tuple[bool, float, str]:
    return (False, value, "") if isinstance(value, int | float) else (True, 0.0, str(value))


def value_text(value: Any) -> str:
    """Return a value as a user writes it.

    >>> value_text(float32(1e-7)), value_text((6, 6)), value_text(None)
    ('1e-07', '6-6', 'none')
    """
    if isinstance(value, tuple | list):
        return "-".join(map(value_text, value))
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return str(np.float32(value)).removesuffix(".0").replace("e+", "e")
    return str(value)


def _kinds(spec: Spec) -> dict[str, Any]:
    """Return the types of a spec's fields; those of the values where none can be evaluated."""
    try:
        return get_type_hints(type(spec))
    except Exception:  # a page's own annotations, which may name anything
        return {field.name: _kind_of(getattr(spec, field.name)) for field in fields(spec)}


def _kind_of(value: Any) -> Any:
    if isinstance(value, tuple) and value:
        return tuple[type(value[0]), ...]  # type: ignore[misc]
    return type(value)


def _read(page: str, name: str, kind: Any, text: str) -> Any:
    """Return a value of a field; RequestError says what it takes."""
    try:
        value = _parse(kind, text)
    except _OutOfRange as error:
        raise RequestError(f"{name} of {page}: {text} {error}") from None
    except ValueError:
        raise RequestError(f"{name} of {page}: expected {_expected(kind)}, got {text!r}") from None
    if name == "hidden" and not all(width > 0 for width in _listed(value)):
        raise RequestError(f"hidden of {page}: a layer has at least 1 neuron, got {text!r}")
    return value


def _parse(kind: Any, text: str) -> Any:
    """Return a value of a type; ValueError if the text is none."""
    if (origin := get_origin(kind)) is tuple:
        return _parse_tuple(get_args(kind), _BETWEEN.split(text))
    if origin in (Union, UnionType, Literal):
        return _parse_one_of(kind, text)
    if kind in (bool, NoneType):
        return {"true": True, "false": False, "none": None}[_one_of(kind, text.lower())]
    if kind is int and re.fullmatch(r"[+-]?\d+", text):
        if len(text.lstrip("+-0")) > _DIGITS:
            raise _OutOfRange(f"has more than {_DIGITS} digits")
        return int(text)
    if kind is float and isfinite(number := float(text)):
        if abs(number) > _LARGEST or (number and not float32(number)):
            raise _OutOfRange("is beyond the range of float32, to which every number is rounded")
        return number
    if kind is str and text and text == printable(text):
        return text
    raise ValueError(text)


class _OutOfRange(ValueError):
    """A number that is one, and that no spec can hold; the message says why."""


def _one_of(kind: Any, text: str) -> str:
    if text not in (("true", "false") if kind is bool else ("none",)):
        raise ValueError(text)
    return text


def _parse_one_of(kind: Any, text: str) -> Any:
    """Return a value of the first type of a union, or of the literals, that takes the text."""
    if get_origin(kind) is Literal:
        found = [each for each in get_args(kind) if str(each) == text]
        if not found:
            raise ValueError(text)
        return found[0]
    for each in sorted(get_args(kind), key=lambda each: each is str):  # text takes anything
        try:
            return _parse(each, text)
        except ValueError:
            continue
    raise ValueError(text)


def _parse_tuple(kinds: tuple[Any, ...], parts: list[str]) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(parts)
    if len(parts) != len(kinds) or any(get_origin(kind) is tuple for kind in kinds):
        raise ValueError(parts)
    return tuple(_parse(kind, part) for kind, part in zip(kinds, parts, strict=True))


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _expected(kind: Any) -> str:
    if get_origin(kind) is tuple:
        one, *others = get_args(kind)
        if Ellipsis in others:
            return "numbers joined by hyphens, as in 6-6"
        count = len(others) + 1
        joined = "-".join(["6"] * count)
        return f"{count} numbers joined by hyphens, as in {joined}" if others else _expected(one)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_args(kind):
        return " or ".join(map(_expected, get_args(kind)))
    return (
        "none" if kind is NoneType else _WORDS.get(kind, "what --set cannot write; edit the page")
    )
