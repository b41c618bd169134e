"""What changed between two trainings of the same name, in numbers; `rules` judges them."""

from dataclasses import asdict, dataclass
from math import inf, log10
from typing import Any

import numpy as np

from experiments.harness.compare.flips import Arrays, Flips, count_flips
from experiments.harness.records.results import certified_digits
from frameworks.agreement.distances import Distance, measure

__all__ = ["Change", "certified"]

Record = dict[str, Any]

_MOST = 53 * log10(2)  # 15.95, all the digits of a float64


@dataclass(frozen=True)
class Change:
    """Two finished trainings, and how far apart they are."""

    before: Record
    after: Record
    distance: Distance
    flips: Flips

    @classmethod
    def between(
        cls, before: Record, after: Record, arrays: tuple[Arrays, Arrays] | None
    ) -> "Change":
        """Measure it; without arrays, weights and predictions are known by their digests alone."""
        nothing: Arrays = {"predictions": np.array([])}
        old, new = arrays or (nothing, nothing)
        distance = measure((before, old), (after, new))
        return cls(before, after, distance, count_flips(before, after, arrays))

    @property
    def identical(self) -> bool:
        """Whether every loss, weight and prediction is the same to the last bit."""
        parts = (
            ("history", "loss"),
            ("test", "loss"),
            ("digests", "weights"),
            ("digests", "predictions"),
        )
        return all(self.before[part][name] == self.after[part][name] for part, name in parts)

    @property
    def digits(self) -> float:
        """The digits that the worst loss has in common with itself before: −log₁₀ of the error."""
        worst = 0.0 if self.identical else max([*self.distance.epochs, self.distance.test_loss])
        return min(_MOST, max(0.0, -log10(worst))) if worst else _MOST

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as `lockstep compare --json` has them."""
        errors = [0.0 if self.identical else error for error in self.distance.epochs]
        scores = [certified(record) for record in (self.before, self.after)]
        seconds = [record["seconds"]["fit"] for record in (self.before, self.after)]
        return {
            "final_loss": _pair(
                self.before["history"]["loss"][-1], self.after["history"]["loss"][-1]
            ),
            "worst_epoch": {"epoch": 1 + errors.index(max(errors)), "error": max(errors)},
            "test_loss": _pair(self.before["test"]["loss"], self.after["test"]["loss"]),
            "accuracy": _pair(self.before["test"]["accuracy"], self.after["test"]["accuracy"]),
            "certified_digits": None if None in scores else _pair(*scores),
            "digits": self.digits,
            "flips": asdict(self.flips),
            "seconds": _pair(*seconds) | {"ratio": seconds[1] / seconds[0] if seconds[0] else inf},
        }


def certified(record: Record) -> float | None:
    """Return the fewest digits that a training has right of a certified loss, if it has any."""
    found = certified_digits(record)
    return found[0] if found else None


def _pair(before: Any, after: Any) -> dict[str, Any]:
    return {"before": before, "after": after}
