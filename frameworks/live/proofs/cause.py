"""What a proof finds, and when two arrays count as equal in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from frameworks.diverge.differences import difference
from frameworks.live.tracing import Change
from frameworks.recordings.trace import Facts

__all__ = ["Cause", "Proof", "equal_within", "exchanged", "same_numbers", "smallest"]

_LARGEST = {"float64": 1e-11, "float32": 1e-5}  # relative: a layer, or eight steps, round more
_SAME = 1e-12  # relative: the same numbers, but for what rounds before
_CLOSER = 1e-2  # a proof must explain all but a hundredth of the difference


@dataclass(frozen=True)
class Cause:
    """A cause that the numbers prove.

    `settings` are the facts that differ; () where a side's numbers do not follow from what it says
    of itself: that side is the `odd` one. `remedy` is what to change on side b, `advice` the same
    in words; both are empty where no setting of b does it.
    """

    sentence: str
    place: str
    settings: tuple[str, ...] = ()
    odd: str | None = None
    remedy: tuple[Change, ...] = ()
    advice: str = ""


@dataclass(frozen=True)
class Proof:
    """The causes, and the side whose numbers do not follow from what it says, if it is one."""

    causes: Sequence[Cause] = ()
    odd: str | None = None


def equal_within(x: np.ndarray | None, y: np.ndarray | None, gap: float, dtype: str) -> bool:
    """Return whether x equals y, but for rounding and a small fraction of the sides' gap."""
    if x is None or y is None:
        return False
    error = difference("", x, y, None).error
    return bool(error <= min(_LARGEST[dtype], _CLOSER * gap))


def same_numbers(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether two arrays hold the same numbers in the same shape, but for rounding."""
    return difference("", x, y, None).error <= _SAME


def exchanged(x: Facts, y: Facts, names: Sequence[str]) -> Facts:
    """Return y with these facts of x."""
    values = {name: value for name, value in y.values.items() if name not in names}
    values |= {name: x.values[name] for name in names if name in x.values}
    return replace(y, values=values)


def smallest(names: Sequence[str], works: Callable[[Sequence[str]], bool]) -> tuple[str, ...]:
    """Return a smallest set of names that works, given that all of them do.

    Sets of one and of two are all tried; larger ones by leaving out one name after the other.

    >>> smallest(["a", "b", "c"], lambda some: "b" in some)
    ('b',)
    """
    for few in _few(names):
        if works(few):
            return few
    needed = list(names)
    for name in names:
        rest = [each for each in needed if each != name]
        if rest and works(rest):
            needed = rest
    return tuple(needed)


def _few(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for size in (1, 2):
        if size < len(names):
            yield from combinations(names, size)
