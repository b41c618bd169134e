"""The whole training: every epoch as it is really run, and every step of the one that parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frameworks.agreement.distances import FLOAT64
from frameworks.console import Advance
from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.first_batch import First, compare, names_of
from frameworks.diverge.floor import Floor, NudgedSteps
from frameworks.diverge.side import (
    Side,
    Step,
    at_weights,
    batches,
    in_float64,
    shorten,
    take_step,
    train,
)
from frameworks.probe import Opened
from scratch import Batch

__all__ = ["Parting", "StepPair", "epochs_apart", "find_step", "first_steps"]

_KEPT = 64  # steps from the first on whose gradients are kept, to find out what an optimizer does


@dataclass(frozen=True)
class StepPair:
    """The same step on both sides."""

    a: Step
    b: Step
    batch: Batch  # side a's
    gradients: tuple[list[np.ndarray], list[np.ndarray]] | None  # that each side stepped on


@dataclass(frozen=True)
class Parting:
    """Where a training parts."""

    difference: Difference
    history: list[StepPair]  # from the first step of all to the one that parts, or empty
    gradients: Difference  # of that step, both at the weights that side a had before it


def epochs_apart(
    a: Opened, b: Opened, batch_size: int, limits: Sequence[float] | None
) -> Iterator[Difference]:
    """Train both to the end, in the one call that `fit` makes, and compare every epoch's loss.

    `limits`: of each epoch; None: measured, not judged.
    """
    trainings = [train(x, batch_size) for x in (a, b)]
    for epoch, (x, y) in enumerate(zip(*trainings, strict=True), 1):
        limit = None if limits is None else limits[epoch - 1]
        yield replace(difference("the epoch's loss", x.loss, y.loss, limit), epoch=epoch)


def find_step(
    a: Side,
    b: Side,
    steps: int | None,
    last: int,
    loss: float,
    report: Advance,
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
    a: First, b: First, epochs: range, loss: float, report: Advance, nudged: NudgedSteps | None
) -> Parting | None:
    history: list[StepPair] = []
    names, size = names_of(a), a.side.batch_size
    per_epoch = -(-len(a.opened.batch.X) // size)
    for epoch in epochs:
        sides = [batches(x.opened.batch, x.opened.orders[epoch - 1], size) for x in (a, b)]
        for number, (batch, other) in enumerate(
            zip(*sides, strict=True), (epoch - 1) * per_epoch + 1
        ):
            report("walking the steps", number - (epoch - 1) * per_epoch, per_epoch)
            pair = _step(a, b, batch, other, keep=number <= _KEPT)
            if number == len(history) + 1:
                history.append(pair)
            limits = None if nudged is None else nudged.step(batch, loss)
            for found in _compare(pair, names, loss, limits):
                if found.parted:
                    found = replace(found, epoch=epoch, step=number)
                    known = history if len(history) == number else []
                    return Parting(found, known, _gradients(a, b, pair, other))
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
    gradients = (_own_gradients(a, batch), _own_gradients(b, other)) if keep else None
    ours = take_step(a.opened, batch, a.side.batch_size)
    theirs = take_step(b.opened, other, b.side.batch_size)
    return StepPair(ours, theirs, batch, gradients)


def _own_gradients(side: First, batch: Batch) -> list[np.ndarray]:
    """Return the gradients of a batch at the weights that the side has."""
    adapter = side.opened.adapter
    with at_weights(adapter, adapter.get_weights()):
        return adapter.loss_and_gradients(batch)[1]


def _compare(
    pair: StepPair, names: list[str], loss: float, limits: Sequence[float] | None
) -> Iterator[Difference]:
    """Compare a step; the limits, of the loss and of every weight, are those of float64 if None."""
    of_loss, *of_weights = limits or [FLOAT64.loss, *[FLOAT64.weight] * len(names)]
    yield difference("the batch's loss", pair.a.loss, pair.b.loss, of_loss, scale=loss)
    for name, x, y, limit in zip(names, pair.a.after, pair.b.after, of_weights, strict=True):
        yield difference(name, x, y, limit)


def _gradients(a: First, b: First, pair: StepPair, other: Batch) -> Difference:
    """Compare the gradients of a step as the level `gradient` does, at side a's weights on both.

    By the step that parts, each side's own weights have drifted from the other's, by no more than
    the limit: gradients at those would differ though both compute them alike.
    """
    weights = pair.a.before
    ours, theirs = (
        First(x.side, x.opened._replace(initial_weights=weights), batch)
        for x, batch in ((a, pair.batch), (b, other))
    )
    exact = None
    if a.side.dtype == "float32":
        exact = First(a.side.in_float64(weights), batch=in_float64(pair.batch))
        exact.opened.adapter.stream.draws = a.opened.adapter.stream.draws
    with at_weights(ours.opened.adapter, weights), at_weights(theirs.opened.adapter, weights):
        compared = [found for _, found in compare("gradient", ours, theirs, exact)]
    return max(compared, key=lambda each: each.of_limit)
