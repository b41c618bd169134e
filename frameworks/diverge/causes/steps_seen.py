"""The steps of both sides, and the optimizers behind them: what hypotheses about steps share."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from frameworks.diverge.causes.identify import Identified, identify
from frameworks.diverge.causes.taken import Taken, taken_by
from frameworks.diverge.differences import difference
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import First
from frameworks.recordings.trace import Facts

__all__ = ["StepsSeen", "steps_seen"]

_LEAST = 1e-13  # by which the same step differs when it is computed in another order
_CLOSE = {"float64": 1e-9, "float32": 1e-4}
_PART = 1e-2  # a hypothesis must explain all but a hundredth of the difference


@dataclass(frozen=True)
class StepsSeen:
    """The steps of both sides, the optimizers behind them, and how closely one must follow."""

    a: Taken
    b: Taken
    ours: Identified | None
    theirs: Identified | None
    limit: float


@lru_cache(maxsize=4)  # all hypotheses look at the same steps, in both orders
def _seen(evidence: "_ByIdentity") -> StepsSeen | None:
    found = evidence.of
    both = taken_by(found)
    if both is None or not all(np.isfinite(each.after).all() for each in both):
        return None
    a, b = both
    gap = difference("", a.moved, b.moved, None).error
    limit = max(min(_CLOSE[found.a.side.dtype], _PART * gap), _LEAST)
    says = [_says(found, x) for x in (found.a, found.b)]
    ours = identify(a, [*says[0], *says[1]], limit)
    theirs = identify(b, [*says[1], *says[0]], limit)
    return StepsSeen(a, b, ours, theirs, limit)


def _says(evidence: Evidence, side: First) -> list[Facts]:
    """Return what the optimizer of the network that differs first says of itself."""
    every = side.opened.adapter.optimizer_facts()
    if len(every) == len(side.weights_of) > 1:
        return [every[evidence.network]]
    return every[:1] if len(side.weights_of) == 1 else every


@dataclass(frozen=True, eq=False)
class _ByIdentity:
    """Evidence as a key: it holds arrays, and equals itself alone."""

    of: Evidence

    def __hash__(self) -> int:
        return id(self.of)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.of is self.of


def steps_seen(evidence: Evidence) -> StepsSeen | None:
    """Return what is seen of the steps; None if not all their gradients are known, or finite."""
    return _seen(_ByIdentity(evidence))
