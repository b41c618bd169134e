"""Weights that an optimizer does not hold, and gradients that are not cleared between steps."""

from collections.abc import Sequence

import numpy as np

from frameworks.live.correspondence import WeightPair
from frameworks.live.levels import cancels
from frameworks.live.pairs import Pair
from frameworks.live.proofs.cause import Cause, Proof, equal_within
from frameworks.live.proofs.sentences import listed
from frameworks.live.proofs.step_side import apart
from frameworks.recordings.trace import Trace

__all__ = ["prove_held", "prove_uncleared"]

_SAME = 1e-12  # relative: weights after equal steps, but for rounding


def prove_held(pair: Pair) -> Proof:
    """Prove that weights stay where they are since one side's optimizer was not given them."""
    first, second = (x.steps[0].weights if x.steps else None for x in (pair.a, pair.b))
    if first is None or second is None:
        return Proof()
    differing = [each for each in _compared(pair) if apart(each, first, second) > _SAME]
    for side, trace in enumerate((pair.a, pair.b)):
        other = (pair.a, pair.b)[1 - side]
        at = [(each.a, each.b)[side][0] for each in differing]
        there = [(each.a, each.b)[1 - side][0] for each in differing]
        lacking = at and all(trace.weights[k].group < 0 and _stays(trace, k) for k in at)
        if lacking and all(other.weights[k].group >= 0 for k in there):
            names = listed([trace.weights[k].name for k in at])
            sentence = f"the optimizer of {pair.names[side]} was not given {names}"
            return Proof([Cause(sentence, names, ("group",))])
    return Proof()


def _stays(trace: Trace, position: int) -> bool:
    after = trace.steps[0].weights
    return after is not None and np.array_equal(after[position], trace.weights[position].values)


def prove_uncleared(pair: Pair) -> Proof:
    """Prove that one side's second step adds the first step's gradient to its own.

    Not where the first step moves nothing: gradients may then add up as they are meant to.
    """
    steps = [x.steps[:2] for x in (pair.a, pair.b)]
    if any(len(each) < 2 or each[1].gradients is None for each in steps):
        return Proof()
    after = [each[0].weights for each in steps]
    if after[0] is None or after[1] is None:
        return Proof()
    if any(apart(each, after[0], after[1]) > _SAME for each in _compared(pair)):
        return Proof()
    if all(_stays(pair.a, k) for k in range(len(pair.a.weights))):
        return Proof()
    for side, name in enumerate(pair.names):
        if (words := _lags(pair, side)) is not None:
            return Proof([Cause(f"in {name} {words}", "gradients", odd=name)], odd=name)
        if _adds_up(pair, side):
            sentence = f"in {name} the gradients of earlier steps are not cleared, and add up"
            return Proof([Cause(sentence, "gradients", odd=name)], odd=name)
    return Proof()


def _lags(pair: Pair, side: int) -> str | None:
    """Say which gradient a side uses again, if its second step uses its first one."""
    trace, other = (pair.a, pair.b)[side], (pair.a, pair.b)[1 - side]
    own = [step.gradients for step in trace.steps[:3] if step.gradients is not None]
    theirs = other.steps[1].gradients
    pairs = [(each.a, each.b)[:: 1 - 2 * side] for each in _compared(pair)]
    if theirs is None or not all(np.array_equal(own[0][i[0]], own[1][i[0]]) for i, _ in pairs):
        return None
    if all(_gap(own[1][i[0]], theirs[j[0]]) <= _SAME for i, j in pairs):
        return None
    again = len(own) > 2 and all(np.array_equal(own[0][i[0]], own[2][i[0]]) for i, _ in pairs)
    return f"every step uses the {'first gradient' if again else 'gradient of the previous step'}"


def _adds_up(pair: Pair, side: int) -> bool:
    """Return whether a side's second gradient is the other's, and its own first one."""
    own, other = (pair.a, pair.b)[side], (pair.a, pair.b)[1 - side]
    (first, second), (_, alone) = ([step.gradients for step in x.steps[:2]] for x in (own, other))
    assert first is not None
    assert second is not None
    assert alone is not None
    pairs = [(each.a, each.b)[:: 1 - 2 * side] for each in _compared(pair)]
    gaps: Sequence[float] = [_gap(second[i[0]], alone[j[0]]) for i, j in pairs]
    return any(gap > _SAME for gap in gaps) and all(
        equal_within(second[i[0]], alone[j[0]] + first[i[0]], max(gaps), own.dtype)
        for i, j in pairs
    )


def _gap(x: np.ndarray, y: np.ndarray) -> float:
    largest = max(float(np.abs(each).max(initial=0)) for each in (x, y))
    return float(np.abs(x - y).max(initial=0)) / largest if largest else 0.0


def _compared(pair: Pair) -> list[WeightPair]:
    return [each for each in pair.matching.weights if not cancels(pair, each, 0)]
