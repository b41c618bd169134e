"""Whether the two of a walk, each opened and trained again, come to their own numbers.

Where one does not, something in its builder is drawn without a seed, or goes on from one training
to the next. What differs then says nothing of the two.
"""

from dataclasses import replace
from math import isfinite

from frameworks.console import Advance
from frameworks.diverge.findings import LEVELS, Walk
from frameworks.diverge.walk import walk
from frameworks.errors import RequestError

__all__ = ["refuse_unrepeated"]


def refuse_unrepeated(done: Walk, report: Advance) -> None:
    """Raise RequestError if a side differs from itself by the level at which the two differ.

    That is asked in float64, where no rounding hides it.
    """
    if not done.findings or done.findings[0].level == LEVELS[0]:
        return
    until = done.findings[0].level
    for side in (done.a, done.b):
        exact = replace(side, dtype="float64")
        own = walk(exact, exact, done.steps, report=report, floor=0, until=until)
        for found in own.findings:
            if isfinite(found.difference.error):
                raise RequestError(
                    f"{side.implementation}, trained twice in the same way on "
                    f"{side.blueprint.name}, differs from itself ({found.difference.where}), so "
                    "that nothing can be said of the two: something in its builder goes on from "
                    "one training to the next, or is drawn without a seed"
                )
