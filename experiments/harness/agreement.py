"""Whether two implementations agree: the largest difference decides; NaN equals nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

__all__ = [
    "FLOAT64",
    "Cell",
    "Distance",
    "Limits",
    "compare",
    "measure",
    "relative_error",
    "too_far",
]

Cell = tuple[dict[str, Any], dict[str, np.ndarray]]  # a record, and its arrays


@dataclass(frozen=True)
class Limits:
    """How far apart two implementations may be and still agree."""

    loss: float  # of every epoch, relative
    weight: float  # of every array at the end, relative to its largest magnitude
    test_loss: float  # relative
    predictions: int  # that differ, on the whole test set


# A prototype reached 4e-16, so a miss is a bug to be found, not a limit to be widened.
FLOAT64 = Limits(loss=1e-12, weight=1e-9, test_loss=1e-12, predictions=0)


@dataclass(frozen=True)
class Distance:
    """How far apart two finished cells are."""

    epochs: list[float]  # relative differences of the losses, epoch by epoch
    weights: dict[str, float]  # relative differences of the arrays at the end
    test_loss: float
    mismatches: np.ndarray  # the test rows that are predicted differently

    @property
    def loss(self) -> float:
        """The largest difference of an epoch's loss."""
        return max(self.epochs)

    @property
    def weight(self) -> float:
        """The largest difference of an array."""
        return max(self.weights.values())


def relative_error(a: Any, b: Any) -> float:
    """Return the largest elementwise difference, relative to the largest magnitude in either.

    Infinite for arrays of different shapes, and where one holds NaN, None or an infinity.

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


def measure(a: Cell, b: Cell) -> Distance:
    """Measure how far apart two finished cells are: infinitely, where one lacks something."""
    (record, arrays), (other, other_arrays) = a, b
    names = [name for name in arrays | other_arrays if name.startswith("weights.")]
    weights = {name: relative_error(arrays.get(name), other_arrays.get(name)) for name in names}
    predictions, other_predictions = arrays["predictions"], other_arrays["predictions"]
    return Distance(
        epochs=relative_errors(record["history"]["loss"], other["history"]["loss"]),
        weights=weights,
        test_loss=relative_error(record["test"]["loss"], other["test"]["loss"]),
        mismatches=np.flatnonzero([x != y for x, y in zip_longest(predictions, other_predictions)]),
    )


def relative_errors(a: Sequence[float | None], b: Sequence[float | None]) -> list[float]:
    """Return the relative difference of each two numbers; infinite where one has no counterpart.

    >>> relative_errors([1.0, 0.0, None], [0.5, 0.0, 1.0])
    [0.5, 0.0, inf]
    """
    x, y = np.array([*zip_longest(a, b)], float).reshape(-1, 2).T
    largest = np.maximum(np.abs(x), np.abs(y))
    errors = np.abs(x - y) / np.where(largest, largest, 1.0)
    return np.where(np.isfinite(largest), errors, np.inf).tolist()


def compare(a: Cell, b: Cell, limits: Limits | None) -> dict[str, Any]:
    """Compare two cells; the result is an entry of "agreement" in results.json.

    Without limits the distance is measured, not judged, unless the inputs differ: in float32
    training amplifies rounding, by how much depends on the experiment, and no fixed limit is right.
    """
    distance, record, other = measure(a, b), a[0], b[0]
    reason = _different_inputs(record, other) or (too_far(distance, limits) if limits else "")
    verdict = "differ" if reason else "agree" if limits else None
    return {
        "experiment": record["experiment"],
        "dtype": record["dtype"],
        "seed": record["seed"],
        "pair": [record["implementation"], other["implementation"]],
        "max_rel_loss": distance.loss,
        "max_rel_weight": distance.weight,
        "rel_test_loss": distance.test_loss,
        "prediction_mismatches": len(distance.mismatches),
        "n_predictions": record["test"]["n"],
        "verdict": verdict,
        "tolerance": limits.loss if limits else None,
        "reason": reason,
    }


def _different_inputs(a: dict[str, Any], b: dict[str, Any]) -> str:
    """Say in which input two records differ, or return an empty string."""
    inputs = {"data": "data", "spec": "specs", "n_train": "numbers of training rows"}
    digests = {"initial_weights": "initial weights", "batch_order": "batch orders"}
    for name, words in inputs.items():
        if a[name] != b[name]:
            return f"the {words} differ"
    for name, words in digests.items():
        if a["digests"][name] != b["digests"][name]:
            return f"the {words} differ"
    return ""


def too_far(distance: Distance, limits: Limits) -> str:
    """Say where a distance first exceeds the limits, or return an empty string."""
    for epoch, error in enumerate(distance.epochs, 1):
        if not error <= limits.loss:
            return f"epoch {epoch}: the loss differs by {error:.1e}, limit {limits.loss:.1e}"
    for name, error in distance.weights.items():
        if not error <= limits.weight:
            return f"{name} differs by {error:.1e}, limit {limits.weight:.1e}"
    if not distance.test_loss <= limits.test_loss:
        return f"the test loss differs by {distance.test_loss:.1e}, limit {limits.test_loss:.1e}"
    if len(distance.mismatches) > limits.predictions:
        count, first = len(distance.mismatches), distance.mismatches[0]
        differ = "prediction differs" if count == 1 else "predictions differ"
        return f"{count} {differ}, limit {limits.predictions}; the first in row {first}"
    return ""
