"""What the user is told when a request cannot be carried out."""

from collections.abc import Iterable
from difflib import get_close_matches

from datasets.printable import printable

__all__ = ["RequestError", "choose"]


class RequestError(Exception):
    """A request that cannot be carried out; the message names the thing and the remedy.

    Whatever it quotes of a file or a name is printable.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def choose(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the name if it is known; otherwise raise RequestError with the nearest one.

    >>> choose("experiment", "mnits", ["mnist", "churn"])
    Traceback (most recent call last):
    experiments.harness.errors.RequestError: unknown experiment 'mnits'; did you mean 'mnist'? \
There are: mnist, churn
    """
    known = list(known)
    if name in known:
        return name
    nearest = get_close_matches(name, known, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    raise RequestError(f"unknown {kind} {name!r}{hint} There are: {', '.join(known)}")
