"""The noise floor of a walk: nudged trainings of scratch, run alongside the two compared.

It is the floor by which `lockstep run` judges (`agreement.noise_floor`), for any network that has a
builder for scratch. If the two exceed it, the nudged trainings are repeated step by step: the first
step at which the two are farther apart than any two nudged trainings is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from frameworks.agreement.controls import explains
from frameworks.agreement.distances import Distance, Outcome, measure, relative_error, repeats
from frameworks.agreement.limits import FLOAT64, Limits
from frameworks.agreement.noise_floor import TRAININGS, NoiseFloor, measure_floor
from frameworks.agreement.variants import AGAIN, nudges
from frameworks.console import Advance
from frameworks.diverge.differences import difference
from frameworks.diverge.first_batch import FACTOR
from frameworks.diverge.result import Result
from frameworks.diverge.side import Side, shorten, take_step, train
from scratch import Batch

__all__ = ["Floor", "NudgedSteps", "floor_of"]


@dataclass(frozen=True)
class Floor:
    """Nudged trainings, and the largest distances between any two of them."""

    nudged: Sequence[Side]
    outcomes: Sequence[Outcome]
    steps: int | None  # per training; None: all
    noise: NoiseFloor

    @property
    def fixed(self) -> Limits | None:
        """The fixed limits, which apply where the floor is below them; None in float32."""
        return FLOAT64 if self.nudged[0].dtype == "float64" else None

    @property
    def limits(self) -> Limits:
        """The limits of two whole trainings."""
        return self.noise.limits if self.fixed is None else self.noise.at_least(self.fixed)

    @property
    def epochs(self) -> list[float]:
        """The limit of each epoch's loss."""
        return self.noise.of_epochs(self.nudged[0].dtype)

    def control(self, side: Side, other: Side, mode: str) -> Distance | None:
        """Return how far scratch in `mode` is from the side, if that explains the difference."""
        scratch = _in_mode(side, mode), _in_mode(side, "lockstep")
        control, plain, its, others = (_train(x, self.steps) for x in (*scratch, side, other))
        return measure(control, its) if explains(control, plain, its, others, self.limits) else None


def floor_of(
    side: Side, count: int, steps: int | None, report: Advance, known: Sequence[Outcome] = ()
) -> Floor | None:
    """Measure the floor of `count` nudged trainings; None for fewer than 2, or without scratch.

    `known` are the first of these trainings, if they are there.
    """
    if count < 2 or "scratch" not in side.blueprint.builders:
        return None
    sides = [_in_mode(side, mode) for mode in nudges(count)]
    outcomes = [*known]
    for number, each in enumerate(sides[len(known) :], len(known) + 1):
        report("noise floor: nudged training", number, count)
        outcomes.append(_train(each, steps))
    noise = measure_floor(outcomes[:TRAININGS], side.dtype, outcomes[TRAININGS:])
    assert noise is not None
    if noise.finite and not known:
        again = _train(_in_mode(side, AGAIN), steps)
        noise = replace(noise, repeats=repeats(outcomes[0], again))
    return Floor(sides, outcomes, steps, noise)


class NudgedSteps:
    """The nudged trainings step by step, and the limits at each step.

    The limit of a batch's loss, and of a weight array, is the largest distance between any two of
    these trainings at any step so far, in float64 times `FACTOR` (see `Floor.epochs`). It is at
    least the floor's limit for an epoch's loss, or for the final weights, in float32; at least the
    fixed limit in float64.
    """

    def __init__(self, floor: Floor) -> None:
        self._size = floor.nudged[0].batch_size
        self._trainings = [shorten(s.open()[1], floor.steps, self._size) for s in floor.nudged]
        least, self._factor = (floor.limits, 1) if floor.fixed is None else (floor.fixed, FACTOR)
        count = len(self._trainings[0].initial_weights)
        self._least = [least.loss, *(least.of_array(f"weights.{i}") for i in range(count))]
        self._widest = [0.0] * len(self._least)

    @property
    def limits(self) -> list[float]:
        """The limit of a batch's loss, then that of every weight array."""
        pairs = zip(self._least, self._widest, strict=True)
        return [max(least, self._factor * widest) for least, widest in pairs]

    def replay(self, epoch: int) -> list[float]:
        """Train one epoch in one call; return the limits of all weights after it."""
        for each in self._trainings:
            list(each.adapter.epochs(each.batch, [each.orders[epoch - 1]], self._size))
        weights = [each.adapter.get_weights() for each in self._trainings]
        self._widen([[0.0, *map(relative_error, a, b)] for a, b in combinations(weights, 2)])
        return self.limits[1:]

    def step(self, batch: Batch, loss: float) -> list[float]:
        """Take a step; return the limits. `loss` is the typical size of a batch's loss."""
        taken = [take_step(each, batch, self._size) for each in self._trainings]
        errors = []
        for a, b in combinations(taken, 2):
            of_loss = difference("", a.loss, b.loss, None, scale=loss).error
            errors.append([of_loss, *map(relative_error, a.after, b.after)])
        self._widen(errors)
        return self.limits

    def _widen(self, errors: list[list[float]]) -> None:
        self._widest = [max(each) for each in zip(self._widest, *errors, strict=True)]


def _in_mode(side: Side, mode: str) -> Side:
    """Return the side with scratch as its implementation, changed according to `mode`."""
    return replace(side, implementation="scratch", mode=mode)


def _train(side: Side, steps: int | None) -> Outcome:
    estimator, opened = side.open()
    opened = shorten(opened, steps, side.batch_size)
    losses, accuracies = zip(*(each[:2] for each in train(opened, side.batch_size)), strict=True)
    return Result.of(side, estimator).outcome(losses, accuracies)
