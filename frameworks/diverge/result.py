"""The end of the training: the weights, and what is made of them on the test rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from frameworks.agreement.distances import Limits
from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.side import Side
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


def compare_results(
    a: Result, b: Result, names: list[str], limits: Limits | None
) -> Iterator[Difference]:
    """Yield the differences in the order of what depends on what; without limits, measured only."""
    weight, loss, share = _limits(limits, len(a.predictions))
    for name, x, y in zip(names, a.weights, b.weights, strict=True):
        yield difference(f"{name}, at the end", x, y, weight)
    for side in (a, b):
        for name, x, y in zip(names, side.weights, side.weights_after, strict=True):
            where = f"{name} in {side.name}, before and after the evaluation"
            yield difference(where, x, y, 0.0)
    yield difference("the test loss", a.loss, b.loss, loss)
    half_a_row = 0.5 / len(a.predictions) if share else 0.0  # the accuracies are rounded quotients
    accuracy = None if share is None else share + half_a_row
    yield difference("the test accuracy", a.accuracy, b.accuracy, accuracy, scale=1.0)
    yield _mismatches(a.predictions, b.predictions, share)


def _limits(limits: Limits | None, rows: int) -> tuple[float | None, ...]:
    """Return the limit of a weight, of the test loss, and of the share of other predictions."""
    if limits is None:
        return None, None, None
    return limits.weight, limits.test_loss, limits.predictions / rows


def _mismatches(a: np.ndarray, b: np.ndarray, limit: float | None) -> Difference:
    """Count the test rows that are predicted differently; the first is the index."""
    rows = np.flatnonzero(a != b)
    if not len(rows):
        return Difference("the predictions", 0.0, limit, (), ("", ""))
    first = int(rows[0])
    values = (str(a[first]), str(b[first]))
    where, share = f"{len(rows)} of {len(a)} predictions", len(rows) / len(a)
    return Difference(where, share, limit, (first,), values)
