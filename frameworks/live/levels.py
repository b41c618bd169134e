"""The levels of two traces: what each compares, in order.

inputs -> forward -> loss -> gradient -> step -> trajectory -> result
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Real

import numpy as np

from frameworks.agreement.limits import FLOAT64, ONE_BATCH
from frameworks.diverge.differences import Difference, difference, not_identical
from frameworks.errors import RequestError, choose
from frameworks.live.correspondence import WeightPair, names_in
from frameworks.live.forward import compare_layers
from frameworks.live.outputs import comparable_outputs, with_channels_of
from frameworks.live.pairs import (
    KEPT,
    SHORTER,
    SHORTER_GRADIENT,
    Compared,
    Key,
    Pair,
    accumulates,
    averages,
    joined,
    numbered,
)
from frameworks.recordings.trace import StepTrace, Trace

__all__ = [
    *("LEVELS", "LIMITS", "cancels", "compare", "largest", "largest_beside", "limit_of"),
    "limits_of",
]

LEVELS = ("inputs", "forward", "loss", "gradient", "step", "trajectory", "result")

# By level, in float64; of the weights at the end, whose outputs follow from them.
LIMITS: Mapping[str, float] = {
    "inputs": 0.0,
    **dict.fromkeys(("forward", "loss", "gradient", "step"), ONE_BATCH),
    "trajectory": FLOAT64.loss,
    "result": FLOAT64.weight,  # and of all else that later steps are known by
}
_NOISE = 1e-11  # a gradient below this share of its layer's largest is rounding: its sum cancels


def limits_of(given: Mapping[str, float] | None) -> dict[str, float]:
    """Return the limit of every level; RequestError for a level that is not there."""
    if not isinstance(given, Mapping | None):
        raise RequestError(f"limits must be a dict of levels' limits, got {given!r}")
    for name, limit in (given or {}).items():
        choose("level in limits", name, LIMITS)
        if not isinstance(limit, Real) or not limit >= 0:
            raise RequestError(f"limits: {name} must be a number of at least 0, got {limit!r}")
    return {**LIMITS, **(given or {})}


def limit_of(level: str, each: Compared, limits: Mapping[str, float]) -> float:
    """Return the fixed limit of a comparison: of a trajectory, the losses have one of their own."""
    later = level == "trajectory" and each.key[0] != "loss"
    return limits["result" if later else level]


def compare(level: str, pair: Pair, ignored: frozenset[str] = frozenset()) -> list[Compared]:
    """Return all comparisons of a level, with limits of None, in order."""
    found = _LEVELS[level](pair)
    return [each for each in found if not ignored & names_in(each.place)]


def _inputs(pair: Pair) -> Iterator[Compared]:
    """Compare the data byte for byte, then the initial weights and states."""
    a, b = pair.a, pair.b
    if pair.steps[0] != pair.steps[1]:
        yield Compared("steps", difference("the number of steps", *pair.steps, 0.0))
    if "orders" not in a.digests.keys() & b.digests.keys() and a.batches and b.batches:
        rows = np.concatenate(a.batches), np.concatenate(b.batches)
        yield Compared("orders", not_identical("the rows of the steps", *rows))
    for name in a.digests.keys() & b.digests.keys():
        if a.digests[name] != b.digests[name]:
            yield from _first_batch(name, a, b)
    both = zip(("inputs", "targets"), (a.inputs, a.targets), (b.inputs, b.targets), strict=True)
    for name, x, y in both:
        for k, (one, other) in enumerate(zip(x, y, strict=False)):
            ours, theirs = one.astype(float), other.astype(float)  # whatever their types
            if name == "inputs" or theirs.ndim > 2:
                theirs = with_channels_of(ours, theirs)
            yield Compared(name, not_identical(numbered(f"the {name}", k, len(x)), ours, theirs))
    initial = [each.values for each in a.weights], [each.values for each in b.weights]
    yield from _weights(pair, "initial ", *initial)
    learned = [each.values for each in a.states], [each.values for each in b.states]
    yield from _states(pair, *learned, prefix="initial ")


def _first_batch(name: str, a: Trace, b: Trace) -> Iterator[Compared]:
    """Say that data differ beyond the first batch, where no numbers are at hand."""
    here = {"inputs": (a.inputs, b.inputs), "targets": (a.targets, b.targets)}
    x, y = here.get(name, ((), ()))
    same = all(one.tobytes() == other.tobytes() for one, other in zip(x, y, strict=False))
    if same:
        where = f"the {name} after the first batch" if name in here else f"the {name}"
        yield Compared(name, Difference(where, np.inf, None, (), ("", "")))


def _loss(pair: Pair) -> Iterator[Compared]:
    """Compare the loss of the first batch, and of a shorter one: it may depend on their number."""
    found = difference("the loss", pair.a.first_loss, pair.b.first_loss, None)
    yield Compared("loss", found, key=("loss", 0, 0))
    losses = pair.a.shorter_loss, pair.b.shorter_loss
    if losses[0] is not None and losses[1] is not None:
        where = f"the loss of a batch of {len(pair.a.inputs[0]) - 1} rows"
        yield Compared("loss", difference(where, losses[0], losses[1], None), key=SHORTER)


def _gradient(pair: Pair) -> Iterator[Compared]:
    """Compare the gradient for every weight; what has no counterpart must have none.

    Those of a shorter batch come first: a backward pass of one's own may count rows, too.
    """
    ours, theirs = pair.a.gradients, pair.b.gradients
    fewer, of_fewer = pair.a.shorter_gradients, pair.b.shorter_gradients
    if fewer is not None and of_fewer is not None:
        suffix = f", in a batch of {len(pair.a.inputs[0]) - 1} rows"
        for each in _weights(pair, "gradient of ", fewer, of_fewer, suffix=suffix, added=False):
            yield replace(each, key=(SHORTER_GRADIENT, each.key[1], 0))
    yield from _weights(pair, "gradient of ", ours, theirs, added=False)
    lone = _alone(pair)
    for side, positions in enumerate(lone):
        trace, gradients = (pair.a, ours) if side == 0 else (pair.b, theirs)
        scale = largest(gradients)
        for k in positions:
            place = trace.weights[k].name
            where = f"gradient of {place}, which only {pair.names[side]} has"
            zero = np.zeros_like(gradients[k])
            both = (gradients[k], zero) if side == 0 else (zero, gradients[k])
            found = difference(where, *both, None, scale)
            yield Compared(place, found, key=("lone", k, side))


def _alone(pair: Pair) -> tuple[list[int], list[int]]:
    """Return the trainable weights of each side that have no counterpart."""
    ours = {i for each in pair.matching.weights for i in each.a}
    theirs = {j for each in pair.matching.weights for j in each.b}
    a, b = pair.a.weights, pair.b.weights
    return (
        [i for i, weight in enumerate(a) if i not in ours and weight.trainable],
        [j for j, weight in enumerate(b) if j not in theirs and weight.trainable],
    )


def _step(pair: Pair) -> Iterator[Compared]:
    """Compare the first step's loss, and every weight after it."""
    one, other = pair.a.steps[0], pair.b.steps[0]
    found = difference("the loss of the step", one.loss, other.loss, None)
    yield Compared("loss", found, key=("loss", 0, 0))
    if one.weights is not None and other.weights is not None:
        yield from _weights(pair, "", one.weights, other.weights, until=1)


def _trajectory(pair: Pair) -> Iterator[Compared]:
    """Compare the loss of every step, then what is known of the weights on the way."""
    losses = [np.array([each.loss for each in x.steps]) for x in (pair.a, pair.b)]
    scale = float(np.median(np.abs(losses[0][np.isfinite(losses[0])] if losses[0].size else [0])))
    for k, (x, y) in enumerate(zip(pair.a.steps, pair.b.steps, strict=False), 1):
        found = replace(difference("the loss", x.loss, y.loss, None, scale), step=k)
        yield Compared("loss", found, key=("loss", 0, k))
    # One that adds gradients up moves weights by others than the latest batch's.
    alike = accumulates(pair.a) == accumulates(pair.b)
    for k, (x, y) in enumerate(zip(pair.a.steps, pair.b.steps, strict=False), 1):
        for each in _of_step(pair, x, y, k):
            # The weights after the first step have their level; a later one may not move them all.
            of_gradient = each.key[0] == "gradient"
            if not of_gradient and k > 1:
                yield _at_step(each, k)
            elif of_gradient and alike and (k == 1 or _moves(pair, each.weights, k)):
                yield _at_step(each, k)


def _of_step(pair: Pair, x: StepTrace, y: StepTrace, step: int) -> Iterator[Compared]:
    """Compare a step's gradients, and the weights after it, where both sides hold them."""
    if x.gradients is not None and y.gradients is not None:
        yield from _weights(pair, "gradient of ", x.gradients, y.gradients, added=False)
    if x.weights is not None and y.weights is not None:
        yield from _weights(pair, "", x.weights, y.weights, until=step)


def _moves(pair: Pair, weights: WeightPair | None, step: int) -> bool:
    """Return whether a step, 2, 3, ..., of either side moves these weights, or may."""
    positions = ((), ()) if weights is None else (weights.a, weights.b)
    for trace, own in zip((pair.a, pair.b), positions, strict=True):
        before, after = trace.steps[step - 2].weights, trace.steps[step - 1].weights
        if (
            before is None
            or after is None
            or not all(np.array_equal(before[k], after[k]) for k in own)
        ):
            return True
    return False


def _at_step(each: Compared, step: int) -> Compared:
    what, position, _ = each.key
    return replace(each, found=replace(each.found, step=step), key=(what, position, step))


def _result(pair: Pair) -> Iterator[Compared]:
    """Compare weights, states and outputs at the end, then the states on the way."""
    a, b = pair.a, pair.b
    yield from _weights(pair, "", a.final_weights, b.final_weights, suffix=" at the end")
    yield from _states(pair, a.final_states, b.final_states, suffix=" at the end")
    ours, theirs = comparable_outputs(a, b, final=True)
    for k, (x, y) in enumerate(zip(ours, theirs, strict=False)):
        where = numbered("the outputs", k, len(ours)) + " at the end"
        yield Compared("outputs", difference(where, x, y, None), key=("outputs", k, 0))
    for k, (one, other) in enumerate(zip(a.steps, b.steps, strict=False), 1):
        if one.states is not None and other.states is not None:
            for each in _states(pair, one.states, other.states):
                yield _at_step(each, k)
    yield from _averages(pair)


def _averages(pair: Pair) -> Iterator[Compared]:
    """Compare averages of the weights that both sides keep; of several the one farthest apart."""
    worst = dict[Key, Compared]()
    for x, y in averages(pair):
        suffix = f", averaged in {joined(x.name, y.name)}, at the end"
        weights = _weights(pair, "", x.weights, y.weights, suffix=suffix)
        both = x.states and y.states
        states = _states(pair, x.states, y.states, suffix=suffix) if both else ()
        for each in (*weights, *states):
            what, position, _ = each.key
            key = (f"{KEPT} {what}", position, 0)
            if key not in worst or not each.found.error <= worst[key].found.error:
                worst[key] = replace(each, weights=None, key=key)
    yield from worst.values()


def _states(
    pair: Pair,
    ours: Sequence[np.ndarray],
    theirs: Sequence[np.ndarray],
    prefix: str = "",
    suffix: str = "",
) -> Iterator[Compared]:
    """Compare arrays shaped as the states, pair by pair."""
    for k, (i, j) in enumerate(pair.matching.states):
        place = joined(pair.a.states[i].name, pair.b.states[j].name)
        found = difference(f"{prefix}{place}{suffix}", ours[i], theirs[j], None)
        yield Compared(place, found, key=("state", k, 0))


def _weights(
    pair: Pair,
    prefix: str,
    ours: Sequence[np.ndarray],
    theirs: Sequence[np.ndarray],
    suffix: str = "",
    added: bool = True,
    until: int | None = None,
) -> Iterator[Compared]:
    """Compare arrays shaped as the weights, pair by pair; two biases by their sum, if `added`.

    Where the gradient was nothing but rounding `until` a step, optimizers that divide by its size
    move the weight at random: it is compared only at the beginning.
    """
    moved = not prefix
    for position, each in enumerate(pair.matching.weights):
        if moved and cancels(pair, each, until):
            continue
        x, y = (sum(z[k] for k in at) if added else z[at[0]]
                for z, at in ((ours, each.a), (theirs, each.b)))  # fmt: skip
        if np.shape(x) != np.shape(y) and np.size(x) == np.size(y):
            y = np.reshape(y, np.shape(x))  # kernels that treat channels alone
        place = joined(pair.a.weights[each.a[0]].name, pair.b.weights[each.b[0]].name)
        scale = (
            0.0
            if added
            else max(largest_beside(pair.a, each.a[0]), largest_beside(pair.b, each.b[0]))
        )
        found = difference(f"{prefix}{place}{suffix}", x, y, None, scale)
        key = ("weight" if added else "gradient", position, 0)
        yield Compared(place, found, weights=each, key=key)


def cancels(pair: Pair, weights: WeightPair, until: int | None = None) -> bool:
    """Return whether the terms of a gradient cancel on both sides, and leave only rounding.

    That of a bias before a batch normalization does, that of the keys' bias of attention, or of one
    that two rows have which are subtracted. On one side they may cancel to 0. They do so in every
    step, or in all `until` one: balanced classes let an output's bias stay, but only at first.
    """
    every = [(pair.a.gradients, pair.b.gradients)]
    for x, y in zip(pair.a.steps[:until], pair.b.steps[:until], strict=False):
        if x.gradients is not None and y.gradients is not None:
            every.append((x.gradients, y.gradients))
    found = [_rounding(pair, weights, *both) for both in every]
    return any(size > 0 for size, _ in found) and all(small for _, small in found)


def _rounding(
    pair: Pair, weights: WeightPair, ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]
) -> tuple[float, bool]:
    """Return the size of a gradient, and whether it is no more than rounding on both sides."""
    sides = ((pair.a, ours, weights.a[0]), (pair.b, theirs, weights.b[0]))
    sizes = [float(np.abs(gradients[k]).max(initial=0)) for _, gradients, k in sides]
    limits = [_NOISE * largest_beside(trace, k, gradients) for trace, gradients, k in sides]
    return max(sizes), all(x <= y for x, y in zip(sizes, limits, strict=True))


def largest_beside(
    trace: Trace, position: int, gradients: Sequence[np.ndarray] | None = None
) -> float:
    """Return the largest gradient of any weight of the same layer, on the first batch or given."""
    known = trace.gradients if gradients is None else gradients
    beside = {k for layer in trace.layers if position in layer.weights for k in layer.weights}
    return largest([known[k] for k in beside | {position}])


def largest(arrays: Sequence[np.ndarray]) -> float:
    """Return the largest magnitude in any array; 0 for none."""
    return max((float(np.abs(a).max(initial=0)) for a in arrays), default=0.0)


_LEVELS: dict[str, Callable[[Pair], Iterator[Compared]]] = {
    "inputs": _inputs,
    "forward": compare_layers,
    "loss": _loss,
    "gradient": _gradient,
    "step": _step,
    "trajectory": _trajectory,
    "result": _result,
}
