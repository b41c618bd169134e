"""What rounding in the gradients does to the first step: an optimizer can make much of little.

Adam divides by √v̂ + ε. Where a gradient is about as large as ε, which is often, a difference of
1e-13 of the largest gradient moves that weight by a thousand times as much.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from frameworks.diverge.differences import difference
from frameworks.live.correspondence import WeightPair
from frameworks.live.descent import UNREADABLE, Descent, Weights
from frameworks.live.pairs import Pair
from frameworks.recordings.trace import Trace

__all__ = ["carried", "sizes_of"]


def carried(pair: Pair) -> dict[WeightPair, float]:
    """Return how far side a's first step moves the weights apart on side a's and b's gradients.

    Each distance is relative to the largest weight of its array. Empty where side a's optimizer
    follows no known rule.
    """
    descent = Descent.of(pair.a, 1)
    if not descent.gradients or not pair.b.steps or pair.b.steps[0].gradients is None:
        return {}
    other = replace(descent, gradients=[_as_of_a(pair, pair.b.steps[0].gradients)])
    try:
        ours, theirs = descent.weights(), other.weights()
    except UNREADABLE:
        return {}
    if ours is None or theirs is None:
        return {}
    return {
        each: difference("", _sum(ours[0], each.a), _sum(theirs[0], each.a), None).error
        for each in pair.matching.weights
    }


def sizes_of(trace: Trace, side: int, errors: dict[WeightPair, float]) -> list[float]:
    """Return the carried distances for each weight of a side; 0 where there is none.

    They are absolute: of a weight that starts at 0 a later step is no multiple of the first.
    """
    sizes = [0.0] * len(trace.weights)
    if not trace.steps or (moved := trace.steps[0].weights) is None:
        return sizes
    for each, error in errors.items():
        for k in (each.a, each.b)[side]:
            sizes[k] = error * float(np.abs(moved[k]).max(initial=0)) if np.isfinite(error) else 0.0
    return sizes


def _as_of_a(pair: Pair, gradients: Weights) -> Weights:
    """Return side b's gradients in the places of side a's; a's own where b has none."""
    own = pair.a.steps[0].gradients
    assert own is not None
    found = list(own)
    for each in pair.matching.weights:
        for k, i in enumerate(each.a):
            found[i] = gradients[each.b[min(k, len(each.b) - 1)]].reshape(found[i].shape)
    return found


def _sum(arrays: Weights, positions: Sequence[int]) -> np.ndarray:
    return sum((arrays[k] for k in positions[1:]), arrays[positions[0]])
