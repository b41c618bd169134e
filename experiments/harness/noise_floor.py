"""The noise floor: how far apart rounding alone drives trainings that are otherwise the same.

It is measured, never chosen: scratch is trained several times with every result nudged by up to one
unit in the last place (`nudge`), and the floor is the largest distance between any two of these
trainings. Two implementations agree if they are no farther apart than that, or than one unit in the
last place: results that round to neighbours say nothing, even where the nudged ones are closer.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from experiments.harness.agreement import Cell, Limits, measure
from experiments.harness.errors import RequestError

__all__ = ["NoiseFloor", "check_floor", "measure_floor"]

UNIT = 2.0**-23  # in the last place of float32, relative


def check_floor(count: int) -> None:
    """Refuse a number of nudged trainings that gives no distance."""
    if count == 1:
        raise RequestError("--floor must be 0, or 2 or more: one training has no distance; got 1")


@dataclass(frozen=True)
class NoiseFloor:
    """The largest distances between any two of the nudged trainings, or `UNIT`, if larger."""

    loss: float  # of any epoch, relative
    epochs: list[float]  # of each epoch's loss, relative
    weight: float  # of any array at the end, relative to its largest magnitude
    test_loss: float  # relative
    predictions: int  # different ones
    trainings: int  # how many were nudged

    @property
    def limits(self) -> Limits:
        """What two implementations may differ by."""
        return Limits(self.loss, self.weight, self.test_loss, self.predictions)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON's types."""
        return asdict(self)


def measure_floor(cells: Sequence[Cell]) -> NoiseFloor | None:
    """Measure the floor of nudged trainings of one experiment and seed; None for fewer than two."""
    distances = [measure(a, b) for a, b in combinations(cells, 2)]
    if not distances:
        return None
    return NoiseFloor(
        loss=max(UNIT, *(distance.loss for distance in distances)),
        epochs=[max(errors) for errors in zip(*(d.epochs for d in distances), strict=True)],
        weight=max(UNIT, *(distance.weight for distance in distances)),
        test_loss=max(UNIT, *(distance.test_loss for distance in distances)),
        predictions=max(len(distance.mismatches) for distance in distances),
        trainings=len(cells),
    )
