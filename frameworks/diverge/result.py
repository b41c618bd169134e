"""The end of the training: the weights, and the evaluation on the test rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from frameworks.agreement.distances import Outcome
from frameworks.agreement.limits import Limits
from frameworks.diverge.differences import Difference, difference, not_identical
from frameworks.diverge.side import Side

__all__ = ["Result", "compare_results"]


@dataclass(frozen=True)
class Result:
    """The results of one side; predictions and accuracy if its task has answers."""

    name: str
    weights: list[np.ndarray]
    weights_after: list[np.ndarray]  # after the evaluation, which must not change them
    states: list[np.ndarray]  # what layers learn without a gradient: running statistics
    outputs: np.ndarray
    predictions: np.ndarray | None
    threshold: float | None
    loss: float
    accuracy: float | None

    @classmethod
    def of(cls, side: Side, estimator: Any) -> "Result":
        """Evaluate a trained estimator on the test rows."""
        weights, states, data = estimator.get_weights(), estimator.get_states(), side.data
        outputs = estimator.outputs(data.X_test)
        test = estimator.evaluate(data.X_test, data.y_test)
        answers = side.blueprint.task.has_answers
        predictions = estimator.labels_of(outputs) if answers else None
        return cls(
            name=side.implementation,
            weights=weights,
            weights_after=estimator.get_weights(),
            states=states,
            outputs=outputs,
            predictions=predictions,
            threshold=estimator._adapter.threshold,
            loss=test["loss"],
            accuracy=test.get("accuracy"),
        )

    def outcome(self, losses: Sequence[float], accuracies: Sequence[float | None] = ()) -> Outcome:
        """Return what agreement is judged by, with the losses and accuracies of all epochs."""
        arrays = {f"weights.{i}": w for i, w in enumerate(self.weights)}
        arrays |= {f"states.{i}": a for i, a in enumerate(self.states)}
        each = [*accuracies, self.accuracy] if accuracies else ()
        return Outcome(losses, arrays, self.loss, self.predictions, self.outputs, each)


def compare_results(
    a: Result, b: Result, names: list[str], limits: Limits | None
) -> Iterator[Difference]:
    """Yield the differences, causes before consequences; without limits they are not judged."""
    loss = outputs = None
    if limits is not None:
        loss, outputs = limits.test_loss, limits.outputs

    def at_the_end(what: str, array: str, x: np.ndarray, y: np.ndarray) -> Difference:
        return difference(what, x, y, None if limits is None else limits.of_array(array))

    for i, (name, x, y) in enumerate(zip(names, a.weights, b.weights, strict=True)):
        yield at_the_end(f"{name}, at the end", f"weights.{i}", x, y)
    for i, (x, y) in enumerate(zip(a.states, b.states, strict=True)):
        yield at_the_end(f"states.{i}, after the training", f"states.{i}", x, y)
    for side in (a, b):
        for name, x, y in zip(names, side.weights, side.weights_after, strict=True):
            where = f"{name} in {side.name}, before and after the evaluation"
            yield _unchanged(where, x, y)
    of_outputs = difference("the outputs on the test rows", a.outputs, b.outputs, outputs)
    if a.predictions is None or b.predictions is None:
        yield of_outputs
    yield difference("the test loss", a.loss, b.loss, loss)
    if a.predictions is None or b.predictions is None:
        return
    rows, share, accuracy = len(a.predictions), None, None
    if limits is not None:
        share = limits.predictions / rows
        accuracy = share + (0.5 / rows if share else 0.0)  # accuracies are rounded quotients
    yield difference("the test accuracy", a.accuracy, b.accuracy, accuracy, scale=1.0)
    yield _mismatches(a.predictions, b.predictions, share)
    yield of_outputs


def _unchanged(where: str, before: np.ndarray, after: np.ndarray) -> Difference:
    """Compare by bytes: weights that are no longer numbers are unchanged if they stay so."""
    if before.tobytes() == after.tobytes():
        return Difference(where, 0.0, 0.0, (), ("", ""))
    return not_identical(where, before, after)


def _mismatches(a: np.ndarray, b: np.ndarray, limit: float | None) -> Difference:
    """Count the test rows whose predictions differ; `index` is the first of them."""
    rows = np.flatnonzero(a != b)
    if not len(rows):
        return Difference("the predictions", 0.0, limit, (), ("", ""))
    first = int(rows[0])
    values = (str(a[first]), str(b[first]))
    where, share = f"{len(rows):,} of {len(a):,} predictions", len(rows) / len(a)
    return Difference(where, share, limit, (first,), values)
