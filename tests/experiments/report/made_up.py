"""Runs without training: records and arrays as a worker writes them, with made-up numbers."""

from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from datasets import Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.records.arrays import digest_by_name
from experiments.harness.records.environment import environment, source_digest
from experiments.harness.records.models import Record, Results
from experiments.harness.records.reading import SCHEMA
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store, to_json
from experiments.harness.report.document import render
from experiments.harness.workers.training import confusion_matrix
from experiments.registry import find_experiment

KINDS = ("xor", "circle", "churn", "mnist", "diabetes", "digits_autoencoder")
FULL = ("scratch", "keras", "pytorch")
DIGESTS = ("initial_weights", "batch_order", "weights", "predictions")
PART = {"scratch": 0, "keras": 1, "pytorch": 2, "python": 3}  # roundings from scratch


@cache
def data_of(experiment: str) -> Dataset:
    return find_experiment(experiment).load("stand-in", None)


def cell(
    experiment: str, implementation: str, seed: int = 0, dtype: str = "float64", epochs: int = 4
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return a finished cell; implementations differ by a few roundings."""
    data, page = data_of(experiment), find_experiment(experiment)
    apart = 1 + PART.get(implementation, 0) * float(np.finfo(dtype).eps)
    answer = _classify if page.task.has_answers else _estimate
    figures, arrays = answer(page, data, np.random.default_rng(seed), apart)
    history = {"loss": [apart / (1 + epoch) for epoch in range(epochs)]}
    if page.task.has_answers:
        history["accuracy"] = [1 - 0.5 / (1 + epoch) for epoch in range(epochs)]
    key = f"{experiment}-{dtype}-seed{seed}-{implementation}"
    record = {
        "schema": SCHEMA,
        "key": key,
        "fingerprint": key,
        "experiment": experiment,
        "task": page.task.name,
        "implementation": implementation,
        "dtype": dtype,
        "seed": seed,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
        "spec": asdict(page.spec),
        "epochs": epochs,
        "limit": None,
        "acceptance": None,
        "environment": environment(1),
        "source_sha256": source_digest(page.source),
        "n_train": len(data.X_train),
        "history": history,
        "test": {"loss": 0.25, "n": len(data.y_test)} | figures,
        "seconds": {"import": 1.0, "compile": 0.5, "fit": 2.0},
        "digests": dict.fromkeys(DIGESTS, "d"),
        "status": "ok",
        "error": None,
    }
    return record, {"weights.0": np.ones((2, 2))} | arrays


def _classify(
    page: Experiment, data: Dataset, rng: np.random.Generator, apart: float
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return figures and arrays of a network that is mostly right."""
    n, classes = len(data.y_test), len(data.class_names)
    p = rng.dirichlet(np.ones(classes), n)
    p[np.arange(n), data.y_test] += 1
    p /= p.sum(axis=1, keepdims=True)
    predictions = p.argmax(axis=1)
    figures = {
        "accuracy": float((predictions == data.y_test).mean()),
        "confusion": confusion_matrix(data, predictions),
    }
    outputs = np.log(p)[:, :1] if page.spec.outputs == 1 else np.log(p)
    arrays = {"predictions": predictions, "outputs": outputs, "probabilities": p}
    return figures, arrays | _plane(data, apart)


def _estimate(
    page: Experiment, data: Dataset, rng: np.random.Generator, apart: float
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return figures and outputs of a network whose outputs are not far off."""
    true = data.y_test.reshape(len(data.y_test), -1)
    outputs = (true + rng.normal(0, 0.1, true.shape)) * apart
    figures = page.task.measure(data.in_units(outputs), data.in_units(true), None)
    return figures, {"outputs": outputs}


def _plane(data: Dataset, apart: float) -> dict[str, np.ndarray]:
    """Return a circle's probabilities on a grid, for data on the plane."""
    if len(data.feature_names) != 2:
        return {}
    axes = np.linspace(data.X_test.min(axis=0), data.X_test.max(axis=0), 21).T.copy()
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
        record["digests"]["arrays"] = digest_by_name(arrays)
        store.save(Record.model_validate_json(to_json(record)), arrays)
    return store


def changed(results: Results, name: str, **values: Any) -> Results:
    """Return results whose entries of a kind have other values."""
    entries = [entry.model_copy(update=values) for entry in getattr(results, name)]
    return results.model_copy(update={name: entries})


def html(folder, cells) -> str:
    """Return the report of a run of these cells."""
    store = save(folder, cells)
    return render(build_results(store), store, None)
