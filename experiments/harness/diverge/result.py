"""The end of the training: the weights, and what is made of them on the test rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.harness.agreement import FLOAT64
from experiments.harness.diverge.differences import Difference, difference
from experiments.harness.diverge.side import Side
from frameworks.probe import Opened

__all__ = ["Result", "compare_results"]


@dataclass(frozen=True)
class Result:
    """What one side ends with."""

    name: str
    weights: list[np.ndarray]
    weights_after: list[np.ndarray]  # again, after the evaluation, which is to leave them alone
    predictions: np.ndarray
    outputs: np.ndarray
    threshold: float
    loss: float
    accuracy: float

    @classmethod
    def of(cls, side: Side, classifier: Any, opened: Opened) -> "Result":
        """Evaluate a trained classifier on the test rows."""
        weights, data = classifier.get_weights(), side.data
        predictions = classifier.predict(data.X_test)
        test = classifier.evaluate(data.X_test, data.y_test)
        outputs = classifier.outputs(data.X_test)
        after, threshold = classifier.get_weights(), opened.adapter.threshold
        return cls(
            side.implementation, weights, after, predictions, outputs, threshold, *test.values()
        )


def compare_results(a: Result, b: Result, names: list[str], judged: bool) -> Iterator[Difference]:
    """Yield the differences in the order of what depends on what."""
    weight, loss = (FLOAT64.weight, FLOAT64.test_loss) if judged else (None, None)
    same = 0.0 if judged else None
    for name, x, y in zip(names, a.weights, b.weights, strict=True):
        yield difference(f"{name}, at the end", x, y, weight)
    for side in (a, b):
        for name, x, y in zip(names, side.weights, side.weights_after, strict=True):
            where = f"{name} in {side.name}, before and after the evaluation"
            yield difference(where, x, y, 0.0)
    yield difference("the test loss", a.loss, b.loss, loss)
    yield difference("the test accuracy", a.accuracy, b.accuracy, same)
    yield _mismatches(a.predictions, b.predictions, same)


def _mismatches(a: np.ndarray, b: np.ndarray, limit: float | None) -> Difference:
    """Count the test rows that are predicted differently; the first is the index."""
    rows = np.flatnonzero(a != b)
    if not len(rows):
        return Difference("the predictions", 0.0, limit, (), ("", ""))
    first = int(rows[0])
    values = (str(a[first]), str(b[first]))
    where, share = f"{len(rows)} of {len(a)} predictions", len(rows) / len(a)
    return Difference(where, share, limit, (first,), values)
