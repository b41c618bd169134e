"""One training: which it is, and how a worker is told of it."""

import gc
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from datasets import Dataset, Policy
from experiments.harness.experiment import Experiment
from experiments.harness.phases import How
from experiments.harness.records.identity import key_of
from experiments.harness.records.models import Head, SpecNumbers
from experiments.registry import find_experiment, forget
from frameworks.spec_values import Setting, as_setting, label_of

__all__ = ["Cell", "Group", "Job"]


@dataclass(frozen=True, order=True)
class Cell:
    """One training: of one experiment by one implementation, with one dtype and seed."""

    experiment: str
    dtype: str
    seed: int
    implementation: str
    epochs: int
    limit: int | None  # train on the first so many rows
    policy: Policy  # of the data: "real" or "stand-in", as it was decided once for the run
    data_dir: str | None
    threads: int
    mode: str = "lockstep"  # or "native", or one of `frameworks.agreement.variants`
    page: str = ""  # the file of a user's own page
    setting: Setting = ()  # numbers of its spec that are not the page's own

    @property
    def key(self) -> str:
        """The name of its record.

        >>> Cell("mnist", "float64", 0, "keras", 10, None, "real", None, 1).key
        'mnist-float64-seed0-keras'
        """
        own = self.experiment, self.dtype, self.seed, self.implementation, self.mode
        return key_of(*own, self.label)

    @property
    def label(self) -> str:
        """Its setting in words."""
        return label_of(self.setting)

    @property
    def alike(self) -> "Cell":
        """The same for all cells that may be trained together: those of other seeds."""
        return replace(self, seed=0)

    @property
    def how(self) -> How:
        """How it is trained."""
        return How(self.dtype, self.seed, self.epochs, self.limit)

    @classmethod
    def from_json(cls, sent: dict[str, Any]) -> "Cell":
        """Return a cell whose fields were sent as JSON."""
        return cls(**sent | {"setting": as_setting(dict(sent["setting"]))})

    def find(self) -> Experiment:
        """Return its experiment, with its setting, in whatever process this is."""
        return self.find_page().changed(self.setting)

    def find_page(self) -> Experiment:
        """Return its experiment as the page has it."""
        return find_experiment(self.page or self.experiment)

    def find_anew(self) -> Experiment:
        """Return it from a page that is executed anew, if it is a user's own.

        What the page has kept in its module, such as a generator, an earlier training has used. A
        worker that trains many forgets it before: the page's arrays are in memory once.
        """
        if self.page:
            forget(self.page)
            gc.collect()
        return self.find()

    def numbers(self, experiment: Experiment, data: Dataset) -> SpecNumbers:
        """Return the numbers of its training, as its record has them."""
        spec = replace(experiment.spec_for(data), epochs=self.epochs)
        return SpecNumbers.model_validate_json(json.dumps(asdict(spec)))


Group = tuple[Cell, ...]  # that are trained together; mostly one


@dataclass(frozen=True)
class Job:
    """A cell that a worker is to train: what its record begins with, and where it goes."""

    cell: Cell
    head: Head
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types, to be sent."""
        head = self.head.model_dump(by_alias=True)
        return {"cell": asdict(self.cell), "head": head, "folder": str(self.folder)}

    @classmethod
    def from_json(cls, sent: dict[str, Any]) -> "Job":
        """Return what was sent."""
        head = Head.model_validate_json(json.dumps(sent["head"]))
        return cls(Cell.from_json(sent["cell"]), head, Path(sent["folder"]))
