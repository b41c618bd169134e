"""A stored run: its folder, a results.json alone, or a baseline."""

from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

from experiments.harness.compare.baseline import is_baseline, read_baseline
from experiments.harness.compare.schema import PairName, TrainingName
from experiments.harness.records.arrays import Arrays
from experiments.harness.records.models import (
    AgreementEntry,
    FloorEntry,
    Record,
    Results,
    read_results,
)
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from frameworks.agreement.noise_floor import NoiseFloor
from frameworks.errors import RequestError

__all__ = ["StoredRun"]


@dataclass(frozen=True)
class StoredRun:
    """The records of a run, and the comparisons of its implementations."""

    path: Path
    results: Results
    store: Store | None  # None for a file alone, which holds no weights and no predictions

    @classmethod
    def open(cls, path: Path) -> "StoredRun":
        """Read a run's folder, a results.json or a baseline; RequestError if it is none of them."""
        if is_baseline(path):
            return cls(path, read_baseline(path), None)
        if path.is_dir():
            return cls(path, build_results(Store(path)), Store(path))
        if not path.exists():
            raise RequestError(f"{path}: there is no such run; `lockstep runs` lists the runs")
        return cls(path, read_results(path), None)

    @cached_property
    def trainings(self) -> dict[TrainingName, Record]:
        """The records by name."""
        return {TrainingName.model_validate(record): record for record in self.results.cells}

    @cached_property
    def pairs(self) -> dict[PairName, AgreementEntry]:
        """The comparisons of two implementations by name."""
        return {PairName.model_validate(entry): entry for entry in self.results.agreement}

    def arrays(self, record: Record) -> Arrays:
        """Return a training's weights, outputs and so on; empty if they were not kept."""
        return self.store.arrays_of(record) if self.store else {}

    def floor(self, record: Record) -> NoiseFloor | None:
        """Return the noise floor that the run measured for a training, or None."""
        which = record.experiment, record.dtype, record.label, record.seed
        entry = self._floors.get(which) if record.mode == "lockstep" else None
        if entry is None:
            return None
        known: dict[str, Any] = {k: inf if v is None else v for k, v in entry}
        known["epochs"] = [inf if v is None else v for v in known["epochs"]]
        return NoiseFloor(**known | {"outputs": entry.outputs})

    @cached_property
    def _floors(self) -> dict[tuple[str, str, str, int], FloorEntry]:
        """The first noise floor of each group that is compared."""
        found: dict[tuple[str, str, str, int], FloorEntry] = {}
        for entry in self.results.agreement:
            if entry.noise_floor:
                which = entry.experiment, entry.dtype, entry.label, entry.seed
                found.setdefault(which, entry.noise_floor)
        return found
