"""A loss that is written differently is no difference, if every step moves the weights alike."""

from collections.abc import Mapping
from math import isfinite

import numpy as np

from frameworks.live.pairs import SHORTER, SHORTER_GRADIENT, Compared, Pair, clips
from frameworks.recordings.trace import Trace

__all__ = ["of_another_ratio", "only_losses_differ", "without_losses"]

_RATIO = 1e-6  # relative: less is rounding, in float32, too


def only_losses_differ(pair: Pair, levels: Mapping[str, list[Compared]]) -> bool:
    """Return whether the loss or gradient differs, but neither outputs nor what steps do.

    A gradient alone is excused only where an optimizer clips, as a step of one's own may do at
    another place, and only if every loss agrees. A loss that is not finite is none that is written
    differently.
    """
    if not all(isfinite(x.found.error) for x in (*levels["loss"], *levels["trajectory"])):
        return False
    clipped = clips(pair.a) or clips(pair.b)
    later = any(each.found.parted for each in levels["trajectory"] if each.key[0] == "loss")
    elsewhere = clipped and _part(levels["gradient"]) and not later
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
    """Return whether losses differ by another factor, and another term, in a shorter batch."""
    a, b = pair.a, pair.b
    if a.shorter_loss is None or b.shorter_loss is None:
        return False
    products = a.first_loss * b.shorter_loss, a.shorter_loss * b.first_loss
    terms = a.first_loss - b.first_loss, a.shorter_loss - b.shorter_loss
    largest = max(abs(a.first_loss), abs(b.first_loss))
    return (
        abs(products[0] - products[1]) > _RATIO * abs(products[0])
        and abs(terms[0] - terms[1]) > _RATIO * largest
    )


def _part(found: list[Compared]) -> bool:
    """Return whether anything differs but the loss of a shorter batch and its gradients."""
    return any(each.found.parted for each in found if not _of_shorter(each))


def _of_shorter(each: Compared) -> bool:
    return each.key == SHORTER or each.key[0] == SHORTER_GRADIENT


def _moves(trace: Trace) -> bool:
    """Return whether any weight is another one at the end."""
    pairs = zip(trace.weights, trace.final_weights, strict=True)
    return any(not np.array_equal(weight.values, after) for weight, after in pairs)


def _of_loss(level: str, each: Compared) -> bool:
    """Return whether a comparison is of the loss or its gradient, not of what a step does."""
    if level in ("gradient", "trajectory"):
        return each.key[0] != "weight"
    return level in ("loss", "step") and not each.weights
