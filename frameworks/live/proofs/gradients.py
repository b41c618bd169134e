"""Why the gradient may differ though the loss agrees: what one side does to it."""

from collections.abc import Iterator

import numpy as np

from frameworks.live.correspondence import WeightPair, place_of
from frameworks.live.levels import cancels
from frameworks.live.pairs import SHORTER_GRADIENT, Compared, Pair, clips, decays, joined
from frameworks.live.proofs.cause import Cause, Proof
from frameworks.live.proofs.gradient_changes import CHANGES, Gradients, added_decay, which
from frameworks.live.proofs.scaling import prove_scaling
from frameworks.live.proofs.sentences import advice, both, listed
from frameworks.recordings.trace import StepTrace, Trace

__all__ = ["prove_gradient", "prove_waiting"]

_NONE = np.zeros(0)


def prove_gradient(pair: Pair, found: Compared) -> Proof:
    """Prove a lone bias, a frozen or detached weight, a factor, a clipping, or a decay.

    No side's facts say what its gradient is: only what both numbers show is named. Where an
    optimizer clips, a step of one's own may clip at another place, and where no step moves a
    weight, gradients still add up, or are cleared: then neither a factor nor their lack is a cause.
    """
    differing = [each for each in _pairs(pair) if each.differs]
    if found.key[0] == SHORTER_GRADIENT:
        return Proof()
    if found.weights is None:
        return _lone_bias(pair, found)
    if not differing:
        return Proof()
    waits = bool(pair.a.steps) and not _first_moved(pair.a) and not _first_moved(pair.b)
    proofs = [_waiting, *([] if waits else [_frozen]), _frozen_row, _moves_later]
    if not clips(pair.a) and not clips(pair.b) and not waits:
        proofs += [prove_scaling, _decayed_elsewhere, _in_order]
    for prove in proofs:
        if (cause := prove(pair, differing)) is not None:
            return Proof([cause])
    return Proof()


def prove_waiting(pair: Pair) -> Proof:
    """Prove that the sides' optimizers take their first steps after other numbers of batches.

    Not where one does with the first: that shows in its gradients.
    """
    cause = None if 1 in map(_first_moved, (pair.a, pair.b)) else _moves_later(pair, [])
    return Proof() if cause is None else Proof([cause])


def _pairs(pair: Pair) -> Iterator[Gradients]:
    for each in pair.matching.weights:
        if not cancels(pair, each, 0):
            yield _gradients(pair, each)


def _gradients(pair: Pair, each: WeightPair) -> Gradients:
    a, b, i, j = pair.a, pair.b, each.a[0], each.b[0]
    return Gradients(
        pair.names,
        (a.weights[i].name, b.weights[j].name),
        (a.weights[i].trainable, b.weights[j].trainable),
        a.weights[i].values,
        a.gradients[i],
        b.gradients[j],
        a.dtype,
        (_NONE, _NONE) if pair.again is None else (pair.again[0][i], pair.again[1][j]),
    )


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
    """One side's optimizer is given nothing, and moves nothing, before its n-th step.

    It is no cause where the other side waits as long.
    """
    if _first_moved(pair.a) == _first_moved(pair.b):
        return None
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


def _moves_later(pair: Pair, found: list[Gradients]) -> Cause | None:
    """The sides first move their weights after other numbers of batches, whose gradients add up.

    Not where a schedule may begin with a rate of 0.
    """
    if pair.a.schedule is not None or pair.b.schedule is not None:
        return None
    first = [_first_moved(trace) for trace in (pair.a, pair.b)]
    if first[0] == first[1]:
        return None
    known = [len([*_known(trace)]) for trace in (pair.a, pair.b)]
    said = [
        f"with batch {n}" if n else f"after batch {k}" for n, k in zip(first, known, strict=True)
    ]
    (one, its), (other, has) = sorted(zip(pair.names, said, strict=True))
    sentence = f"the optimizer of {one} takes its first step {its}, that of {other} {has}"
    return Cause(sentence, "gradient")


def _first_moved(trace: Trace) -> int:
    """Return the number of the batch that first moves a side's weights; 0: none that is known."""
    known, start = [*_known(trace)], [weight.values for weight in trace.weights]
    for n, step in enumerate(known, 1):
        if not all(map(np.array_equal, step.weights or (), start)):
            return n
    # Beyond the steps that are kept, with their gradients, those that move nothing are known.
    told = bool(known) and known[-1].gradients is None and len(known) < len(trace.steps)
    return len(known) + 1 if told else 0


def _known(trace: Trace) -> Iterator[StepTrace]:
    """Yield the steps after which the weights are known."""
    return (step for step in trace.steps if step.weights is not None)


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
    """Return whether any step moves any of these weights: then it had a gradient."""
    start = [weight.values for weight in trace.weights if weight.name in names]
    for after in (*(step.weights for step in trace.steps), trace.final_weights):
        pairs = zip(trace.weights, after or (), strict=False)  # none may be known
        known = [x for weight, x in pairs if weight.name in names]
        if known and not all(map(np.array_equal, start, known)):
            return True
    return False


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


def _decayed_elsewhere(pair: Pair, found: list[Gradients]) -> Cause | None:
    """One side adds λ w to its gradients, and the other's optimizer alone another share of w."""
    if decays(pair.a) and decays(pair.b):
        return None
    for k, trace in enumerate((pair.a, pair.b)):
        own, others = ([(g.a, g.b)[side] for g in found] for side in (k, 1 - k))
        if not decays(trace) or not (rate := added_decay(found, own, others)):
            continue
        stated = {facts.values.get("coupled_decay", 0) for facts in trace.optimizer}
        shares = sorted(f"{share:.6g} w" for share in stated)
        added, adds = f"{rate:.6g} w", f"{pair.names[1 - k]} adds {rate:.6g} w to the gradient"
        said = f"the optimizer of {pair.names[k]} {listed(shares)}"
        if shares == [added]:  # to which, then, differs
            adds, said = f"{adds} of {which(found)} alone", f"{said} to every one"
        return Cause(f"{adds}, {said}", "gradient")
    return None


def _in_order(pair: Pair, found: list[Gradients]) -> Cause | None:
    """Try each change of one side's gradient; both ways, unless it is its own inverse."""
    for change in CHANGES:
        said = []
        for names, x, y in ((pair.names, 0, 1), (pair.names[::-1], 1, 0)):
            ours = [(g.a, g.b)[x] for g in found]
            theirs = [(g.a, g.b)[y] for g in found]
            if (words := change(found, ours, theirs, names[0], names[1])) is not None:
                said.append(words)
        if len(set(said)) == 1:
            place = found[0].place if len(found) == 1 else "gradient"
            return Cause(said[0], place)
    return None
