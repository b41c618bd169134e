"""Single steps, each from the same weights, so that one difference does not hide the next.

Before every step side a is given side b's weights. Each side keeps its own optimizer: the state
depends on gradients only, which are equal while the weights are, and no framework's state fits
another's. A fault in the gradient therefore persists through the optimizer's state; a fault in the
optimizer shows at every step at which it acts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from frameworks.agreement.limits import ONE_BATCH
from frameworks.console import Advance
from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.first_batch import First, cancelled, names_of, rounding_limit, yardsticks
from frameworks.diverge.side import Side, Step, batches, in_float64, shorten, take_step
from scratch import Batch

__all__ = ["SingleSteps", "single_steps"]


@dataclass(frozen=True)
class SingleSteps:
    """The outcome of single steps: how many were taken, and those that differ."""

    steps: int
    parted: list[Difference]  # the worst of each step that differs, in order
    worst: Difference  # of all steps


def single_steps(a: Side, b: Side, steps: int | None, report: Advance) -> SingleSteps:
    """Take every step of the training from side b's weights, on both sides, and compare."""
    ours, theirs = (First(side, shorten(side.open()[1], steps, side.batch_size)) for side in (a, b))
    exact = []
    if a.dtype == "float32":
        exact = [First(x.side.in_float64(x.opened.initial_weights)) for x in (ours, theirs)]
    names, judging = names_of(ours), yardsticks(ours, theirs)
    may_cancel = bool(cancelled(ours, theirs))
    every: list[Difference] = []
    total = sum(-(-_rows(ours, order) // a.batch_size) for order in ours.opened.orders)
    scale = 0.0
    for epoch, order in enumerate(ours.opened.orders, 1):
        sides = [batches(x.opened.batch, order, a.batch_size) for x in (ours, theirs)]
        for batch, other in zip(*sides, strict=True):
            report("single steps", len(every) + 1, total)
            weights = theirs.opened.adapter.get_weights()
            ours.opened.adapter.set_weights(weights)
            here = [First(x.side, x.opened, y) for x, y in ((ours, batch), (theirs, other))]
            left_out = {names[i] for i in (cancelled(*here) if may_cancel else ())}
            noise = [_exact_step(each, weights, batch) for each in exact]
            x = take_step(ours.opened, batch, a.batch_size)
            y = take_step(theirs.opened, other, a.batch_size)
            scale = scale or min(abs(x.loss), abs(y.loss))
            found = _compare(x, y, noise, judging, names, scale)
            judged = (each for each in found if each.where not in left_out)
            worst = max(judged, key=lambda each: each.of_limit)
            every.append(replace(worst, step=len(every) + 1, epoch=epoch))
    parted = [each for each in every if each.parted]
    return SingleSteps(len(every), parted, max(every, key=lambda each: each.error))


def _exact_step(exact: First, weights: list[np.ndarray], batch: Batch) -> Step:
    """Take the same step in float64, from the same float32 weights and rows."""
    exact.opened.adapter.set_weights([w.astype(np.float64) for w in weights])
    return take_step(exact.opened, in_float64(batch), exact.side.batch_size)


def _compare(
    x: Step, y: Step, exact: list[Step], judging: tuple[bool, bool], names: list[str], scale: float
) -> Iterator[Difference]:
    """Compare two steps; a loss's error is relative to at least `scale`, the first loss."""
    pairs = [("the batch's loss", x.loss, y.loss), *zip(names, x.after, y.after, strict=True)]
    exact_values = [[step.loss, *step.after] for step in exact]
    for i, (where, a, b) in enumerate(pairs):
        size, limit = (0.0 if where in names else scale), ONE_BATCH
        if exact:
            sides = zip((a, b), exact_values, judging, strict=True)
            errors = (difference(where, v, its[i], None, size).error for v, its, of in sides if of)
            limit = rounding_limit(*errors)
        yield difference(where, a, b, limit, size)


def _rows(first: First, order: np.ndarray | None) -> int:
    return len(first.opened.batch.X) if order is None else len(order)
