"""The whole training: every epoch as it is really run, and every step of the one that parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.floor import Floor, NudgedSteps
from frameworks.diverge.levels import names_of
from frameworks.diverge.limits import ONE_BATCH, TRAJECTORY, WEIGHT
from frameworks.diverge.side import (
    First,
    Report,
    Side,
    Step,
    batches,
    own_gradients,
    shorten,
    take_step,
    train,
)
from frameworks.probe import Opened
from scratch import Batch

__all__ = ["KEPT", "Parting", "StepPair", "epochs_apart", "find_step", "first_steps"]

KEPT = 64  # steps from the first on whose gradients are kept, to find out what an optimizer does


@dataclass(frozen=True)
class StepPair:
    """The same step on both sides."""

    a: Step
    b: Step
    batch: Batch
    gradients: tuple[list[np.ndarray], list[np.ndarray]] | None  # before the step


@dataclass(frozen=True)
class Parting:
    """Where a training parts."""

    difference: Difference
    history: list[StepPair]  # from the first step of all to the one that parts, or empty
    gradients: Difference | None = None  # of that step, from the weights before it


def epochs_apart(
    a: Opened, b: Opened, batch_size: int, limit: float | None
) -> Iterator[Difference]:
    """Train both to the end, in the one call that `fit` makes, and compare every epoch's loss."""
    trainings = [train(x, batch_size) for x in (a, b)]
    for epoch, (x, y) in enumerate(zip(*trainings, strict=True), 1):
        yield replace(difference("the epoch's loss", x.loss, y.loss, limit), epoch=epoch)


def find_step(
    a: Side,
    b: Side,
    steps: int | None,
    last: int,
    loss: float,
    report: Report,
    floor: Floor | None = None,
) -> Parting | None:
    """Return the first step that parts, up to the end of epoch `last`; None if none does.

    Both start anew. Epochs long before the last are trained in one go; the last two step by step on
    the same rows. `loss` is the scale for a batch's. With a floor, the nudged trainings go along,
    and the epoch whose weights are outside first is taken for the last.
    """
    opened = [shorten(side.open()[1], steps, side.batch_size) for side in (a, b)]
    nudged = None if floor is None else NudgedSteps(floor)
    first = max(1, last - 1)
    for epoch in range(1, first):
        report("replaying epochs", epoch, first - 1)
        for x in opened:
            list(x.adapter.train(x.batch, [x.orders[epoch - 1]], a.batch_size))
        if nudged is not None and _outside(opened, nudged.replay(epoch)):
            return find_step(a, b, steps, epoch, loss, report, floor)
    sides = First(a, opened[0]), First(b, opened[1])
    return _walk(*sides, range(first, last + 1), loss, report, nudged)


def _outside(opened: list[Opened], limits: Sequence[float]) -> bool:
    """Say whether a weight of the two is farther apart than its limit."""
    pairs = zip(*(x.adapter.get_weights() for x in opened), limits, strict=True)
    return any(difference("", x, y, limit).parted for x, y, limit in pairs)


def _walk(
    a: First,
    b: First,
    epochs: range,
    loss: float,
    report: Report,
    nudged: NudgedSteps | None,
) -> Parting | None:
    history: list[StepPair] = []
    names, number = names_of(a), 0
    for epoch in epochs:
        order, bs = a.opened.orders[epoch - 1], a.side.batch_size
        rows = len(a.opened.batch.X) if order is None else len(order)
        count = -(-rows // bs)
        numbered = (epoch - 1) * -(-len(a.opened.batch.X) // bs)
        sides = [batches(x.opened.batch, x.opened.orders[epoch - 1], bs) for x in (a, b)]
        for in_epoch, (batch, other) in enumerate(zip(*sides, strict=True), 1):
            report("walking the steps", in_epoch, count)
            number = numbered + in_epoch
            pair = _step(a, b, batch, other, keep=number <= KEPT)
            if number == len(history) + 1:
                history.append(pair)
            limits = None if nudged is None else nudged.step(batch, loss)
            for found in _compare(pair, names, loss, limits):
                if found.parted:
                    found = replace(found, epoch=epoch, step=number)
                    known = history if len(history) == number else []
                    of_gradients = None if nudged is None else nudged.gradients(batch)
                    gradients = _gradients(a, b, pair, other, names, of_gradients)
                    return Parting(found, known, gradients)
    return None


def first_steps(a: Side, b: Side, count: int) -> list[StepPair]:
    """Take the first steps of both, with the gradients that each had: what its optimizer does."""
    ours, theirs = (First(side) for side in (a, b))
    pairs = []
    for epoch in range(len(ours.opened.orders)):
        sides = [batches(x.opened.batch, x.opened.orders[epoch], a.batch_size)
                 for x in (ours, theirs)]  # fmt: skip
        for batch, other in zip(*sides, strict=True):
            pairs.append(_step(ours, theirs, batch, other, keep=True))
            if len(pairs) == count:
                return pairs
    return pairs


def _step(a: First, b: First, batch: Batch, other: Batch, keep: bool) -> StepPair:
    gradients = None
    if keep:
        at = [x.opened.adapter.get_weights() for x in (a, b)]
        gradients = (
            own_gradients(a.opened, at[0], batch),
            own_gradients(b.opened, at[1], other),
        )
    ours = take_step(a.opened, batch, a.side.batch_size)
    theirs = take_step(b.opened, other, b.side.batch_size)
    return StepPair(ours, theirs, batch, gradients)


def _compare(
    pair: StepPair, names: list[str], loss: float, limits: Sequence[float] | None
) -> Iterator[Difference]:
    """Compare a step; the limits, of the loss and of every weight, are those of float64 if None."""
    of_loss, *of_weights = limits or [TRAJECTORY, *[WEIGHT] * len(names)]
    yield difference("the batch's loss", pair.a.loss, pair.b.loss, of_loss, scale=loss)
    for name, x, y, limit in zip(names, pair.a.after, pair.b.after, of_weights, strict=True):
        yield difference(name, x, y, limit)


def _gradients(
    a: First,
    b: First,
    pair: StepPair,
    other: Batch,
    names: list[str],
    limits: Sequence[float] | None,
) -> Difference:
    """Compare the gradients of a step, from the weights that were there before it."""
    found = [
        own_gradients(first.opened, step.before, batch)
        for first, step, batch in ((a, pair.a, pair.batch), (b, pair.b, other))
    ]
    every = zip(names, *found, limits or [ONE_BATCH] * len(names), strict=True)
    return max(
        (difference(f"gradient of {name}", x, y, limit) for name, x, y, limit in every),
        key=lambda each: each.of_limit,
    )
