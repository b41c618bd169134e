"""A stored run: its folder, a results.json alone, or a baseline."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

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
from frameworks.agreement.limits import FLOAT64
from frameworks.agreement.noise_floor import NoiseFloor
from frameworks.errors import RequestError

__all__ = ["StoredRun"]

Setting = tuple[str, str]  # an experiment, and the numbers that are set, in words
_NAME = "name a run's folder, its results.json or a baseline"


@dataclass(frozen=True)
class StoredRun:
    """The records of a run, and the comparisons of its implementations."""

    path: Path
    results: Results
    store: Store | None  # None for a file alone, which holds no weights and no predictions
    is_baseline: bool = False
    called: Mapping[Setting, str] = field(default_factory=dict)  # settings that go by another name

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

    def called_as_in(self, other: "StoredRun") -> "StoredRun":
        """Return the run with the other's names for settings of the same numbers.

        A page's own number may be set, too: that is the training that sets nothing.
        """
        mine, others = self._settings, other._settings
        free = {name: spec for name, spec in others.items() if name not in mine}
        called: dict[Setting, str] = {}
        for name in (name for name in mine if name not in others):
            alike = (each for each, spec in free.items() if spec == mine[name])
            if same := next((each for each in alike if each[0] == name[0]), None):
                called[name] = same[1]
                del free[same]
        return replace(self, called=called)

    @property
    def _settings(self) -> dict[Setting, dict[str, Any]]:
        """The numbers that each setting trains with."""
        return {(each.experiment, each.label): each.spec.items() for each in self.results.cells}

    def _setting_of(self, entry: Record | AgreementEntry) -> dict[str, str]:
        return {"setting": self.called.get((entry.experiment, entry.label), entry.label)}

    @cached_property
    def trainings(self) -> dict[TrainingName, Record]:
        """The records by name."""
        return {
            TrainingName.model_validate(record).model_copy(update=self._setting_of(record)): record
            for record in self.results.cells
        }

    @cached_property
    def pairs(self) -> dict[PairName, AgreementEntry]:
        """The comparisons of two implementations by name."""
        return {
            PairName.model_validate(entry).model_copy(update=self._setting_of(entry)): entry
            for entry in self.results.agreement
        }

    def arrays(self, record: Record) -> Arrays:
        """Return a training's weights, outputs and so on; empty if they were not kept."""
        return self.store.arrays_of(record) if self.store else {}

    def floor(self, name: TrainingName) -> NoiseFloor | None:
        """Return the noise floor that the run measured for a training, or None."""
        which = name.experiment, name.dtype, name.setting, name.seed
        entry = self._floors.get(which) if name.mode == "lockstep" else None
        return entry.measured if entry else None

    def agrees_by_fixed_limits(self, name: TrainingName) -> bool:
        """Say whether a training needs no noise floor: those of the run agree without one."""
        which = name.experiment, name.dtype, name.setting, name.seed
        return name.mode == "lockstep" and which in self._steady

    @cached_property
    def _steady(self) -> set[tuple[str, str, str, int]]:
        """The groups in float64 of which every two agree by the fixed limits."""
        found: dict[tuple[str, str, str, int], bool] = {}
        for name, entry in self.pairs.items():
            which = name.experiment, name.dtype, name.setting, name.seed
            fixed = entry.tolerance == FLOAT64.loss and entry.noise_floor is None
            steady = fixed and (name.dtype, entry.verdict) == ("float64", "agree")
            found[which] = found.get(which, True) and steady
        return {which for which, fixed in found.items() if fixed}

    @cached_property
    def _floors(self) -> dict[tuple[str, str, str, int], FloorEntry]:
        """The first noise floor of each group that is compared."""
        found: dict[tuple[str, str, str, int], FloorEntry] = {}
        for name, entry in self.pairs.items():
            if entry.noise_floor:
                which = name.experiment, name.dtype, name.setting, name.seed
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
