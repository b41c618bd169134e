"""How far rounding alone drives a live training: the limits where no fixed ones hold.

The user's own model is trained several times, with every weight nudged by up to one unit in the
last place after every step. One step rounds more often than that, so a limit is `FACTOR` times the
largest distance between any two of these trainings; of a step's loss, up to this step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from frameworks.console import Advance
from frameworks.diverge.first_batch import FACTOR
from frameworks.live.correspondence import Matching
from frameworks.live.levels import compare
from frameworks.live.pairs import Pair
from frameworks.live.tracing import LiveSide, Nudge
from frameworks.recordings.trace import Trace

__all__ = ["NUDGED", "Noise", "measure_noise"]

NUDGED = 4  # trainings: six distances


@dataclass(frozen=True)
class Noise:
    """The limits of each comparison at the levels of whole trainings."""

    trajectory: list[float]
    result: list[float]
    trainings: int

    @property
    def finite(self) -> bool:
        """Whether it can judge: a nudged training that overflowed is no yardstick."""
        return bool(np.isfinite([*self.trajectory, *self.result]).all())


def measure_noise(
    side: LiveSide, own: Matching, dtype: str, report: Advance, count: int = NUDGED
) -> Noise:
    """Train nudged copies of a side; `own` matches it with itself."""
    traces = [side.trace(dtype, report, Nudge(seed, dtype)) for seed in range(count)]
    pairs = [Pair(x, y, ("", ""), own) for x, y in combinations(traces, 2)]
    unit = float(np.finfo(dtype).eps)
    errors = {
        level: np.array([_errors(level, pair) for pair in pairs]).max(axis=0, initial=unit)
        for level in ("trajectory", "result")
    }
    so_far = np.maximum.accumulate(errors["trajectory"])
    return Noise((FACTOR * so_far).tolist(), (FACTOR * errors["result"]).tolist(), count)


def _errors(level: str, pair: Pair) -> Sequence[float]:
    return [each.found.error for each in compare(level, pair)]


def exact_errors(level: str, pair: Pair, side: int, exact: Trace) -> list[float]:
    """Return one side's rounding errors at a level: its distances from its own trace in float64."""
    return [each.found.error for each in compare(level, pair.own(side, exact))]
