"""How far rounding alone drives a live training: the limits where no fixed ones hold.

The user's own model is trained several times, with every weight nudged by up to one unit in the
last place at the start and after every step, then also by what rounding in the gradients moved it
at the first step (see `carried`). One step rounds more often than that, so a limit is `FACTOR`
times the largest distance between any two of these trainings; of a step's loss, up to this step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from frameworks.console import Advance
from frameworks.diverge.first_batch import FACTOR
from frameworks.live.correspondence import Matching
from frameworks.live.levels import compare
from frameworks.live.pairs import Key, Pair
from frameworks.live.tracing import LiveSide, Nudge
from frameworks.recordings.trace import Trace

__all__ = ["NUDGED", "Noise", "measure_noise"]

NUDGED = 4  # trainings: six distances


@dataclass(frozen=True)
class Noise:
    """The limits of each comparison at the levels of whole trainings, by its key."""

    limits: Mapping[Key, float]
    trainings: int

    @property
    def finite(self) -> bool:
        """Whether it can judge: a nudged training that overflowed is no yardstick."""
        return bool(np.isfinite([*self.limits.values()]).all())


def measure_noise(
    side: LiveSide, own: Matching, dtype: str, report: Advance, sizes: Sequence[float] = ()
) -> Noise:
    """Train nudged copies of a side; `own` matches it with itself, `sizes` is as in `Nudge`."""
    unit = float(np.finfo(dtype).eps)
    traces = [side.trace(dtype, report, Nudge(seed, dtype, sizes)) for seed in range(NUDGED)]
    errors: dict[Key, float] = {}
    for pair in combinations(traces, 2):
        for key, error in _distances(*pair, own).items():
            errors[key] = max(errors.get(key, 0.0), error)
    return Noise(_limits(errors, unit), NUDGED)


def _distances(a: Trace, b: Trace, own: Matching) -> dict[Key, float]:
    """Return the distances of two whole trainings of one model, the losses first."""
    pair = Pair(a, b, ("", ""), own)
    found = (*compare("trajectory", pair), *compare("result", pair))
    return {each.key: each.found.error for each in found}


def _limits(errors: Mapping[Key, float], unit: float) -> dict[Key, float]:
    """Return the limits: of a step's loss from the largest distance so far, which may only grow."""
    limits, so_far = {}, unit
    for key, error in errors.items():
        error = max(unit, error)
        if key[0] == "loss":
            error = so_far = max(so_far, error)
        limits[key] = FACTOR * error
    return limits


def exact_errors(level: str, pair: Pair, side: int, exact: Trace) -> dict[Key, float]:
    """Return one side's rounding errors at a level: its distances from its own trace in float64."""
    found = compare(level, pair.own(side, exact))
    return {each.key: each.found.error for each in found if each.key[0] != "lone"}
