"""One side's optimizer steps, and the distance of weights that correspond."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from frameworks.live.correspondence import WeightPair
from frameworks.live.descent import Descent, Weights
from frameworks.live.rules import KINDS
from frameworks.recordings.trace import Trace

__all__ = ["ROUNDING", "StepSide", "apart", "near"]

ROUNDING = {"float64": 1e-12, "float32": 2e-6}  # of a weight's largest magnitude, in eight steps


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

    def took(self, computed: Sequence[Weights], positions: Collection[int], limit: float) -> bool:
        """Return whether the weights at these positions are the computed ones after every step."""
        steps = zip(computed, self.taken, strict=True)
        return all(near(x[k], y[k], limit) for x, y in steps for k in positions)

    def by_rule(self, first: str, positions: Collection[int]) -> "StepSide":
        """Return the side with the kind of optimizer whose steps it takes, if its own has no rule.

        A user's own class may do no more than count before it calls PyTorch's or Keras' step. Of
        the kinds that take the same steps with its settings, the `first` is preferred.
        """
        limit = ROUNDING[self.trace.dtype]
        for kind in (first, *KINDS) if self.descent.weights() is None else ():
            optimizer = [replace(facts, kind=kind) for facts in self.trace.optimizer]
            side = replace(self, trace=replace(self.trace, optimizer=optimizer))
            computed = side.descent.weights()
            if computed is not None and self.took(computed, positions, limit):
                return side
        return self


def apart(pair: WeightPair, x: Weights, y: Weights) -> float:
    """Return how far apart two weights are, or the sums of those that are added."""
    ours, theirs = sum(x[k] for k in pair.a), sum(y[k] for k in pair.b)
    if np.shape(ours) != np.shape(theirs):
        return np.inf
    largest = max(float(np.abs(each).max(initial=0)) for each in (ours, theirs))
    error = float(np.abs(ours - theirs).max(initial=0))
    return error / largest if largest else error


def near(x: np.ndarray, y: np.ndarray, limit: float) -> bool:
    """Return whether x is y, to a share of y's largest magnitude; what is not finite is not."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return False
    largest = float(np.abs(y).max(initial=0))
    return float(np.abs(x - y).max(initial=0)) <= limit * largest
