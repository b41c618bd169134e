"""Where two implementations first differ: the levels of a training, compared one by one.

inputs -> forward -> loss -> gradient -> step -> trajectory -> result
"""

from frameworks.diverge.side import Side, Split
from frameworks.diverge.walk import LEVELS, Finding, Level, Walk, walk

__all__ = ["LEVELS", "Finding", "Level", "Side", "Split", "Walk", "walk"]
