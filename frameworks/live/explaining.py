"""The differences after the first: each remedy is applied to a copy, and the walk goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from frameworks.live.judging import Judged
from frameworks.live.pairs import Pair
from frameworks.live.proofs import Cause, Proof, prove
from frameworks.live.tracing import Change

__all__ = ["Explained", "Explanation", "explain"]

_MOST = 12  # differences; whatever goes on for longer is not being explained

Again = Callable[[Sequence[Change]], tuple[Pair, Judged] | None]


@dataclass(frozen=True)
class Explained:
    """One proven cause, the level at which it showed, and what it does to the final loss.

    `share` is the part of the final loss's difference that is gone with the remedy: −0.5 where it
    grew by half; None where the losses did not differ.
    """

    cause: Cause
    level: str
    place: str
    share: float | None


@dataclass(frozen=True)
class Explanation:
    """All causes that were found, in order, and the level that differs all the same."""

    found: Sequence[Explained]
    rest: str  # "" if nothing differs any more
    place: str
    stuck: bool = False  # the last cause has no remedy that a copy of side b can be given


def explain(pair: Pair, judged: Judged, again: Again) -> Explanation:
    """Prove a cause, apply its remedy and compare again, until nothing differs or is proven.

    `again` trains the second side with changes, on top of those it has been given before; None if
    they cannot be applied.
    """
    found: list[Explained] = []
    whole, seen = _gap(pair), set()
    while judged.found is not None and len(found) < _MOST:
        proof: Proof = prove(pair, judged.level, judged.found)
        new = [cause for cause in proof.causes if cause.sentence not in seen]
        if not new:
            break
        seen |= {cause.sentence for cause in new}
        remedies = [change for cause in new for change in cause.remedy]
        before, level, place = _gap(pair), judged.level, judged.found.place
        after = again(remedies) if remedies else None
        share = None
        if after is not None:
            pair, judged = after
            share = (before - _gap(pair)) / whole if whole else None
        found += [Explained(new[0], level, place, share)]
        found += [Explained(cause, level, place, None) for cause in new[1:]]
        if after is None:
            return Explanation(found, level, place, stuck=True)
    place = "" if judged.found is None else judged.found.place
    return Explanation(found, judged.level, place)


def _gap(pair: Pair) -> float:
    """Return how far apart the losses of the last step are that both sides have."""
    last = min(len(pair.a.steps), len(pair.b.steps)) - 1
    a, b = (x.steps[last].loss if last >= 0 else np.nan for x in (pair.a, pair.b))
    gap = abs(a - b)
    return float(gap) if np.isfinite(gap) else 0.0
