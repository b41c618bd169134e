"""A run as it was stored: in its folder, or as a results.json on its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.harness.records.models import read_results
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from frameworks.errors import RequestError

__all__ = ["PairName", "Record", "StoredRun", "TrainingName"]

Record = dict[str, Any]


class TrainingName(NamedTuple):
    """What a training is called: trainings of two runs are compared where this is equal."""

    experiment: str
    implementation: str
    mode: str
    dtype: str
    seed: int

    def __str__(self) -> str:
        mode = "" if self.mode == "lockstep" else f" {self.mode}"
        dtype = "" if self.dtype == "float64" else f" {self.dtype}"
        return f"{self.experiment} {self.implementation}{mode}{dtype} {self.seed}"


class PairName(NamedTuple):
    """What a comparison of two implementations is called."""

    experiment: str
    dtype: str
    seed: int
    pair: tuple[str, str]


@dataclass(frozen=True)
class StoredRun:
    """The records of a run, and what they agree on."""

    path: Path
    trainings: dict[TrainingName, Record]
    pairs: dict[PairName, Record]
    store: Store | None  # None: a file alone, which holds no weights and no predictions

    @classmethod
    def open(cls, path: Path) -> "StoredRun":
        """Read a run's folder or a results.json; RequestError if it is neither."""
        if path.is_dir():
            store = Store(path)
            return cls._of(path, build_results(store), store)
        if not path.exists():
            raise RequestError(
                f"{path}: there is no such run; `lockstep runs` shows those there are"
            )
        return cls._of(path, read_results(path), None)

    @classmethod
    def _of(cls, path: Path, results: Record, store: Store | None) -> "StoredRun":
        trainings = {_training_name(record): record for record in results["cells"]}
        pairs = {_pair_name(entry): entry for entry in results["agreement"]}
        return cls(path, trainings, pairs, store)

    def arrays(self, record: Record) -> dict[str, np.ndarray] | None:
        """Return a training's weights, predictions and labels; None where they are not kept."""
        return self.store.arrays_of(record) if self.store else None


def _training_name(record: Record) -> TrainingName:
    return TrainingName(*(record[name] for name in TrainingName._fields))


def _pair_name(entry: Record) -> PairName:
    a, b = entry["pair"]
    return PairName(entry["experiment"], entry["dtype"], entry["seed"], (a, b))
