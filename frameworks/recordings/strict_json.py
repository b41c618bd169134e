"""JSON from a file that nobody vouches for: read strictly, and asked for field by field."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

__all__ = ["Fields", "Malformed", "parse", "text_from_json", "value_from_json"]

MAX_TEXT = 10_000  # characters of one text
MAX_DEPTH = 8  # of lists in a setting's value
_MISSING: Any = object()
T = TypeVar("T")


class Malformed(ValueError):
    """JSON, or an array, that is not as the format says; the message says where and how."""


def parse(text: str | bytes) -> Any:
    """Parse JSON; Malformed if it is none, repeats a name, or holds a number that is not finite.

    >>> parse('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    frameworks.recordings.strict_json.Malformed: the name 'a' stands twice in one object
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite
        )
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(f"its JSON cannot be read ({error})") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Malformed(f"the name {name[:80]!r} stands twice in one object")
        found[name] = value
    return found


def _not_finite(text: str) -> NoReturn:
    raise Malformed(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed(f"{text[:80]} is no number of double precision")
    return number


class Fields:
    """A JSON object whose fields are asked for one by one; what nobody asks for is refused.

    >>> fields = Fields({"path": "dense_1", "states": [0]}, "layers[0]")
    >>> fields.text("path"), fields.positions("states", count=2)
    ('dense_1', (0,))
    >>> fields.end()
    """

    def __init__(self, found: Any, where: str) -> None:
        if not isinstance(found, dict):
            raise Malformed(f"{where}: expected an object, found {_shown(found)}")
        self._found, self._where = dict(found), where

    def text(self, name: str, default: str = _MISSING) -> str:
        """Return a line of printable text."""
        return self.take(name, text_from_json, default)

    def flag(self, name: str, default: bool = _MISSING) -> bool:
        """Return true or false."""
        return self.take(name, _flag, default)

    def whole(self, name: str, default: int | None = _MISSING, *, least: int = 0) -> int | None:
        """Return a whole number from `least` to 2⁶³ − 1; None where null is the default."""

        def read(found: Any) -> int | None:
            if found is None and default is None:
                return None
            if type(found) is not int or not least <= found < 2**63:
                raise Malformed(f"expected a whole number from {least}, found {_shown(found)}")
            return found

        return self.take(name, read, default)

    def texts(self, name: str) -> dict[str, str]:
        """Return an object of texts; {} if the field is missing."""

        def read(found: Any) -> dict[str, str]:
            if not isinstance(found, dict):
                raise Malformed(f"expected an object, found {_shown(found)}")
            return {text_from_json(k): text_from_json(v) for k, v in found.items()}

        return self.take(name, read, {})

    def items(self, name: str, default: list[Any] = _MISSING) -> Iterator[tuple[str, Any]]:
        """Yield the items of a list, each with where it stands."""
        found = self.take(name, _list, default)
        where = name if self._where == "" else f"{self._where}.{name}"
        return ((f"{where}[{i}]", item) for i, item in enumerate(found))

    def positions(self, name: str, count: int) -> tuple[int, ...]:
        """Return positions in a list of `count`; () if the field is missing."""
        found = self.take(name, _list, [])
        if any(type(i) is not int or not 0 <= i < count for i in found):
            self._refuse(name, f"expected positions below {count}, found {_shown(found)}")
        return tuple(found)

    def take(self, name: str, read: Callable[[Any], T], default: Any = _MISSING) -> T:
        """Return a field as `read` reads it, or the default if it is missing."""
        if name not in self._found:
            if default is _MISSING:
                self._refuse(name, "is missing")
            return default
        try:
            return read(self._found.pop(name))
        except Malformed as error:
            self._refuse(name, str(error))

    def end(self) -> None:
        """Malformed if there are fields that nobody has asked for."""
        if self._found:
            raise Malformed(
                f"{self._where or 'the trace'}: unknown field {min(self._found)[:80]!r}"
            )

    def _refuse(self, name: str, why: str) -> NoReturn:
        raise Malformed(f"{self._where}.{name}: {why}".removeprefix("."))


def text_from_json(found: Any) -> str:
    """Return a line of text that a terminal prints and does not obey."""
    if not isinstance(found, str) or len(found) > MAX_TEXT or not found.isprintable():
        raise Malformed(f"expected printable text of one line, found {_shown(found)}")
    return found


def value_from_json(found: Any, depth: int = 0) -> Any:
    """Return a setting's value; lists become tuples, and {"number": "inf"} the number it names.

    >>> value_from_json([3, [0.5, None], {"number": "-inf"}])
    (3, (0.5, None), -inf)
    """
    if found is None or isinstance(found, bool | float):
        return found
    if isinstance(found, int) and abs(found) < 2**63:
        return found
    if isinstance(found, list) and depth < MAX_DEPTH:
        return tuple(value_from_json(item, depth + 1) for item in found)
    if isinstance(found, Mapping) and [*found] == ["number"]:
        if found["number"] in ("inf", "-inf", "nan"):
            return float(found["number"])
    if isinstance(found, str):
        return text_from_json(found)
    raise Malformed(f"expected a number, text, a list or null, found {_shown(found)}")


def _flag(found: Any) -> bool:
    if not isinstance(found, bool):
        raise Malformed(f"expected true or false, found {_shown(found)}")
    return found


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise Malformed(f"expected a list, found {_shown(found)}")
    return found


def _shown(found: Any) -> str:
    """Return a few characters of JSON, escaped."""
    if isinstance(found, dict | list):
        return f"{'an object' if isinstance(found, dict) else 'a list'} of {len(found)}"
    if isinstance(found, int) and abs(found) >= 2**63:
        return f"an integer of {found.bit_length()} bits"
    return ascii(found)[:80]
