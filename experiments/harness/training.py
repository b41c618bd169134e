"""Train one cell: what a worker process does, from the data to the record."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from datasets import Dataset, Policy
from experiments.harness.cell import Cell
from experiments.harness.digests import digest
from experiments.harness.grid import plane_axes, plane_points
from experiments.harness.implementations import IMPLEMENTATIONS
from experiments.harness.native_training import train_native
from experiments.harness.variants import change
from experiments.registry import page

__all__ = ["Result", "load_data", "train_cell"]

Result = tuple[dict[str, Any], dict[str, np.ndarray]]  # the record, and the arrays beside it


@lru_cache(maxsize=1)  # the next seed wants the same
def load_data(experiment: str, policy: Policy, data_dir: str | None) -> Dataset:
    """Load an experiment's data as the run decided."""
    return page(experiment).load(policy, data_dir)


def train_cell(
    cell: Cell,
    data: Dataset,
    seconds_import: float,
    report: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Result:
    """Train and test; return the record and the arrays beside it.

    "weights.0", "weights.1", ...: the weights at the end; "predictions" and "labels" (n_test,),
    "outputs" (n_test, k) and "probabilities" (n_test, classes) on the test rows. With two inputs
    also "grid_axes" (2, m) and "grid_probabilities" (m * m, classes), on a grid over the data.

    `report(epoch, loss)` is called as epochs are finished.
    """
    if cell.mode == "native":
        return train_native(cell, data, seconds_import, report)
    spec = page(cell.experiment).SPEC
    classifier = IMPLEMENTATIONS[cell.implementation].make(
        page(cell.experiment),
        change(cell.mode, cell.seed),
        epochs=cell.epochs,
        batch_size=spec.batch_size,
        dtype=cell.dtype,
        random_state=cell.seed,
    )
    X, y = data.X_train[: cell.limit], data.y_train[: cell.limit]
    classes = np.arange(len(data.class_names))
    for record in classifier.iter_fit(X, y, classes=classes):
        report(len(classifier.history_), record["loss"])
    return _record(cell, data, classifier, seconds_import)


def _record(cell: Cell, data: Dataset, classifier: Any, seconds_import: float) -> Result:
    history = {
        name: [epoch[name] for epoch in classifier.history_] for name in ("loss", "accuracy")
    }
    predictions = classifier.predict(data.X_test)
    weights = classifier.get_weights()
    confusion = np.zeros((len(data.class_names),) * 2, int)
    np.add.at(confusion, (data.y_test, predictions), 1)
    record = {
        "n_train": len(data.X_train[: cell.limit]),
        "history": history,
        "test": classifier.evaluate(data.X_test, data.y_test)
        | {"confusion": confusion.tolist(), "n": len(predictions)},
        "seconds": {"import": seconds_import} | classifier.seconds_,
        "digests": {
            "initial_weights": digest(*classifier.initial_weights_),
            "batch_order": classifier.orders_sha256_,
            "weights": digest(*weights),
            "predictions": digest(predictions),
        },
        "status": "ok",
        "error": None,
    }
    arrays = {f"weights.{i}": w for i, w in enumerate(weights)} | {
        "predictions": predictions,
        "labels": data.y_test,
        "outputs": classifier.outputs(data.X_test),
        "probabilities": classifier.predict_proba(data.X_test),
    }
    return record, arrays | _on_the_plane(data, classifier)


def _on_the_plane(data: Dataset, classifier: Any) -> dict[str, np.ndarray]:
    """Return what a network with two inputs gives on a grid over the data; else nothing."""
    if len(data.feature_names) != 2:
        return {}
    axes = plane_axes(np.vstack([data.X_train, data.X_test]))
    return {"grid_axes": axes, "grid_probabilities": classifier.predict_proba(plane_points(axes))}
