"""Runs without training: records and arrays as a worker writes them, with made-up numbers."""

from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from datasets import Dataset
from experiments.harness.records.environment import environment, source_digest
from experiments.harness.workers.grid import plane_axes
from experiments.harness.report.document import render
from experiments.harness.records.results import build_results
from experiments.harness.records.store import SCHEMA, Store
from experiments.registry import page

FULL = ("scratch", "keras", "pytorch")
DIGESTS = ("initial_weights", "batch_order", "weights", "predictions")
PART = {"scratch": 0, "keras": 1, "pytorch": 2, "python": 3}  # roundings from scratch


@cache
def data_of(experiment: str) -> Dataset:
    return page(experiment).load("stand-in")


def cell(
    experiment: str, implementation: str, seed: int = 0, dtype: str = "float64", epochs: int = 4
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return a finished cell; implementations differ by a few roundings."""
    data, spec = data_of(experiment), page(experiment).SPEC
    rng, n = np.random.default_rng(seed), len(data.y_test)
    apart = 1 + PART.get(implementation, 0) * float(np.finfo(dtype).eps)
    classes = len(data.class_names)
    p = rng.dirichlet(np.ones(classes), n)
    p[np.arange(n), data.y_test] += 1
    p /= p.sum(axis=1, keepdims=True)
    predictions = p.argmax(axis=1)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (data.y_test, predictions), 1)
    accuracy = float((predictions == data.y_test).mean())
    key = f"{experiment}-{dtype}-seed{seed}-{implementation}"
    record = {
        "schema": SCHEMA,
        "key": key,
        "fingerprint": key,
        "experiment": experiment,
        "implementation": implementation,
        "dtype": dtype,
        "seed": seed,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
        "spec": asdict(spec),
        "epochs": epochs,
        "limit": None,
        "acceptance": None,
        "environment": environment(1),
        "source_sha256": source_digest(experiment),
        "n_train": len(data.X_train),
        "history": {
            "loss": [apart / (1 + epoch) for epoch in range(epochs)],
            "accuracy": [1 - 0.5 / (1 + epoch) for epoch in range(epochs)],
        },
        "test": {"loss": 0.25, "accuracy": accuracy, "confusion": confusion.tolist(), "n": n},
        "seconds": {"import": 1.0, "compile": 0.5, "fit": 2.0},
        "digests": dict.fromkeys(DIGESTS, "d"),
        "status": "ok",
        "error": None,
    }
    arrays = {
        "weights.0": np.ones((2, 2)),
        "predictions": predictions,
        "outputs": np.log(p)[:, :1] if classes == 2 else np.log(p),
        "probabilities": p,
    }
    return record, arrays | _plane(data, apart)


def _plane(data: Dataset, apart: float) -> dict[str, np.ndarray]:
    """Return a circle's probabilities on a grid, for data on the plane."""
    if len(data.feature_names) != 2:
        return {}
    axes = plane_axes(data.X_test)
    inside = np.exp(-np.add.outer(axes[1] ** 2, axes[0] ** 2)).ravel() * apart
    return {"grid_axes": axes, "grid_probabilities": np.column_stack([1 - inside, inside])}


def by_all(*names: str, **options: Any) -> list[tuple[dict[str, Any], dict]]:
    """Return cells of experiments by all three implementations."""
    return [cell(name, implementation, **options) for name in names for implementation in FULL]


def failed(experiment: str, implementation: str, error: str) -> tuple[dict[str, Any], dict]:
    """Return a cell that could not be trained."""
    record, _ = cell(experiment, implementation)
    nothing = dict.fromkeys(("history", "test", "seconds"))
    return record | {"status": "failed", "error": error, "missing": False} | nothing, {}


def save(folder, cells) -> Store:
    """Write cells as a run."""
    store = Store(folder)
    store.create()
    for record, arrays in cells:
        store.save(record["key"], record, arrays)
    return store


def html(folder, cells, **more: Any) -> str:
    """Return the report of a run of these cells; `more`: added to its results."""
    store = save(folder, cells)
    return render(build_results(store) | more, store, None)
