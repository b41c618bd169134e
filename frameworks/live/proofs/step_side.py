"""One side's optimizer steps, and the distance of weights that correspond."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from frameworks.live.correspondence import WeightPair
from frameworks.live.descent import Descent, Weights
from frameworks.recordings.trace import Trace

__all__ = ["StepSide", "apart", "near"]


@dataclass(frozen=True)
class StepSide:
    """The steps that one side took, as far as they were kept."""

    name: str
    trace: Trace

    @cached_property
    def descent(self) -> Descent:
        """What the optimizer was given, and what it says of itself."""
        return Descent.of(self.trace)

    @cached_property
    def taken(self) -> list[Weights]:
        """The weights after every kept step."""
        kept = (step.weights for step in self.trace.steps[: len(self.descent.gradients)])
        return [weights for weights in kept if weights is not None]


def apart(pair: WeightPair, x: Weights, y: Weights) -> float:
    """Return how far apart two weights are, or the sums of those that are added."""
    ours, theirs = sum(x[k] for k in pair.a), sum(y[k] for k in pair.b)
    if np.shape(ours) != np.shape(theirs):
        return np.inf
    largest = max(float(np.abs(each).max(initial=0)) for each in (ours, theirs))
    error = float(np.abs(ours - theirs).max(initial=0))
    return error / largest if largest else error


def near(x: np.ndarray, y: np.ndarray, limit: float) -> bool:
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return False
    largest = float(np.abs(y).max(initial=0))
    return float(np.abs(x - y).max(initial=0)) <= limit * largest
