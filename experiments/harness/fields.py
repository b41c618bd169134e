"""What JSON may hold, written down as data, and the check of a value against it.

A kind is one of those below; `Maybe(kind)`, which is also None; `[kind]`, a list; `(kind, kind)`,
a list of just these; or `{"name": kind, ...}`, an object with these fields. A field whose name ends
in "?" may be absent; the key `...` (an ellipsis) is the kind of all other fields, which are not
looked at without it.
"""

from collections.abc import Callable, Iterator
from sys import float_info
from typing import Any, NamedTuple

__all__ = ["NUMBER", "SCALAR", "SHARE", "TEXT", "WHOLE", "Kind", "Maybe", "OneOf", "problem"]

_SHOWN = 40  # characters of a value in a message


class Kind(NamedTuple):
    """Single values: what they are called, and whether a value is one."""

    name: str
    holds: Callable[[Any], bool]


class Maybe(NamedTuple):
    """None, or a value of a kind."""

    kind: Any


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= float_info.max


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


TEXT = Kind("text", lambda value: type(value) is str)
NUMBER = Kind("a finite number", _is_number)
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
WHOLE = Kind("a whole number from 0 to 2**53", _is_whole)
SCALAR = Kind(
    "text, a number, true, false or null",
    lambda value: value is None or type(value) in (str, bool) or _is_number(value),
)


def OneOf(*names: str) -> Kind:  # noqa: N802 - it stands where the kinds do
    """Return the kind of text that is one of these names."""
    return Kind(" or ".join(names), lambda value: type(value) is str and value in names)


def problem(value: Any, kind: Any) -> str:
    """Say where a value is first not of its kind, or return an empty string.

    >>> problem({"n": [1, "2"]}, {"n": [NUMBER]})
    "n[1]: expected a finite number, found '2'"
    >>> problem({}, {"n": NUMBER, "note?": TEXT})
    'n: expected a finite number, found nothing'
    """
    return next(_problems(value, kind, ""), "")


def _problems(value: Any, kind: Any, where: str) -> Iterator[str]:
    if isinstance(kind, Maybe):
        if value is not None:
            yield from _problems(value, kind.kind, where)
    elif isinstance(kind, Kind):
        if not kind.holds(value):
            yield _message(where, kind.name, value)
    elif isinstance(kind, dict):
        yield from _in_object(value, kind, where)
    elif type(value) is not list or (isinstance(kind, tuple) and len(value) != len(kind)):
        wanted = f"a list of {len(kind)}" if isinstance(kind, tuple) else "a list"
        yield _message(where, wanted, value)
    else:
        kinds = kind if isinstance(kind, tuple) else kind * len(value)
        for i, (item, each) in enumerate(zip(value, kinds, strict=True)):
            yield from _problems(item, each, f"{where}[{i}]")


def _in_object(value: Any, fields: dict[Any, Any], where: str) -> Iterator[str]:
    if type(value) is not dict:
        yield _message(where, "an object", value)
        return
    named = {name.removesuffix("?"): name for name in fields if name is not ...}
    for name, written in named.items():
        inner = f"{where}.{name}" if where else name
        if name in value:
            yield from _problems(value[name], fields[written], inner)
        elif name == written:
            yield f"{inner}: expected {_name(fields[written])}, found nothing"
    if ... in fields:
        for name in value.keys() - named.keys():
            yield from _problems(value[name], fields[...], f"{where}.{name}" if where else name)


def _name(kind: Any) -> str:
    if isinstance(kind, Maybe):
        return f"{_name(kind.kind)} or null"
    return kind.name if isinstance(kind, Kind) else "an object" if type(kind) is dict else "a list"


def _message(where: str, wanted: str, value: Any) -> str:
    found = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    found = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}..."
    return f"{where or 'the file'}: expected {wanted}, found {found}"
