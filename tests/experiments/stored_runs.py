"""Runs made by hand: a thousand customers, as the harness would have stored them."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from experiments.harness.records.arrays import digest, digest_by_name
from experiments.harness.records.identity import fingerprint_of
from experiments.harness.records.models import Record
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store, to_json

ROWS = 1_000
LABELS = np.arange(ROWS) % 2
WEIGHTS = np.array([[0.5, -0.25]])

RECORD: dict[str, Any] = {
    "schema": 1,
    "fingerprint": "1f",
    "experiment": "churn",
    "implementation": "scratch",
    "mode": "lockstep",
    "dtype": "float64",
    "seed": 0,
    "data": {"name": "churn", "source": "stand-in", "sha256": "5a" * 32},
    "spec": {"inputs": 2, "outputs": 1, "hidden": [], "epochs": 3, "batch_size": 10},
    "epochs": 3,
    "limit": None,
    "acceptance": None,
    "environment": {
        **{"python": "3.11.7", "platform": "Linux", "processor": "a processor"},
        **{"cpus": 2, "threads": 1, "onednn": True},
        "versions": {"numpy": "2.4.6", "keras": "3.15.1"},
    },
    "source_sha256": "c0de",
    "n_train": 100,
    "history": {"loss": [0.75, 0.5, 0.25], "accuracy": [0.5, 0.75, 0.875]},
    "test": {"loss": 0.5},
    "seconds": {"import": 1.0, "compile": 0.0, "fit": 2.0},
    "digests": {"initial_weights": "a0", "batch_order": "b0"},
    "status": "ok",
    "error": None,
}
FAILED = {"status": "failed", "error": "no room", "missing": False} | dict.fromkeys(
    ("history", "test", "seconds")
)


def correct_but(*wrong: int) -> np.ndarray:
    """Return predictions that are right but in these rows."""
    predictions = LABELS.copy()
    predictions[list(wrong)] ^= 1
    return predictions


def training(
    predictions: np.ndarray = LABELS,
    weights: np.ndarray = WEIGHTS,
    labels: np.ndarray | None = LABELS,
    **values: Any,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Make a finished training: its record, and its arrays; values replace those of RECORD."""
    record = deepcopy(RECORD)
    for name, value in values.items():
        record[name] = record[name] | value if isinstance(record.get(name), dict) else value
    record["key"] = "{experiment}-{dtype}-seed{seed}-{implementation}".format(**record)
    record["key"] += "" if record["mode"] == "lockstep" else f"-{record['mode']}"
    confusion = np.zeros((2, 2), int)
    np.add.at(confusion, (LABELS, predictions), 1)
    record["test"] |= {
        "accuracy": float((predictions == LABELS).mean()),
        "confusion": confusion.tolist(),
        "n": ROWS,
    }
    if record["mode"] == "native":
        weights = weights + record["seed"]  # each seed comes to its own
    record["digests"] |= {"weights": digest(weights), "predictions": digest(predictions)}
    arrays = {"weights.0": weights, "predictions": predictions}
    return record, arrays if labels is None else arrays | {"labels": labels}


def failed(**values: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Make a training that failed."""
    record, _ = training(**values)
    kept = {name: record[name] for name in record if name not in ("digests", "n_train")}
    return kept | FAILED, {}


def as_record(values: dict[str, Any]) -> Record:
    """Return a record with these values, signed; numbers that are not finite are null in it."""
    record = Record.model_validate_json(to_json(values))
    return record.model_copy(update={"fingerprint": fingerprint_of(record.model_dump())})


def store_run(folder: Path, *trainings: tuple[dict[str, Any], dict[str, np.ndarray]]) -> Path:
    """Write a run's folder."""
    store = Store(folder)
    store.create()
    for record, arrays in trainings:
        if "digests" in record:  # a finished one
            record["digests"]["arrays"] = digest_by_name(arrays)
        store.save(as_record(record), arrays)
    store.write_results(build_results(store))
    return folder


def verdicts(comparison: dict[str, Any]) -> list[str]:
    """Return the verdict on each training that two runs have in common."""
    return [each["verdict"] for each in comparison["trainings"]]
