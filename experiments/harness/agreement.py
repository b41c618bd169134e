"""Whether two implementations agree: the largest difference decides; NaN equals nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any

import numpy as np

__all__ = ["FLOAT64", "Limits", "compare", "compare_all", "relative_error"]

Cell = tuple[dict[str, Any], dict[str, np.ndarray]]  # a record, and its arrays


@dataclass(frozen=True)
class Limits:
    """How far apart two implementations may be and still agree."""

    loss: float  # of every epoch and of the test set, relative
    weight: float  # of every array at the end, relative to its largest magnitude
    predictions: int  # that differ, on the whole test set
    source: str  # where the limits come from


# A prototype reached 4e-16, so a miss is a bug to be found, not a limit to be widened.
FLOAT64 = Limits(loss=1e-12, weight=1e-9, predictions=0, source="fixed")


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


def compare_all(
    cells: Iterable[Cell], limits: Callable[[dict[str, Any]], Limits]
) -> list[dict[str, Any]]:
    """Compare every two finished cells that differ in nothing but the implementation.

    `cells` come ordered by experiment, dtype and seed; `limits(record)` are those for its group.
    """

    def group(cell: Cell) -> tuple[Any, ...]:
        return tuple(cell[0][name] for name in ("experiment", "dtype", "seed"))

    return [
        compare(a, b, limits(a[0]))
        for _, alike in groupby(cells, group)
        for a, b in combinations([cell for cell in alike if cell[0]["status"] == "ok"], 2)
    ]


def compare(a: Cell, b: Cell, limits: Limits) -> dict[str, Any]:
    """Compare two cells; the result is an entry of "agreement" in results.json."""
    (record, arrays), (other, other_arrays) = a, b
    losses, other_losses = record["history"]["loss"], other["history"]["loss"]
    epochs = [relative_error(x, y) for x, y in zip(losses, other_losses, strict=True)]
    weights = {
        name: relative_error(array, other_arrays[name])
        for name, array in arrays.items()
        if name.startswith("weights.")
    }
    differ = np.flatnonzero(arrays["predictions"] != other_arrays["predictions"])
    test_loss = relative_error(record["test"]["loss"], other["test"]["loss"])

    inputs = _different_inputs(record, other)
    first = next((i for i, error in enumerate(epochs) if not error <= limits.loss), None)
    worst = max(weights, key=lambda name: weights[name])
    reasons = [
        inputs and f"the {inputs} differ",
        first is not None
        and f"epoch {first + 1}: the loss differs by {epochs[first]:.1e}, limit {limits.loss:.0e}",
        not weights[worst] <= limits.weight
        and f"{worst} differs by {weights[worst]:.1e}, limit {limits.weight:.0e}",
        not test_loss <= limits.loss
        and f"the test loss differs by {test_loss:.1e}, limit {limits.loss:.0e}",
        len(differ) > limits.predictions
        and f"{len(differ)} predictions differ, the first in test row {differ[0]}",
    ]
    reason = next((reason for reason in reasons if reason), "")
    return {
        "experiment": record["experiment"],
        "dtype": record["dtype"],
        "seed": record["seed"],
        "pair": [record["implementation"], other["implementation"]],
        "max_rel_loss": max(epochs),
        "max_rel_weight": weights[worst],
        "rel_test_loss": test_loss,
        "prediction_mismatches": len(differ),
        "n_predictions": len(arrays["predictions"]),
        "verdict": "differ" if reason else "agree",
        "tolerance": limits.loss,
        "limits": vars(limits),
        "reason": reason,
    }


def _different_inputs(a: dict[str, Any], b: dict[str, Any]) -> str:
    """Name the first input in which two records differ, or return an empty string."""
    for name in ("data", "spec", "n_train"):
        if a[name] != b[name]:
            return name
    for name in ("initial_weights", "batch_order"):
        if a["digests"][name] != b["digests"][name]:
            return name.replace("_", " ")
    return ""
