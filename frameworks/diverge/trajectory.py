"""The whole training: every epoch as `fit` runs it, and each step of the one that differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from frameworks.agreement.limits import FLOAT64
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

__all__ = ["Parting", "StepPair", "epochs_apart", "find_step", "first_steps", "stops_apart"]

_KEPT = 64  # first steps whose gradients are kept, to identify the optimizer


@dataclass(frozen=True)
class StepPair:
    """The same step on both sides."""

    a: Step
    b: Step
    batch: Batch  # side a's
    gradients: tuple[list[np.ndarray], list[np.ndarray]] | None  # of each side, at its own weights

    @property
    def swapped(self) -> "StepPair":
        """The same with the sides swapped."""
        gradients = None if self.gradients is None else self.gradients[::-1]
        return replace(self, a=self.b, b=self.a, gradients=gradients)


@dataclass(frozen=True)
class Parting:
    """The first step at which two trainings differ."""

    difference: Difference
    history: list[StepPair]  # from the training's first step to this one, or empty
    gradients: Difference  # of this step, both at the weights that side a had before it
    pair: StepPair  # this step


def epochs_apart(
    a: Opened, b: Opened, batch_size: int, limits: Sequence[float] | None
) -> Iterator[tuple[Difference, Difference | None]]:
    """Train both to the end, as `fit` does; compare the loss and accuracy of each epoch of both.

    `limits`: one per epoch for the loss; None: measured, not judged. An accuracy is a count: where
    the loss is judged, none may differ. It is None where the task has no answers.
    """
    trainings = [train(x, batch_size) for x in (a, b)]
    for epoch, (x, y) in enumerate(zip_longest(*trainings), 1):
        if x is None or y is None:
            continue  # one has stopped, the other goes on to its end: see `stops_apart`
        limit = None if limits is None else limits[epoch - 1]
        counted = None
        if x.accuracy is not None or y.accuracy is not None:
            p, q = (np.nan if each.accuracy is None else each.accuracy for each in (x, y))
            least = None if limits is None else 0.5 / len(a.batch.X)
            counted = difference(f"the accuracy of epoch {epoch}", p, q, least, scale=1.0)
        yield replace(difference("the epoch's loss", x.loss, y.loss, limit), epoch=epoch), counted


def stops_apart(a: Opened, b: Opened, judged: bool) -> list[Difference]:
    """Compare where both trainings ended, by the rows that they hold out, if they do."""
    if a.held_out is None or b.held_out is None or a.held_out.rows is None:
        return []
    x, y, limit = a.held_out, b.held_out, 0.0 if judged else None
    return [
        difference("the number of epochs trained", len(x.losses), len(y.losses), limit),
        difference("the epoch whose weights are kept", x.kept, y.kept, limit),
    ]


def find_step(
    a: Side,
    b: Side,
    steps: int | None,
    last: int,
    loss: float,
    report: Advance,
    floor: Floor | None = None,
) -> Parting | None:
    """Return the first step that differs, up to the end of epoch `last`; None if none does.

    Both start again. The last two epochs are trained step by step on the same rows, and all of
    them if they are but a few steps; earlier ones in one call each. `loss` is the least scale of a
    batch loss's error. With a floor, the nudged trainings run alongside; the first epoch whose
    weights exceed their limits becomes the last.
    """
    opened = [shorten(side.open()[1], steps, side.batch_size) for side in (a, b)]
    nudged = None if floor is None else NudgedSteps(floor)
    few = last * -(-len(opened[0].batch.X) // a.batch_size) <= _KEPT
    first = 1 if few else max(1, last - 1)
    for epoch in range(1, first):
        report("replaying epochs", epoch, first - 1)
        for x in opened:
            list(x.adapter.epochs(x.batch, [x.orders[epoch - 1]], a.batch_size))
        if nudged is not None and _outside(opened, nudged.replay(epoch)):
            return find_step(a, b, steps, epoch, loss, report, floor)
    sides = First(a, opened[0]), First(b, opened[1])
    return _walk(*sides, range(first, last + 1), loss, report, nudged)


def _outside(opened: list[Opened], limits: Sequence[float]) -> bool:
    """Return whether any weight array of the two exceeds its limit."""
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
            report("comparing steps", number - (epoch - 1) * per_epoch, per_epoch)
            pair = _step(a, b, batch, other, keep=number <= _KEPT)
            if number == len(history) + 1:
                history.append(pair)
            limits = None if nudged is None else nudged.step(batch, loss)
            for found in _in_order(a, [*_compare(pair, names, loss, limits)]):
                if found.parted:
                    found = replace(found, epoch=epoch, step=number)
                    known = history if len(history) == number else []
                    place = names.index(found.where) if found.where in names else None
                    return Parting(found, known, _gradients(a, b, pair, other, place), pair)
    return None


def _in_order(a: First, compared: list[Difference]) -> Iterator[Difference]:
    """Yield a step's loss, then its weights in the order in which they were updated."""
    loss, *weights = compared
    yield loss
    yield from (weights[i] for network in a.in_order_of_updates for i in network)


def first_steps(a: Side, b: Side, count: int) -> list[StepPair]:
    """Return the first `count` steps of both, with gradients, to identify the optimizers."""
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
    """Return the gradients of a batch at the side's current weights."""
    adapter = side.opened.adapter
    with at_weights(adapter, adapter.get_weights()):
        return adapter.loss_and_gradients(batch)[1]


def _compare(
    pair: StepPair, names: list[str], loss: float, limits: Sequence[float] | None
) -> Iterator[Difference]:
    """Compare a step, by limits for the loss and every weight; None: those of float64."""
    of_loss, *of_weights = limits or [FLOAT64.loss, *[FLOAT64.weight] * len(names)]
    yield difference("the batch's loss", pair.a.loss, pair.b.loss, of_loss, scale=loss)
    for name, x, y, limit in zip(names, pair.a.after, pair.b.after, of_weights, strict=True):
        yield difference(name, x, y, limit)


def _gradients(a: First, b: First, pair: StepPair, other: Batch, place: int | None) -> Difference:
    """Compare the gradients of a step as the gradient level does, both at side a's weights.

    By now the weights of the two sides have drifted apart, though within the limit: gradients at
    each side's own weights would differ even if both compute them correctly. Of several networks,
    those updated after that of weight `place`, which differs first, learn from it and are left out.
    """
    weights = pair.a.before
    ours, theirs = (
        First(x.side, x.opened._replace(initial_weights=weights), batch)
        for x, batch in ((a, pair.batch), (b, other))
    )
    exact: Any = None
    if a.side.dtype == "float32":
        exact = tuple(_exact(*each, weights) for each in ((a, pair.batch), (b, other)))
    with at_weights(ours.opened.adapter, weights), at_weights(theirs.opened.adapter, weights):
        every = [*compare("gradient", ours, theirs, exact)]
    networks = a.in_order_of_updates
    last = next((i for i, own in enumerate(networks) if place in own), 0)
    before = {i for own in networks[: last + 1] for i in own}
    compared = [found for item, found in every if item.position in before]
    return max(compared, key=lambda each: each.of_limit)


def _exact(side: First, batch: Batch, weights: list[np.ndarray]) -> First:
    """Return a side in float64, with the draws of the step."""
    exact = First(side.side.in_float64(weights), batch=in_float64(batch))
    exact.opened.adapter.stream.draws = side.opened.adapter.stream.draws
    return exact
