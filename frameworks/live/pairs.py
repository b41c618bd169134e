"""Two traces and what corresponds in them; and one comparison of the two."""

from dataclasses import dataclass, replace

import numpy as np

from frameworks.diverge.differences import Difference
from frameworks.live.correspondence import Matching, WeightPair
from frameworks.recordings.trace import Arrays, Kept, Trace

__all__ = [
    *("KEPT", "SHORTER", "SHORTER_GRADIENT", "Compared", "Key", "Pair"),
    *("accumulates", "averages", "by_hand", "clips", "decays", "has_own_steps", "joined"),
    "numbered",
]

Key = tuple[str, int, int]  # what, its position, and the step: 0 for none

SHORTER: Key = ("loss", 1, 0)  # the loss of a batch without its last row
SHORTER_GRADIENT = "gradient of a shorter batch"  # what: of that loss

KEPT = "kept"  # what, before its kind: of an average of the weights

_CLIPPING = ("clip_value", "clip_norm", "clip_global_norm")


@dataclass(frozen=True)
class Compared:
    """One comparison at a level: where, how far apart, and which layers or weights it is about."""

    place: str
    found: Difference
    layers: tuple[int | None, int | None] = (None, None)  # positions, in each trace
    weights: WeightPair | None = None
    between: bool = False  # the layers' inputs differ, while what is before them agrees
    lone: bool = False  # the place is a layer that only one side has, before these layers
    hidden: bool = False  # the layers differ, but where the loss reads nothing
    key: Key = ("", 0, 0)  # the same for the same comparison of any two traces of these sides

    def limited(self, limit: float | None) -> "Compared":
        """Return the same comparison with another limit, or with none."""
        return replace(self, found=replace(self.found, limit=limit))


@dataclass(frozen=True)
class Pair:
    """Two traces, their names, and what corresponds.

    `again` has the gradients of another batch at the same weights, if that was asked for. Where
    penalties are taken out of the losses of one side, rounding in them is `magnified`: the
    loss with its penalties, divided by that without.
    """

    a: Trace
    b: Trace
    names: tuple[str, str]
    matching: Matching
    magnified: float = 1.0
    steps: tuple[int, int] = (0, 0)  # that each side took, of which its trace may hold fewer
    again: tuple[Arrays, Arrays] | None = None

    @property
    def swapped(self) -> "Pair":
        """The same with the sides swapped."""
        names = self.names[1], self.names[0]
        steps = self.steps[1], self.steps[0]
        again = None if self.again is None else (self.again[1], self.again[0])
        matching = self.matching.swapped
        return Pair(self.b, self.a, names, matching, self.magnified, steps, again)

    def own(self, side: int, exact: Trace) -> "Pair":
        """Return one side paired with its own trace in another dtype, item by item as here."""
        trace = (self.a, self.b)[side]
        return Pair(trace, exact, (self.names[side],) * 2, self.matching.own(side))


def averages(pair: Pair) -> list[tuple[Kept, Kept]]:
    """Return the averages of the weights that both sides keep beside the model under one name.

    What is left is paired where each side has a single one.
    """
    ours, theirs = ({each.name: each for each in x.kept if each.average} for x in (pair.a, pair.b))
    same = [(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    left = [[x for name, x in own.items() if x.moved and name not in other]
            for own, other in ((ours, theirs), (theirs, ours))]  # fmt: skip
    if len(left[0]) == len(left[1]) == 1:
        same.append((left[0][0], left[1][0]))
    return [(x, y) for x, y in same if x.moved or y.moved]


def clips(trace: Trace) -> bool:
    """Return whether an optimizer says that it clips gradients."""
    every = (item for facts in trace.optimizer for item in facts.values.items())
    limits = [value for name, value in every if name in _CLIPPING]
    return any(isinstance(limit, int | float) and 0 < limit < np.inf for limit in limits)


def accumulates(trace: Trace) -> bool:
    """Return whether an optimizer says that it averages the gradients of several steps."""
    return any(facts.values.get("accumulated") for facts in trace.optimizer)


def decays(trace: Trace) -> bool:
    """Return whether an optimizer says that it adds a decay to the gradients."""
    return any(facts.values.get("coupled_decay") for facts in trace.optimizer)


def has_own_steps(trace: Trace) -> bool:
    """Return whether steps are the user's own, or have hooks: no other batch is asked of them."""
    return trace.shorter_loss is None


def by_hand(trace: Trace) -> bool:
    """Return whether a step of the user's own moves weights without the optimizer."""
    return any(facts.values.get("by_hand") for facts in trace.optimizer)


def joined(ours: str, theirs: str) -> str:
    """Return one name, or both.

    >>> joined("fc", "fc"), joined("dense", "fc1")
    ('fc', 'dense / fc1')
    """
    return ours if ours == theirs else f"{ours} / {theirs}"


def numbered(what: str, position: int, count: int) -> str:
    """Return what is counted, with its number if there are several."""
    return what if count == 1 else f"{what}, number {position + 1}"
