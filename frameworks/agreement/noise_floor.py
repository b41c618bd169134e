"""The noise floor: how far apart rounding alone drives trainings that are otherwise the same.

It is measured, never chosen: scratch is trained several times with every result nudged by up to one
unit in the last place (`nudge`), and the floor is the largest distance between any two of these
trainings, or `UNITS` in the last place if that is larger: a training of a few steps says nothing of
how exactly a library computes a function. Two implementations agree if they are no farther apart
than the floor. The largest of a few distances is itself a matter of chance, so a pair that exceeds
it is judged again, by three times as many trainings.

One array that rounding alone moves, as a bias before a batch normalization whose gradient is 0,
excuses no other: each has a floor of its own, `FACTOR` times which it may not exceed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, combinations, zip_longest
from numbers import Integral

import numpy as np

from frameworks.agreement.distances import Outcome, distinct, measure
from frameworks.agreement.limits import FLOAT64, Limits
from frameworks.errors import RequestError

__all__ = [
    "FACTOR",
    "MOST_TRAININGS",
    "TRAININGS",
    "and_one_breaking_ties",
    "NoiseFloor",
    "check_floor",
    "for_doubts",
    "measure_floor",
]

TRAININGS = 5  # nudged trainings, by default; those after the fifth break ties
MOST_TRAININGS = 1_000  # whose pairs, half a million, are all measured
FACTOR = 16  # one array's largest distance is more a matter of chance than that of all
_FARTHEST = 2.0  # relative: two arrays that differ in their signs alone
UNITS = 8  # two sides, each off by 3.6 in one function: TensorFlow's sigmoid, in float32


def check_floor(count: int) -> None:
    """Raise RequestError for a single nudged training, which has no distance to another.

    Likewise for fewer than none, and for more than anybody can wait for.
    """
    if not isinstance(count, Integral) or (count != 0 and not 2 <= count <= MOST_TRAININGS):
        raise RequestError(
            f"--floor must be 0, or at least 2, since a distance needs two trainings, and at most "
            f"{MOST_TRAININGS:,}; got {count!r}"
        )


def for_doubts(count: int) -> int:
    """Return how many nudged trainings judge a pair that exceeds the floor of `count`.

    Of 5 alike, and two more, the two are the farthest apart once in 21 times; of 15, once in 136.
    """
    return min(3 * count, MOST_TRAININGS)


def and_one_breaking_ties(count: int) -> int:
    """Return how many nudged trainings it takes beside `count` until one of them breaks ties.

    Where units begin equal, it alone shows that rounding parts them.
    """
    return max(count, TRAININGS) + 1


@dataclass(frozen=True)
class NoiseFloor:
    """The largest distances between any two nudged trainings, at least `UNITS` for each."""

    loss: float  # of any epoch, relative
    epochs: list[float]  # of each epoch's loss, relative
    weight: float  # of any array at the end, relative to its largest magnitude
    test_loss: float  # relative
    predictions: int  # the number that differ
    trainings: int  # how many were nudged
    outputs: float | None = None  # of the test rows, relative; None if not kept
    repeats: bool = True  # False: one of them, trained again, came to different numbers
    arrays: Mapping[str, float] = field(default_factory=dict)  # as `weight`, of each, by name
    accuracy: float = 0.0  # of any epoch or of the test rows: other rows are right
    ties: bool = False  # whether units that begin equal part: see `measure_floor`

    @property
    def finite(self) -> bool:
        """Whether it can judge: a nudged training that overflowed is no yardstick."""
        distances = [self.loss, self.weight, self.test_loss, self.outputs or 0.0]
        return bool(np.isfinite(distances).all())

    @property
    def amplifies(self) -> bool:
        """Whether rounding alone exceeds the fixed limits of float64."""
        return self.at_least(FLOAT64) != FLOAT64

    @property
    def miscounts(self) -> bool:
        """Whether rounding alone makes other rows right."""
        return self.finite and self.repeats and self.accuracy > 0

    @property
    def limits(self) -> Limits:
        """The limits for two implementations; outputs, which follow from weights, have theirs.

        Where ties break, one may be ahead of all nudged trainings, by `FACTOR`. An array of which
        rounding leaves not even the signs, such as the bias of attention's keys, has none.
        """
        ahead = FACTOR if self.ties else 1
        weight = self.weight if self.weight < 1 else _FARTHEST
        own = {
            name: min(FACTOR * each, self.weight) for name, each in self.arrays.items() if each < 1
        }
        return Limits(
            ahead * self.loss,
            ahead * weight,
            ahead * self.test_loss,
            self.predictions,
            ahead * self._outputs,
            {name: ahead * limit for name, limit in own.items() if limit < weight},
        )

    def of_epochs(self, dtype: str) -> list[float]:
        """Return the limit of each epoch's loss, never above the limit for all epochs.

        Rounding needs many epochs to grow; until then the limit is `FACTOR` times the distance that
        the nudged trainings have reached. Two implementations round differently from them, and may
        be ahead. In float32 rounding is there from the first step: one limit holds for all epochs,
        unless ties break.
        """
        if dtype == "float32" and not self.ties:
            return [self.limits.loss] * len(self.epochs)
        least, most = _least_of(dtype), self.limits.loss
        if dtype == "float64":
            least, most = FLOAT64.loss, self.at_least(FLOAT64).loss
        return [max(least, min(most, FACTOR * reached)) for reached in accumulate(self.epochs, max)]

    @property
    def _outputs(self) -> float:
        if self.outputs is None:
            return self.weight
        return max(self.outputs, min(self.weight, FACTOR * self.outputs))

    def at_least(self, fixed: Limits) -> Limits:
        """Return, for each distance, the larger of the floor and a fixed limit.

        A floor that is not finite explains nothing, nor does one of trainings that do not repeat
        themselves: then the fixed limits hold.
        """
        if not self.finite or not self.repeats:
            return fixed
        own = self.limits
        names = [name for name in vars(fixed) if name != "arrays"]
        wider = {name: max(getattr(fixed, name), getattr(own, name)) for name in names}
        arrays = {name: max(fixed.weight, limit) for name, limit in own.arrays.items()}
        below = {name: limit for name, limit in arrays.items() if limit < wider["weight"]}
        return Limits(**wider, arrays=below)

    def narrowed(self, other: "NoiseFloor | None") -> "NoiseFloor":
        """Return, for each distance, the smaller of two floors of the same training."""
        if other is None:
            return self
        outputs = [each for each in (self.outputs, other.outputs) if each is not None]
        return NoiseFloor(
            loss=min(self.loss, other.loss),
            epochs=[*map(min, self.epochs, other.epochs)],
            weight=min(self.weight, other.weight),
            test_loss=min(self.test_loss, other.test_loss),
            predictions=min(self.predictions, other.predictions),
            trainings=min(self.trainings, other.trainings),
            outputs=min(outputs, default=None),
            repeats=self.repeats and other.repeats,
            arrays={
                name: min(own, other.arrays.get(name, own)) for name, own in self.arrays.items()
            },
            accuracy=min(self.accuracy, other.accuracy),
            ties=self.ties and other.ties,
        )


def _least_of(dtype: str) -> float:
    """Return the least distance of a floor, `UNITS` in the last place."""
    return UNITS * float(np.finfo(dtype).eps)


def measure_floor(
    trainings: Sequence[Outcome], dtype: str, breaking_ties: Sequence[Outcome] = ()
) -> NoiseFloor | None:
    """Measure the floor of nudged trainings of one experiment and seed; None for fewer than two.

    No distance is below `UNITS` in the last place, of 2⁻²³ in float32 and 2⁻⁵² in float64. Units
    begin equal, and part, where `breaking_ties` are far apart beside the others and an array of
    theirs has fewer columns that are equal.
    """
    if breaking_ties:
        floor = measure_floor([*trainings, *breaking_ties], dtype)
        keeping = measure_floor(trainings, dtype)
        apart = floor is not None and keeping is not None and floor.loss > FACTOR * keeping.loss
        ties = apart and _parts_columns(trainings[0], breaking_ties[0])
        return floor and replace(floor, ties=ties)
    distances = [measure(a, b) for a, b in combinations(trainings, 2)]
    if not distances:
        return None
    least = _least_of(dtype)
    return NoiseFloor(
        loss=max(least, *(distance.loss for distance in distances)),
        epochs=[*map(max, zip_longest(*(d.epochs for d in distances), fillvalue=np.inf))],
        weight=max(least, *(distance.weight for distance in distances)),
        test_loss=max(least, *(distance.tests for distance in distances)),
        predictions=max(len(distance.mismatches) for distance in distances),
        trainings=len(trainings),
        outputs=max(
            (max(least, d.outputs) for d in distances if d.outputs is not None), default=None
        ),
        arrays={
            name: max(least, *(distance.weights.get(name, np.inf) for distance in distances))
            for name in sorted(distances[0].weights)
        },
        accuracy=max((e for distance in distances for e in distance.accuracies), default=0.0),
    )


def _parts_columns(keeping: Outcome, breaking: Outcome) -> bool:
    """Return whether columns of an array that are equal in one training differ in the other."""
    pairs = ((a, breaking.weights.get(name)) for name, a in keeping.weights.items())
    arrays = ((a, b) for a, b in pairs if b is not None and a.ndim > 1 and a.shape == b.shape)
    return any(distinct(a, -1) < distinct(b, -1) for a, b in arrays)
