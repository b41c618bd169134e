"""The heads of records: what each says before its training."""

import json
from typing import Any

from datasets import Dataset
from experiments.harness.cell import Cell
from experiments.harness.experiment import Experiment
from experiments.harness.records.environment import Surroundings
from experiments.harness.records.identity import fingerprint_of
from experiments.harness.records.models import Head

__all__ = ["head_of", "signed"]


def head_of(
    cell: Cell, experiment: Experiment, data: Dataset, source: str, around: Surroundings
) -> Head:
    """Return what a cell's record says before its training; `source` is its code's digest."""
    values = {
        "experiment": cell.experiment,
        "task": experiment.task.name,
        "dtype": cell.dtype,
        "seed": cell.seed,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
        "setting": dict(cell.setting),
        "spec": cell.numbers(experiment, data).items(),
        "epochs": cell.epochs,
        "limit": cell.limit,
        "acceptance": _acceptance(cell, experiment, data),
        "environment": around.environment,
        "source_sha256": source,
    }
    return signed(cell, values, around)


def signed(cell: Cell, values: dict[str, Any], around: Surroundings) -> Head:
    """Return the head of a cell's record, with the fingerprint of all that makes its result."""
    values = values | {
        "key": cell.key,
        "implementation": cell.implementation,
        "mode": cell.mode,
        "packages_sha256": around.packages(cell.implementation),
    }
    head = Head.model_validate_json(json.dumps(values | {"fingerprint": ""}))
    return head.model_copy(update={"fingerprint": fingerprint_of(head.model_dump())})


def _acceptance(cell: Cell, experiment: Experiment, data: Dataset) -> tuple[float, float] | None:
    """Return the band in which the headline is expected; None for a shortened training."""
    as_published = cell.mode == "lockstep" and cell.limit is None
    whole = as_published and cell.epochs == experiment.spec.epochs
    return experiment.band.get(data.source) if whole else None
