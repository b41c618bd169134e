"""A stored run: its folder, a results.json alone, or a baseline."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

from experiments.harness.compare.baseline import AGAIN, is_baseline, read_baseline
from experiments.harness.compare.schema import PairName, TrainingName
from experiments.harness.records.agreement import grouping
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

_NAME = "name a run's folder, its results.json or a baseline"


@dataclass(frozen=True)
class StoredRun:
    """The records of a run, and the comparisons of its implementations."""

    path: Path
    results: Results
    store: Store | None  # None for a file alone, which holds no weights and no predictions
    is_baseline: bool = False

    @classmethod
    def open(cls, path: Path) -> "StoredRun":
        """Read a run's folder, a results.json or a baseline; RequestError if it is none of them."""
        if is_baseline(path):
            return cls(path, _checked(read_baseline(path), path), None, is_baseline=True)
        if path.is_dir():
            return cls(path, build_results(Store(path)), Store(path))
        if not path.exists():
            raise RequestError(f"{path}: there is no such run; `lockstep runs` lists the runs")
        return cls(path, _checked(read_results(path, _NAME), path), None)

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
        return entry.measured if entry else None

    @cached_property
    def _floors(self) -> dict[tuple[str, str, str, int], FloorEntry]:
        """The first noise floor of each group that is compared."""
        found: dict[tuple[str, str, str, int], FloorEntry] = {}
        for entry in self.results.agreement:
            if entry.noise_floor:
                which = entry.experiment, entry.dtype, entry.label, entry.seed
                found.setdefault(which, entry.noise_floor)
        return found


def _checked(results: Results, path: Path) -> Results:
    """Return what a file holds; RequestError where its pairs are not those of its trainings.

    A pair that is missing would not be compared, and a training that is there twice only once.
    """
    names = Counter(str(TrainingName.model_validate(cell)) for cell in results.cells)
    alike = defaultdict(list)
    for cell in results.cells:
        if cell.ok and cell.mode == "lockstep":
            alike[grouping(cell)].append(cell.implementation)
    wanted = {(of, pair) for of, each in alike.items() for pair in combinations(sorted(each), 2)}
    found = Counter(
        (grouping(entry), (min(entry.pair), max(entry.pair))) for entry in results.agreement
    )
    again = [name for name, count in names.items() if count > 1]
    wrong = {which: "lacks" for which in wanted - found.keys()}
    wrong |= {which: "holds, without both trainings," for which in found.keys() - wanted}
    wrong |= {which: "holds more than once" for which, count in found.items() if count > 1}
    if again:
        raise RequestError(f"{path}: was altered: it holds {again[0]} twice; {AGAIN}")
    if wrong:
        which = ((experiment, _, label, seed), pair) = min(wrong)
        named = " ".join(filter(None, [experiment, " and ".join(pair), label, str(seed)]))
        raise RequestError(f"{path}: was altered: it {wrong[which]} {named}; {AGAIN}")
    return results
