"""One experiment of a run, as the report's parts look at it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from datasets import Classes, DataError, Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.records.arrays import Arrays
from experiments.harness.records.models import (
    AgreementEntry,
    History,
    NativeEntry,
    Record,
    Results,
    Seconds,
    TestFigures,
)
from experiments.harness.records.store import Store
from experiments.registry import known_experiment
from frameworks.errors import RequestError
from frameworks.task import Task, find_task

__all__ = ["MOST_ROWS", "Trained", "Training", "trained_in"]

MOST_ROWS = 1_000  # of the training rows, to be shown; nothing needs all 60,000 images


@dataclass(frozen=True)
class Training:
    """A finished training: its record, with what only finished ones have, and its arrays."""

    record: Record
    history: History
    test: TestFigures
    seconds: Seconds
    arrays: Arrays = field(repr=False)

    @property
    def by(self) -> str:
        """The implementation's name."""
        return self.record.implementation


@dataclass(frozen=True)
class Trained:
    """All trainings of one experiment with one dtype in one mode, and their data.

    In lockstep mode, from the same start, there is an agreement; in native mode, each from a start
    of its own, the task's headline figures are compared.
    """

    is_only: bool  # the run's only one of this name
    results: Results  # its part of the run's
    done: list[Training]
    data: Dataset | None  # with the first of the training rows
    without_data: str  # why there is none

    @property
    def head(self) -> Record:
        """The first record; what it says before its training, the others say, too."""
        return self.results.cells[0]

    @property
    def title(self) -> str:
        """What tells it from the others of a run."""
        mode = "" if self.head.mode == "lockstep" else f", {self.head.mode}"
        return f"{self.head.experiment}, {self.head.dtype}{mode}"

    @property
    def label(self) -> str:
        """Its heading."""
        return self.head.experiment if self.is_only else self.title

    @property
    def anchor(self) -> str:
        """The id of its section."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.title)

    @property
    def task(self) -> Task:
        """What the network is to do."""
        return find_task(self.head.task)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; none without data, or where the targets are others."""
        targets = self.data and self.data.targets
        return targets.names if isinstance(targets, Classes) else ()

    @property
    def agreement(self) -> list[AgreementEntry]:
        """Every pair with every seed; none in native mode."""
        return self.results.agreement

    @property
    def experiment(self) -> Experiment | None:
        """The page; None if it is not known."""
        return known_experiment(self.head.experiment)

    @property
    def question(self) -> str:
        """What the page asks."""
        question = self.experiment.question if self.experiment else ""
        return question[:1].upper() + question[1:]

    @property
    def paragraphs(self) -> list[str]:
        """The page's docstring below the question."""
        about = self.experiment.about if self.experiment else ""
        return [" ".join(each.split()) for each in about.split("\n\n")[1:]]

    @cached_property
    def implementations(self) -> list[str]:
        """The names of the implementations that were trained, each once."""
        return list(dict.fromkeys(each.by for each in self.done))

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds that were trained with."""
        return list(dict.fromkeys(each.record.seed for each in self.done))

    def by(self, implementation: str) -> list[Training]:
        """Return an implementation's trainings, one for each seed."""
        return [each for each in self.done if each.by == implementation]

    def first_seed(self) -> list[Training]:
        """Return the trainings with the first seed, one for each implementation."""
        return [each for each in self.done if each.record.seed == self.seeds[0]]

    def found(self, name: str) -> dict[str, np.ndarray]:
        """Return an array of the first seed, by implementation, where it was recorded."""
        return {each.by: each.arrays[name] for each in self.first_seed() if name in each.arrays}


def trained_in(results: Results, store: Store, data_dir: str | None) -> Iterator[Trained]:
    """Yield the experiments of a run's results, in their order."""

    def which(entry: Record | AgreementEntry | NativeEntry) -> tuple[str, str, str]:
        mode = "native" if isinstance(entry, NativeEntry) else getattr(entry, "mode", "lockstep")
        return entry.experiment, entry.dtype, mode

    keys = list(dict.fromkeys(map(which, results.cells)))
    for key in keys:
        part = {
            name: [entry for entry in getattr(results, name) if which(entry) == key]
            for name in ("cells", "agreement", "native")
        }
        mine = results.model_copy(update=part)
        data, why_not = _data_of(mine.cells[0], data_dir)
        done = [_training(cell, store) for cell in mine.cells if cell.ok]
        is_only = [name for name, *_ in keys].count(key[0]) == 1
        yield Trained(is_only, mine, done, data, why_not)


def _training(cell: Record, store: Store) -> Training:
    assert cell.history is not None
    assert cell.test is not None
    assert cell.seconds is not None
    return Training(cell, cell.history, cell.test, cell.seconds, store.arrays_of(cell))


def _data_of(record: Record, data_dir: str | None) -> tuple[Dataset | None, str]:
    """Return the data of a record, or None and why they cannot be had."""
    experiment = known_experiment(record.experiment)
    if experiment is None:
        return None, "the page of this experiment is not known"
    try:
        data = experiment.load_data(record.data.source, data_dir)  # type: ignore[arg-type]
    except (DataError, RequestError) as error:
        return None, str(error).splitlines()[0]
    if data.sha256 != record.data.sha256:
        return None, f"what is there now has another SHA-256: {data.sha256[:12]}"
    X = data.X_train[:MOST_ROWS].copy()
    y = X if data.y_train is data.X_train else data.y_train[:MOST_ROWS].copy()
    return replace(data, X_train=X, y_train=y), ""
