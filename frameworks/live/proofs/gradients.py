"""Why the gradient may differ though the loss agrees: what one side does to it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from frameworks.live.correspondence import WeightPair, place_of
from frameworks.live.levels import cancels
from frameworks.live.pairs import SHORTER_GRADIENT, Compared, Pair, clips, joined
from frameworks.live.proofs.cause import Cause, Proof
from frameworks.live.proofs.gradient_changes import (
    CHANGES,
    Change,
    Gradients,
    factor_between,
    is_written,
)
from frameworks.live.proofs.sentences import advice, both, listed
from frameworks.recordings.trace import Trace

__all__ = ["prove_gradient"]

_ROUNDING = 1e-9  # of a norm, which is clipped to a number that somebody wrote


def prove_gradient(pair: Pair, found: Compared) -> Proof:
    """Prove a lone bias, a frozen or detached weight, a factor, a clipping, or a decay.

    No side's facts say what its gradient is: only what both numbers show is named. Where an
    optimizer clips, a step of one's own may clip at another place: then no factor is a cause. What
    is done to a gradient has to show in the shorter batch as well, as clipping is a factor, too,
    but another one in each batch. Where that batch is not known, as of a step of one's own, the
    norms of the later steps tell, and whether the factor is a number that somebody would write.
    """
    differing = [each for each in _pairs(pair) if each.differs]
    if found.key[0] == SHORTER_GRADIENT:
        return Proof()
    if found.weights is None:
        return _lone_bias(pair, found)
    if not differing:
        return Proof()
    proofs = [_waiting, _frozen, _frozen_row]
    if not clips(pair.a) and not clips(pair.b):
        proofs += [_norm_clipped, _in_order]
    for prove in proofs:
        if (cause := prove(pair, differing)) is not None:
            return Proof([cause])
    return Proof()


def _pairs(pair: Pair) -> Iterator[Gradients]:
    for each in pair.matching.weights:
        if not cancels(pair, each):
            yield _gradients(pair, each)


def _gradients(pair: Pair, each: WeightPair, shorter: bool = False) -> Gradients:
    a, b, i, j = pair.a, pair.b, each.a[0], each.b[0]
    ours, theirs = (_all_of(trace, shorter) for trace in (a, b))
    return Gradients(
        pair.names,
        (a.weights[i].name, b.weights[j].name),
        (a.weights[i].trainable, b.weights[j].trainable),
        a.weights[i].values,
        ours[i],
        theirs[j],
        a.dtype,
    )


def _all_of(trace: Trace, shorter: bool) -> list[np.ndarray]:
    return (trace.shorter_gradients or []) if shorter else trace.gradients


def _in_the_shorter(pair: Pair, found: list[Gradients]) -> list[Gradients]:
    """Return the gradients of the shorter batch for the same weights; none where not both have any.

    A gradient of zero there tells nothing.
    """
    if not pair.a.shorter_gradients or not pair.b.shorter_gradients:
        return []
    names = [g.names for g in found]
    every = (_gradients(pair, each, shorter=True) for each in pair.matching.weights)
    shorter = [g for g in every if g.names in names]
    return shorter if all(g.a.any() or g.b.any() for g in shorter) else []


def _lone_bias(pair: Pair, found: Compared) -> Proof:
    """A layer has a bias on one side only, as both sides say; it is zero until the first step."""
    for i, j in pair.matching.layers:
        for trace, layer, other in (
            (pair.a, pair.a.layers[i], pair.b.layers[j]),
            (pair.b, pair.b.layers[j], pair.a.layers[i]),
        ):
            names = [trace.weights[k].name for k in layer.weights]
            has = [each.facts.values.get("bias") for each in (layer, other)]
            if found.place in names and found.place.endswith(".bias") and has == [True, False]:
                return Proof([_bias_cause(pair, i, j)])
    return Proof()


def _bias_cause(pair: Pair, i: int, j: int) -> Cause:
    ours, theirs = place_of(pair.a.layers, i), place_of(pair.b.layers, j)
    x, y = pair.a.layers[i].facts, pair.b.layers[j].facts
    said = [
        f"has {'a' if facts.values['bias'] else 'no'} bias in {place}"
        for facts, place in ((x, ours), (y, theirs))
    ]
    remedy = advice(pair.names[1], theirs, y, x, ("bias",))
    sentence = both(pair.names, said[0], said[1])
    return Cause(sentence, joined(ours, theirs), ("bias",), advice=remedy)


def _waiting(pair: Pair, found: list[Gradients]) -> Cause | None:
    """One side's optimizer is given nothing, and moves nothing, before its n-th step."""
    for trace, name in zip((pair.a, pair.b), pair.names, strict=True):
        still = [
            step.gradients is not None
            and step.weights is not None
            and not any(g.any() for g in step.gradients)
            and all(map(np.array_equal, step.weights, (w.values for w in trace.weights)))
            for step in trace.steps
            if step.gradients is not None
        ]
        if still and still[0] and not all(still):
            n = still.index(False) + 1
            sentence = f"in {name} the optimizer takes its first step after {n} batches"
            return Cause(sentence, "gradient", odd=name)
    return None


def _frozen(pair: Pair, found: list[Gradients]) -> Cause | None:
    """All that differs is zero on one side: frozen, as it says, or without a gradient."""
    for side, name in enumerate(pair.names):
        zero = [g for g in found if not (g.a, g.b)[side].any()]
        if len(zero) != len(found) or any(not (g.a, g.b)[1 - side].any() for g in found):
            continue
        if _moves((pair.a, pair.b)[side], {g.names[side] for g in found}):
            continue
        which = listed([g.names[side] for g in found])
        said = [g.trainable[side] for g in found]
        if not any(said):
            words = [f"trains {which}", f"trains {which}"]
            words[side] = f"has {which} frozen"
            words[1 - side] = f"trains {listed([g.names[1 - side] for g in found])}"
            return Cause(both(pair.names, words[0], words[1]), found[0].place, ("frozen",))
        if all(said):
            verb = "it is" if len(found) == 1 else "they are"
            sentence = f"in {name} no gradient reaches {which}, though {verb} trained"
            return Cause(sentence, found[0].place, odd=name)
    return None


def _moves(trace: Trace, names: set[str]) -> bool:
    """Return whether the first step moves any of these weights: then it had a gradient."""
    after = trace.steps[0].weights if trace.steps else None
    return after is not None and any(
        weight.name in names and not np.array_equal(weight.values, w)
        for weight, w in zip(trace.weights, after, strict=True)
    )


def _frozen_row(pair: Pair, found: list[Gradients]) -> Cause | None:
    """All that differs is a row of an embedding, which has no gradient where it is said so."""
    if len(found) != 1 or found[0].a.shape != found[0].b.shape:
        return None
    (g,) = found
    for side, trace in enumerate((pair.a, pair.b)):
        position = next(i for i, w in enumerate(trace.weights) if w.name == g.names[side])
        layer = next((x for x in trace.layers if position in x.weights), None)
        row = None if layer is None else layer.facts.values.get("frozen_row")
        own, other = ((g.a, g.b), (g.b, g.a))[side]
        if layer is None or not isinstance(row, int) or own[row].any():
            continue
        rest = np.delete(other, row, axis=0)
        if np.array_equal(np.delete(own, row, axis=0), rest) or g.equal(
            np.delete(own, row, axis=0), rest
        ):
            words = [f"trains row {row} of {name}" for name in g.names]
            words[side] = f"has no gradient for row {row} of {g.names[side]}"
            words[side] += f" ({layer.facts.said['frozen_row']})"
            return Cause(both(pair.names, words[0], words[1]), g.place, ("frozen_row",))
    return None


def _norm_clipped(pair: Pair, found: list[Gradients]) -> Cause | None:
    """G' = g min(1, c/(‖g‖ + ε)) for all weights, with a c of few digits: ε is 1e-6 in PyTorch."""
    norms = _norms(pair)
    clipped = int(norms[1] < norms[0])
    limit = float(f"{norms[clipped]:.2g}")
    if not limit or not _scaled_to(limit, found, norms, clipped):
        return None
    if shorter := _in_the_shorter(pair, found):
        norms = _norms(pair, shorter=True)
        free = norms[1 - clipped] <= limit and not any(g.differs for g in shorter)
        if not free and not _scaled_to(limit, shorter, norms, clipped):
            return None
    elif not _clips_later((pair.a, pair.b)[clipped], limit, norms):
        return None
    name = pair.names[clipped]
    return Cause(f"{name} clips the norm of the whole gradient at {limit:g}", "gradient")


def _clips_later(trace: Trace, limit: float, norms: tuple[float, float]) -> bool:
    """Return whether no later gradient exceeds a limit, and another one reaches it.

    Where none reaches it, a factor of few digits explains the first one as well, or better.
    """
    later = [_norm(trace, step.gradients) for step in trace.steps[1:] if step.gradients]
    if any(norm > limit * (1 + _ROUNDING) for norm in later):
        return False
    reached = limit * limit / (limit + 1e-6) * (1 - _ROUNDING)
    return any(norm >= reached for norm in later) or not is_written(norms[0] / norms[1])


def _norms(pair: Pair, shorter: bool = False) -> tuple[float, float]:
    """Return the norms of both sides' gradients."""
    a, b = (_norm(trace, _all_of(trace, shorter)) for trace in (pair.a, pair.b))
    return a, b


def _norm(trace: Trace, gradients: list[np.ndarray]) -> float:
    """Return the norm of the gradients for all that is trained."""
    pairs = zip(trace.weights, gradients, strict=True)
    return float(np.sqrt(sum(float((g * g).sum()) for w, g in pairs if w.trainable)))


def _scaled_to(
    limit: float, found: list[Gradients], norms: tuple[float, float], clipped: int
) -> bool:
    """Return whether one side's gradients are the other's, scaled to a norm, as PyTorch does it."""
    least, largest = norms[clipped], norms[1 - clipped]
    exact = [limit, limit * largest / (largest + 1e-6)]
    if not any(abs(least - norm) <= _ROUNDING * norm for norm in exact):
        return False
    pairs = [(g, g.a, g.b) if clipped else (g, g.b, g.a) for g in found]
    return all(x.shape == y.shape and g.equal(x * (least / largest), y) for g, x, y in pairs)


def _in_order(pair: Pair, found: list[Gradients]) -> Cause | None:
    """Try each change of one side's gradient; both ways, unless it is its own inverse."""
    for change in CHANGES:
        said = _said_by(change, found, pair.names)
        if len(said) == 1 and _holds(pair, change, found, said):
            place = found[0].place if len(found) == 1 else "gradient"
            return Cause(said.pop(), place)
    return None


def _holds(pair: Pair, change: Change, found: list[Gradients], said: set[str]) -> bool:
    """Return whether what a change says of the first batch is said of the shorter one, too."""
    if shorter := _in_the_shorter(pair, found):
        return bool(said & _said_of_shorter(pair, change, shorter))
    return change is not CHANGES[0] or is_written(factor_between(found))


def _said_of_shorter(pair: Pair, change: Change, shorter: list[Gradients]) -> set[str]:
    """Return what a change says of the shorter batch; a sum over the rows has a row less there."""
    n = len(pair.a.inputs[0]) if pair.a.inputs else 2
    return {
        words
        for factor in (1.0, n / (n - 1), (n - 1) / n)
        for words in _said_by(change, [replace(g, b=factor * g.b) for g in shorter], pair.names)
    }


def _said_by(change: Change, found: list[Gradients], names: tuple[str, str]) -> set[str]:
    """Return what a change says of one side's gradient, and of the other's."""
    said = (
        change(found, [g.a for g in found], [g.b for g in found], names[0], names[1]),
        change(found, [g.b for g in found], [g.a for g in found], names[1], names[0]),
    )
    return {words for words in said if words is not None}
