"""Train one native cell: as its framework's users would, tested like every other."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from datasets import Dataset
from experiments.harness.cell import Cell
from experiments.harness.digests import digest
from experiments.harness.native_loops import NATIVE_LOOPS
from experiments.registry import page
from frameworks.validation import encode_targets
from scratch import Batch, count_correct

__all__ = ["train_native"]


def train_native(
    cell: Cell, data: Dataset, seconds_import: float, report: Callable[[int, float], None]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Train and test; return the record and the arrays, as `training.train_cell` does.

    "weights.0", ...: in the framework's own layout.
    """
    experiment = page(cell.experiment)
    build = getattr(experiment, f"build_{cell.implementation}")
    spec = replace(experiment.SPEC, epochs=cell.epochs)
    classes = np.arange(len(data.class_names))
    rows = Batch(
        data.X_train[: cell.limit].astype(cell.dtype),
        encode_targets(data.y_train[: cell.limit], classes, cell.dtype),
    )
    start = time.perf_counter()
    trained = NATIVE_LOOPS[cell.implementation](build, spec, cell.seed, rows, report)
    seconds = {"import": seconds_import, "compile": 0.0, "fit": time.perf_counter() - start}
    loss, accuracy = zip(*trained.history, strict=True)
    outputs = trained.outputs(data.X_test.astype(cell.dtype))
    test, predictions = _test(cell, data, outputs)
    record = {
        "n_train": len(rows.X),
        "history": {"loss": list(loss), "accuracy": list(accuracy)},
        "test": test,
        "seconds": seconds,
        "digests": {
            "initial_weights": digest(*trained.initial_weights),
            "weights": digest(*trained.weights),
            "predictions": digest(predictions),
        },
        "status": "ok",
        "error": None,
    }
    arrays = {f"weights.{i}": w for i, w in enumerate(trained.weights)}
    return record, arrays | {"predictions": predictions, "outputs": outputs}


def _test(cell: Cell, data: Dataset, outputs: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """Return a record's "test" and the predictions; scratch's loss measures all frameworks."""
    parts = page(cell.experiment).build_scratch()
    threshold, k = 0.0 if parts.logits else 0.5, len(data.class_names)
    targets = encode_targets(data.y_test, np.arange(k), "float64")
    predictions = (outputs[:, 0] > threshold).astype(int) if k == 2 else outputs.argmax(1)
    confusion = np.zeros((k, k), int)
    np.add.at(confusion, (data.y_test, predictions), 1)
    test = {
        "loss": parts.loss.forward(outputs.astype("float64"), targets),
        "accuracy": count_correct(outputs, targets, threshold) / len(targets),
        "confusion": confusion.tolist(),
        "n": len(targets),
    }
    return test, predictions
