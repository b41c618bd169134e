"""A loss that is written differently is no difference, if every step moves the weights alike."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

import numpy as np

from frameworks.live.pairs import (
    SHORTER,
    SHORTER_GRADIENT,
    Compared,
    Pair,
    accumulates,
    clips,
    decays,
    has_own_steps,
)
from frameworks.recordings.trace import Trace, Weight

__all__ = [
    *("of_another_ratio", "of_still_weights", "only_losses_differ", "unmoved", "without_losses"),
]

_RATIO = 1e-6  # relative: less is rounding, in float32, too


def only_losses_differ(pair: Pair, levels: Mapping[str, list[Compared]]) -> bool:
    """Return whether the loss or gradient differs, but neither outputs nor what steps do.

    A gradient alone is excused only if every loss agrees, and only where an optimizer clips or
    accumulates, or where one alone decays, as a step of one's own may do at another place, or where
    such a step or a hook of the optimizer has the gradients in hand, or both sides' first step
    moves nothing. A loss that is not finite is none that is written differently.
    """
    if not all(isfinite(x.found.error) for x in (*levels["loss"], *levels["trajectory"])):
        return False
    sides = pair.a, pair.b
    stated = any(clips(x) or accumulates(x) or has_own_steps(x) for x in sides)
    stated = stated or decays(pair.a) != decays(pair.b)
    stated = stated or all(len(_still(x)) == len(x.weights) for x in sides)
    later = any(each.found.parted for each in levels["trajectory"] if each.key[0] == "loss")
    elsewhere = stated and _part(levels["gradient"]) and not later
    steps = [each for each in levels["step"] if each.weights is not None]
    moved = [each for each in levels["trajectory"] if each.key[0] == "weight"]
    others = [*levels["forward"], *steps, *moved, *levels["result"]]
    return (
        (_part(levels["loss"]) or elsewhere)
        and bool(steps)
        and _moves(pair.a)
        and not any(each.found.parted for each in others)
    )


def without_losses(level: str, found: list[Compared]) -> list[Compared]:
    """Return a level without limits for losses and their gradients.

    What the loss of a shorter batch or its gradient does by itself, no step shows: all of them take
    whole ones. It is excused where that of a whole one differs.
    """
    whole = _part(found)
    return [
        each.limited(None) if _of_loss(level, each) and (whole or not _of_shorter(each)) else each
        for each in found
    ]


def of_another_ratio(pair: Pair) -> bool:
    """Return whether losses differ by another factor, and another term, in a shorter batch.

    So do their gradients, where they are known: a term may depend on the targets alone.
    """
    a, b = pair.a, pair.b
    if a.shorter_loss is None or b.shorter_loss is None:
        return False
    terms = a.first_loss - b.first_loss, a.shorter_loss - b.shorter_loss
    largest = max(abs(a.first_loss), abs(b.first_loss))
    if abs(terms[0] - terms[1]) <= _RATIO * largest:
        return False
    factors: list[tuple[float, ...]] = [
        (a.first_loss, a.shorter_loss, b.first_loss, b.shorter_loss)
    ]
    if a.shorter_gradients is not None and b.shorter_gradients is not None:
        every = a.gradients, a.shorter_gradients, b.gradients, b.shorter_gradients
        factors.append(tuple(map(_norm, every)))
    return all(abs(w * z - x * y) > _RATIO * abs(w * z) for w, x, y, z in factors)


def _norm(arrays: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(a)) for a in arrays)))


def _part(found: list[Compared]) -> bool:
    """Return whether anything differs but the loss of a shorter batch and its gradients."""
    return any(each.found.parted for each in found if not _of_shorter(each))


def _of_shorter(each: Compared) -> bool:
    return each.key == SHORTER or each.key[0] == SHORTER_GRADIENT


def _moves(trace: Trace) -> bool:
    """Return whether any weight is another one at the end."""
    return any(not np.array_equal(w.values, x) for w, x in _with(trace, trace.final_weights))


def _with(trace: Trace, after: Sequence[np.ndarray]) -> Iterator[tuple[Weight, np.ndarray]]:
    return zip(trace.weights, after, strict=True)


def of_still_weights(pair: Pair, found: list[Compared]) -> list[Compared]:
    """Return the first step's gradients that differ for weights which it moves on neither side.

    They may be frozen, or another optimizer's, which is not stepped yet, or gradients add up until
    a later step. Of sides that never move anything nothing else tells.
    """
    still = [_still(trace) for trace in (pair.a, pair.b)]
    if not _moves(pair.a) or not _moves(pair.b):
        return []
    return [
        each
        for each in found
        if each.found.parted
        and each.weights is not None
        and _of_gradient(each)
        and each.key[2] <= 1
        and still[0].issuperset(each.weights.a)
        and still[1].issuperset(each.weights.b)
    ]


def unmoved(pair: Pair) -> list[str]:
    """Return the names, on the first side, of the weights that train, but that neither side moves.

    So it is with a generator that is to be trained after more batches than are compared.
    """
    sides = pair.a, pair.b
    return [
        pair.a.weights[each.a[0]].name
        for each in pair.matching.weights
        if all(
            trace.weights[k].trainable
            and np.array_equal(trace.weights[k].values, trace.final_weights[k])
            for trace, own in zip(sides, (each.a, each.b), strict=True)
            for k in own
        )
    ]


def _still(trace: Trace) -> set[int]:
    """Return the positions of the weights that the first step does not move."""
    after = trace.steps[0].weights if trace.steps else None
    pairs = _with(trace, trace.final_weights if after is None else after)
    return {k for k, (weight, x) in enumerate(pairs) if np.array_equal(weight.values, x)}


def _of_gradient(each: Compared) -> bool:
    return each.key[0] in ("gradient", SHORTER_GRADIENT)


def _of_loss(level: str, each: Compared) -> bool:
    """Return whether a comparison is of the loss or its gradient, not of what a step does."""
    if level in ("gradient", "trajectory"):
        return each.key[0] != "weight"
    return level in ("loss", "step") and not each.weights
