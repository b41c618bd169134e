"""Errors for requests that cannot be carried out, and their printable messages."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["RequestError", "choose", "first_line", "printable"]

_QUOTED = 500  # characters of an error

# C0, DEL, C1 and lone surrogates: what terminals interpret, and what UTF-8 cannot encode. Line
# feeds and tabs stay.
_CONTROLS = [*range(32), *range(127, 160), *range(0xD800, 0xE000)]
_ESCAPED = {code: ascii(chr(code))[1:-1] for code in _CONTROLS if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    r"""Return a text with its control characters escaped.

    >>> print(printable("\x1b[31mred\x07"))
    \x1b[31mred\x07
    """
    return text if text.isprintable() else text.translate(_ESCAPED)


def first_line(error: BaseException) -> str:
    r"""Return the first line of what an error says, cut short; others' code may say anything.

    Keras writes it in bold, below a heading that names the layer alone.

    >>> first_line(ValueError("no room\nhere")), len(first_line(ValueError("x" * 10**6)))
    ('no room', 503)
    >>> first_line(ValueError("Exception encountered when calling A.\n\n\x1b[1mno room\x1b[0m"))
    'no room'
    """
    try:
        text = str(getattr(error, "msg", error))  # a SyntaxError's: without its place
    except Exception:  # an error of others' may fail to print
        return "its message cannot be printed"
    lines = re.sub(r"\x1b\[[01]m", "", text[: 2 * _QUOTED]).split("\n")
    said = (each for each in lines if each and not _is_heading(each))
    line = next(said, lines[0])
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}..."


def _is_heading(line: str) -> bool:
    """Return whether a line is one that Keras puts above the reason."""
    begins = line.startswith("Exception encountered when calling ")
    return begins or line.endswith("Error encountered:")


class RequestError(Exception):
    """A request that cannot be carried out; the message names the problem and the remedy.

    Control characters in the message, such as those of file names, are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def choose(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the name if it is known; otherwise raise RequestError that suggests the nearest.

    >>> choose("experiment", "mnits", ["mnist", "churn"])
    Traceback (most recent call last):
    frameworks.errors.RequestError: unknown experiment 'mnits'; did you mean 'mnist'? \
There are: mnist, churn
    """
    known = list(known)
    if name in known:
        return name
    nearest = get_close_matches(name, known, n=1) if isinstance(name, str) else ()
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    raise RequestError(f"unknown {kind} {name!r}{hint} There are: {', '.join(known)}")
