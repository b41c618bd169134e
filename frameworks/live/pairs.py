"""Two traces and what corresponds in them; and one comparison of the two."""

from dataclasses import dataclass

from frameworks.diverge.differences import Difference
from frameworks.live.correspondence import Matching, WeightPair
from frameworks.recordings.trace import Trace

__all__ = ["Compared", "Pair", "joined", "numbered"]


@dataclass(frozen=True)
class Compared:
    """One comparison at a level: where, how far apart, and which layers or weights it is about."""

    place: str
    found: Difference
    layers: tuple[int | None, int | None] = (None, None)  # positions, in each trace
    weights: WeightPair | None = None
    between: bool = False  # the layers' inputs differ, while what is before them agrees
    lone: bool = False  # the place is a layer that only one side has, before these layers


@dataclass(frozen=True)
class Pair:
    """Two traces, their names, and what corresponds."""

    a: Trace
    b: Trace
    names: tuple[str, str]
    matching: Matching

    def own(self, side: int, exact: Trace) -> "Pair":
        """Return one side paired with its own trace in another dtype, item by item as here."""
        trace = (self.a, self.b)[side]
        return Pair(trace, exact, (self.names[side],) * 2, self.matching.own(side))


def joined(ours: str, theirs: str) -> str:
    """Return one name, or both.

    >>> joined("fc", "fc"), joined("dense", "fc1")
    ('fc', 'dense / fc1')
    """
    return ours if ours == theirs else f"{ours} / {theirs}"


def numbered(what: str, position: int, count: int) -> str:
    """Return what is counted, with its number if there are several."""
    return what if count == 1 else f"{what}, number {position + 1}"
