"""The distance of two trainings: the largest differences; NaN equals nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from frameworks.agreement.limits import Limits

__all__ = [
    *("Distance", "Outcome", "measure", "miscounted", "relative_error", "repeats", "too_far"),
    *("distinct", "within"),
]

_COUNTED = 1e-9  # far below 1/n for any n, and far above the rounding of a quotient


@dataclass(frozen=True)
class Outcome:
    """What is compared of a training's results."""

    losses: Sequence[float | None]  # of every epoch; None: not finite
    weights: dict[str, np.ndarray]  # at the end, with the layers' states, by name
    test_loss: float | None
    answers: np.ndarray | None  # labels of the test rows; None where the task has none
    outputs: np.ndarray | None = None  # of the test rows, (n, ...); None where they were not kept
    accuracies: Sequence[float | None] = ()  # of every epoch, then of the test rows
    others: Mapping[str, Sequence[float | None]] = field(default_factory=dict)  # as losses, by name
    kept: Sequence[int] = ()  # the epochs, from 1 on, whose losses these are; empty: all
    phases: Mapping[str, float | None] = field(default_factory=dict)  # test losses of earlier ones


@dataclass(frozen=True)
class Distance:
    """How far apart two trainings are."""

    values: dict[str, list[float]]  # relative differences, epoch by epoch, of "loss" and others
    weights: dict[str, float]  # relative differences of the arrays at the end
    test_loss: float
    mismatches: np.ndarray  # test rows whose predictions differ; none without answers
    outputs: float | None  # relative difference of the outputs; None where neither kept them
    accuracies: Sequence[float] = ()  # differences, of every epoch, then of the test rows
    kept: Sequence[int] = ()  # see `Outcome`
    phases: Mapping[str, float] = field(default_factory=dict)  # of their test losses

    @property
    def epochs(self) -> list[float]:
        """The largest difference of each epoch's values: its loss, a generator's and so on."""
        return [max(errors) for errors in zip_longest(*self.values.values(), fillvalue=np.inf)]

    @property
    def loss(self) -> float:
        """The largest difference in any epoch's values."""
        return max(self.epochs)

    def epoch(self, place: int) -> int:
        """Return the number of an epoch, from 1 on, by its place among those that are compared."""
        return self.kept[place] if place < len(self.kept) else place + 1

    @property
    def weight(self) -> float:
        """The largest difference in any array."""
        return max(self.weights.values(), default=0.0)

    @property
    def tests(self) -> float:
        """The largest difference of the test losses, those of earlier phases among them."""
        return max([self.test_loss, *self.phases.values()])


def relative_error(a: Any, b: Any) -> float:
    """Return the largest elementwise difference, relative to the largest magnitude in either.

    Infinite if the shapes differ, or if either holds NaN, None or an infinity.

    >>> relative_error([1.0, 0.0], [1.0, 0.5])
    0.5
    >>> relative_error(None, None), relative_error(2.0, 2.0)
    (inf, 0.0)
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.inf
    largest = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return float(np.abs(a - b).max(initial=0) / largest) if largest else 0.0


def measure(a: Outcome, b: Outcome) -> Distance:
    """Measure the distance of two trainings: infinite where one lacks a value."""
    names = [*(a.weights | b.weights)]
    weights = {name: relative_error(a.weights.get(name), b.weights.get(name)) for name in names}
    kept = a.outputs is not None or b.outputs is not None
    return Distance(
        values=_value_errors(a, b),
        weights=weights,
        test_loss=relative_error(a.test_loss, b.test_loss),
        mismatches=_mismatches(a.answers, b.answers),
        outputs=relative_error(a.outputs, b.outputs) if kept else None,
        accuracies=[
            abs(x - y) if x is not None and y is not None else 0.0 if x is y else np.inf
            for x, y in zip_longest(a.accuracies, b.accuracies)
        ],
        kept=a.kept,
        phases={
            name: relative_error(a.phases.get(name), b.phases.get(name))
            for name in {**a.phases, **b.phases}
        },
    )


def distinct(a: np.ndarray, axis: int) -> int:
    """Return how many different columns an array has, or rows, if the axis is -2.

    >>> distinct(np.array([[1.0, 1.0], [2.0, 2.0]]), axis=-1)
    1
    """
    along = np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1)
    return len(np.unique(along, axis=0))


def repeats(a: Outcome, b: Outcome) -> bool:
    """Return whether two trainings came to the same numbers, to the last bit."""
    found = measure(a, b)
    errors = (found.loss, found.weight, found.tests, found.outputs or 0.0)
    return not any(errors) and not len(found.mismatches)


def _value_errors(a: Outcome, b: Outcome) -> dict[str, list[float]]:
    lacking = [None] * len(a.losses)
    others = {
        name: relative_errors(a.others.get(name, lacking), b.others.get(name, lacking))
        for name in {**a.others, **b.others}
    }
    return {"loss": relative_errors(a.losses, b.losses), **others}


def miscounted(distance: Distance, limit: float = 0.0) -> str:
    """Return a sentence on the first accuracy that differs although the predictions agree.

    Accuracies are quotients of counts: any difference beyond rounding is another count. `limit` is
    what rounding alone makes of them, where rows lie on a boundary between two answers.
    """
    last = len(distance.accuracies) - 1
    for place, error in enumerate(distance.accuracies):
        if error > limit + _COUNTED:
            of = "the test accuracy"
            if place < last:
                of = f"epoch {distance.epoch(place)}: the training accuracy"
            return f"{of} differs by {error:.1e}, although outputs and losses agree"
    return ""


def _mismatches(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray:
    pairs = zip_longest(() if a is None else a, () if b is None else b)
    return np.flatnonzero([not np.array_equal(x, y) for x, y in pairs])


def relative_errors(a: Sequence[float | None], b: Sequence[float | None]) -> list[float]:
    """Return the relative difference of each pair; infinite where one has no counterpart.

    >>> relative_errors([1.0, 0.0, None], [0.5, 0.0, 1.0])
    [0.5, 0.0, inf]
    """
    x, y = np.array([*zip_longest(a, b)], float).reshape(-1, 2).T
    largest = np.maximum(np.abs(x), np.abs(y))
    with np.errstate(invalid="ignore"):
        errors = np.abs(x - y) / np.where(largest, largest, 1.0)
    return np.where(np.isfinite(largest), errors, np.inf).tolist()


def within(error: float | None, limit: float) -> bool:
    """Return whether an error is within its limit; what is not finite never is.

    >>> within(0.5, 0.5), within(float("inf"), float("inf")), within(None, 0.5)
    (True, False, True)
    """
    return error is None or (bool(np.isfinite(error)) and error <= limit)


def too_far(distance: Distance, limits: Limits) -> str:
    """Return a sentence on where a distance first exceeds the limits, or an empty string."""
    by_epoch = zip_longest(*distance.values.values(), fillvalue=np.inf)
    for place, errors in enumerate(by_epoch):
        for name, error in zip(distance.values, errors, strict=True):
            if not within(error, limits.loss):
                what = f"epoch {distance.epoch(place)}: the {name.replace('_', ' ')}"
                return f"{what} differs by {error:.1e}, limit {limits.loss:.1e}"
    for name, error in distance.weights.items():
        if not within(error, limit := limits.of_array(name)):
            return f"{name} differs by {error:.1e}, limit {limit:.1e}"
    of_phases = {f"the test loss of phase {name!r}": e for name, e in distance.phases.items()}
    for what, error in (of_phases | {"the test loss": distance.test_loss}).items():
        if not within(error, limits.test_loss):
            return f"{what} differs by {error:.1e}, limit {limits.test_loss:.1e}"
    if len(distance.mismatches) > limits.predictions:
        count, first = len(distance.mismatches), distance.mismatches[0]
        differ = "prediction differs" if count == 1 else "predictions differ"
        return f"{count} {differ}, limit {limits.predictions}; the first in row {first}"
    if not within(distance.outputs, limits.outputs):
        return f"the outputs differ by {distance.outputs:.1e}, limit {limits.outputs:.1e}"
    return ""
