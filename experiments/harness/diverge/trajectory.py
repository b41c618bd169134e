"""The whole training: every epoch as it is really run, and every step of the one that parts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from experiments.harness.diverge.differences import Difference, difference
from experiments.harness.diverge.levels import names_of
from experiments.harness.diverge.limits import ONE_BATCH, TRAJECTORY, WEIGHT
from experiments.harness.diverge.side import First, Side, Step, batches, take_step, train
from frameworks.probe import Opened, undisturbed
from scratch import Batch

__all__ = ["KEPT", "Parting", "StepPair", "epochs_apart", "find_step", "first_steps", "shorten"]

KEPT = 64  # steps from the first on whose gradients are kept, to find out what an optimizer does

Report = Callable[[str, int, int], None]  # what is done, how far, of how many


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


def shorten(opened: Opened, steps: int | None, batch_size: int) -> Opened:
    """Leave so many steps of a training; None leaves all."""
    if steps is None:
        return opened
    orders: list[np.ndarray | None] = []
    for order in opened.orders:
        rows = np.arange(len(opened.batch.X)) if order is None else order
        whole = -(-len(rows) // batch_size)
        orders.append(order if steps >= whole else rows[: steps * batch_size])
        steps -= whole
        if steps <= 0:
            break
    return opened._replace(orders=orders)


def epochs_apart(a: Opened, b: Opened, batch_size: int, judged: bool) -> Iterator[Difference]:
    """Train both to the end, in the one call that `fit` makes, and compare every epoch's loss."""
    limit = TRAJECTORY if judged else None
    trainings = [train(x, batch_size) for x in (a, b)]
    for epoch, (x, y) in enumerate(zip(*trainings, strict=True), 1):
        yield replace(difference("the epoch's loss", x.loss, y.loss, limit), epoch=epoch)


def find_step(
    a: Side, b: Side, steps: int | None, last: int, loss: float, report: Report
) -> Parting | None:
    """Return the first step that parts, up to the end of epoch `last`; None if none does.

    Both start anew. Epochs long before the last are trained in one go; the last two, or all of them
    if their weights part earlier, step by step on the same rows. `loss` is the scale for a batch's.
    """
    opened = [shorten(side.open()[1], steps, side.batch_size) for side in (a, b)]
    first = max(1, last - 1)
    for epoch in range(1, first):
        report("replaying epochs", epoch, first - 1)
        for x in opened:
            list(x.adapter.train(x.batch, [x.orders[epoch - 1]], a.batch_size))
    return _walk(First(a, opened[0]), First(b, opened[1]), range(first, last + 1), loss, report)


def _walk(a: First, b: First, epochs: range, loss: float, report: Report) -> Parting | None:
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
            for found in _compare(pair, names, loss):
                if found.parted:
                    found = replace(found, epoch=epoch, step=number)
                    known = history if len(history) == number else []
                    return Parting(found, known, _gradients(a, b, pair, other, names))
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
        gradients = _own_gradients(a, batch), _own_gradients(b, other)
    ours = take_step(a.opened, batch, a.side.batch_size)
    theirs = take_step(b.opened, other, b.side.batch_size)
    return StepPair(ours, theirs, batch, gradients)


def _own_gradients(first: First, batch: Batch) -> list[np.ndarray]:
    with undisturbed(first.opened.adapter):
        return first.opened.adapter.loss_and_gradients(batch)[1]


def _compare(pair: StepPair, names: list[str], loss: float) -> Iterator[Difference]:
    yield difference("the batch's loss", pair.a.loss, pair.b.loss, TRAJECTORY, scale=loss)
    for name, x, y in zip(names, pair.a.after, pair.b.after, strict=True):
        yield difference(name, x, y, WEIGHT)


def _gradients(a: First, b: First, pair: StepPair, other: Batch, names: list[str]) -> Difference:
    """Compare the gradients of a step, from the weights that were there before it."""
    found = []
    for first, step, batch in ((a, pair.a, pair.batch), (b, pair.b, other)):
        after = first.opened.adapter.get_weights()
        first.opened.adapter.set_weights(step.before)
        found.append(_own_gradients(first, batch))
        first.opened.adapter.set_weights(after)
    every = zip(names, *found, strict=True)
    return max(
        (difference(f"gradient of {name}", x, y, ONE_BATCH) for name, x, y in every),
        key=lambda each: each.error,
    )
