"""The noise floor of a walk: scratch, nudged, and trained beside the two that are compared.

It is the floor by which `lockstep run` judges float32 (`noise_floor`), for any page that has a
`build_scratch`, a user's own included. Where a training is outside, the nudged ones are taken step
by step, too: the first step at which the two are farther apart than any two of them is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import ModuleType

from frameworks.agreement.distances import Cell, Distance, measure, relative_error, too_far
from frameworks.agreement.noise_floor import NoiseFloor, measure_floor
from frameworks.agreement.variants import change, nudges
from frameworks.diverge.differences import difference
from frameworks.diverge.limits import FACTOR, ROUNDOFF
from frameworks.diverge.result import Result
from frameworks.diverge.side import (
    Report,
    Side,
    Step,
    own_gradients,
    shorten,
    take_step,
    train,
)
from scratch import Batch

__all__ = ["TRAININGS", "Floor", "NudgedSteps", "distance", "floor_of"]

TRAININGS = 5  # that are nudged, if nothing else is asked for


@dataclass(frozen=True)
class Floor:
    """Nudged trainings, and the largest distances between any two of them."""

    nudged: Sequence[Side]
    steps: int | None  # of a training; None: all
    noise: NoiseFloor

    def control(self, side: Side, mode: str) -> Distance | None:
        """Train scratch in a mode, and a side; return their distance if it is within the floor."""
        trainings = [_train(each, self.steps) for each in (_in_mode(side, mode), side)]
        apart = measure(*trainings)
        return None if too_far(apart, self.noise.limits) else apart


def floor_of(side: Side, count: int, steps: int | None, report: Report) -> Floor | None:
    """Train scratch `count` times, nudged; None for fewer than two, or without a builder for it."""
    if count < 2 or not hasattr(side.page, "build_scratch"):
        return None
    sides = [_in_mode(side, mode) for mode in nudges(count)]
    cells = []
    for number, each in enumerate(sides, 1):
        report("noise floor: nudged training", number, count)
        cells.append(_train(each, steps))
    noise = measure_floor(cells)
    assert noise is not None
    return Floor(sides, steps, noise)


def distance(a: list[float], b: list[float], results: tuple[Result, Result]) -> Distance:
    """Measure how far apart two whole trainings are, as `lockstep run` does; a, b: their losses."""
    return measure(_cell(a, results[0]), _cell(b, results[1]))


class NudgedSteps:
    """The nudged trainings step by step, and what may be apart on each.

    A batch's loss may be as far apart as an epoch's may, a weight as it may be at the end, and both
    as far as between any two of these trainings on any step so far.
    """

    def __init__(self, floor: Floor) -> None:
        self._size = floor.nudged[0].batch_size
        self._trainings = [shorten(s.open()[1], floor.steps, self._size) for s in floor.nudged]
        self._taken: list[Step] = []
        weights = len(self._trainings[0].initial_weights)
        self._widest = [floor.noise.loss] + [floor.noise.weight] * weights

    def replay(self, epoch: int) -> list[float]:
        """Train one epoch in one go; return the limit of every weight after it."""
        for each in self._trainings:
            list(each.adapter.train(each.batch, [each.orders[epoch - 1]], self._size))
        weights = [each.adapter.get_weights() for each in self._trainings]
        self._widen([[0.0, *map(relative_error, a, b)] for a, b in combinations(weights, 2)])
        return self._widest[1:]

    def step(self, batch: Batch, loss: float) -> list[float]:
        """Take a step; return the limits of the batch's loss, of size `loss`, and every weight."""
        self._taken = [take_step(each, batch, self._size) for each in self._trainings]
        errors = []
        for a, b in combinations(self._taken, 2):
            of_loss = difference("", a.loss, b.loss, None, scale=loss).error
            errors.append([of_loss, *map(relative_error, a.after, b.after)])
        self._widen(errors)
        return self._widest

    def gradients(self, batch: Batch) -> list[float]:
        """Return the limit of every weight's gradient, on the step that was taken last.

        Of a single gradient the nudged ones say little, where its terms cancel: `FACTOR` times.
        """
        trainings = zip(self._trainings, self._taken, strict=True)
        found = [own_gradients(each, taken.before, batch) for each, taken in trainings]
        pairs = [list(map(relative_error, a, b)) for a, b in combinations(found, 2)]
        return [FACTOR * max(*errors, ROUNDOFF) for errors in zip(*pairs, strict=True)]

    def _widen(self, errors: list[list[float]]) -> None:
        self._widest = [max(each) for each in zip(self._widest, *errors, strict=True)]


def _in_mode(side: Side, mode: str) -> Side:
    """Return scratch in the place of a side's implementation, changed as a mode says."""
    page = ModuleType(side.page.__name__)
    vars(page).update(vars(side.page))
    vars(page)["build_scratch"] = change(mode, side.seed)(side.page.build_scratch)
    return replace(side, page=page, implementation="scratch")


def _train(side: Side, steps: int | None) -> Cell:
    classifier, opened = side.open()
    opened = shorten(opened, steps, side.batch_size)
    losses = [epoch.loss for epoch in train(opened, side.batch_size)]
    return _cell(losses, Result.of(side, classifier, opened))


def _cell(losses: list[float], result: Result) -> Cell:
    """Return what agreement is judged on."""
    arrays = {f"weights.{i}": w for i, w in enumerate(result.weights)}
    record = {"history": {"loss": losses}, "test": {"loss": result.loss}}
    return record, arrays | {"predictions": result.predictions}
