"""Whether a live training, done again, comes to the same numbers.

Where it does not, something in it is drawn without a seed, or goes on from one training to the
next. Such a training differs from itself, so that no difference from another says anything.
"""

from collections.abc import Mapping
from math import isfinite

import numpy as np

from frameworks.console import Advance
from frameworks.diverge.first_batch import FACTOR, FIRST_BATCH
from frameworks.errors import RequestError
from frameworks.live.correspondence import Matching
from frameworks.live.levels import LEVELS, compare, limit_of
from frameworks.live.own_steps import shared_iterators
from frameworks.live.pairs import Compared, Pair
from frameworks.live.penalties import as_judged
from frameworks.live.tracing import LiveSide
from frameworks.recordings.trace import Trace

__all__ = ["refuse_unrepeated"]

_ROUNDING = FACTOR * float(np.finfo(np.float64).eps)


def refuse_unrepeated(
    name: str,
    side: LiveSide,
    trace: Trace,
    own: Matching,
    level: str,
    limits: Mapping[str, float],
    report: Advance,
) -> None:
    """Raise RequestError if a side, trained again, differs from its `trace` by this level.

    `own` matches the side with itself. What rounds may depend on threads; where it does, float64
    tells it from all else: it begins with the last places.
    """
    steps = 1 if level in FIRST_BATCH else None

    def again(dtype: str) -> Trace:
        return as_judged(side.trace(dtype, report, steps=steps), trace)

    found = _apart(trace, again(trace.dtype), own, level)
    if found and trace.dtype != "float64":
        found = _apart(again("float64"), again("float64"), own, level)
    beyond = (x.found for each, x in found if x.found.error > limit_of(each, x, limits))
    first = next(beyond, None)
    if first is None or found[0][1].found.error <= _ROUNDING:
        return
    where = f"{first.where}, step {first.step}" if first.step else first.where
    raise RequestError(
        f"{name}, trained twice in the same way, differs from itself ({where}), so that nothing "
        f"can be said of the two: {_why(side)}"
    )


def _apart(a: Trace, b: Trace, own: Matching, level: str) -> list[tuple[str, Compared]]:
    """Return where two traces of a side differ, up to a level; what is not finite is left out.

    So is what the other side lacks, of which a comparison says that one side alone has it.
    """
    reached = LEVELS[1 : LEVELS.index(level) + 1]
    every = ((each, x) for each in reached for x in compare(each, Pair(a, b, ("", ""), own)))
    known = ((each, x) for each, x in every if x.key[0] != "lone")
    return [(each, x) for each, x in known if x.found.error and isfinite(x.found.error)]


def _why(side: LiveSide) -> str:
    """Say why a training may not repeat itself, and what would mend it."""
    kept = shared_iterators(*vars(side.training).values())
    if kept:
        return (
            f"its iterator {kept[0]}, which cannot be copied, goes on from one to the next; count "
            "in a number or a list instead"
        )
    return (
        "something in it goes on from one to the next, or is drawn without a seed; keep such a "
        "count in an attribute, and draw from a generator that has a seed"
    )
