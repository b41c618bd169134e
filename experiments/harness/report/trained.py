"""One experiment of a run, as the parts of the report see it."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from datasets import Classes, DataError, Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.records.arrays import Arrays
from experiments.harness.records.environment import source_digest
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
from experiments.harness.records.sweeps import SettingSummary, by_setting, summaries
from experiments.harness.workers.training import digest_of_rows
from experiments.registry import known_experiment
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError
from frameworks.task import Task, find_task

__all__ = ["MOST_DETAILED", "MOST_ROWS", "Trained", "Training", "trained_in"]

MOST_DETAILED = 4  # settings of a sweep that have sections of their own
MOST_ROWS = 1_000  # training rows kept for display; nothing needs all 60,000 images


@dataclass(frozen=True)
class Training:
    """A finished training: its record, the fields that only finished ones have, its arrays."""

    record: Record
    history: History
    test: TestFigures
    seconds: Seconds
    store: Store = field(repr=False)

    @cached_property
    def arrays(self) -> Arrays:
        """What is kept beside the record, read when it is asked for: of few trainings it is."""
        return self.store.arrays_of(self.record)

    @property
    def by(self) -> str:
        """The implementation's name."""
        return self.record.implementation


@dataclass(frozen=True)
class Trained:
    """All trainings of one experiment with one dtype in one mode, and their data.

    Either of one setting, or of all: a sweep.

    In lockstep mode, where all start from the same weights, there are agreement entries; in native
    mode, each with its own start, the task's headline figures are compared.
    """

    is_only: bool  # no other entry of the run has the same experiment
    results: Results  # its part of the run's results
    done: list[Training]
    data: Dataset | None  # with only the first training rows
    without_data: str  # why there are none
    is_part: bool = False  # of a sweep whose section comes before

    @property
    def head(self) -> Record:
        """The first record, for the fields that are the same in all."""
        return self.results.cells[0]

    @property
    def title(self) -> str:
        """A name that is unique in the run."""
        mode = "" if self.head.mode == "lockstep" else f", {self.head.mode}"
        setting = f", {self.head.label}" if self.head.label and not self.sweep else ""
        return f"{self.head.experiment}, {self.head.dtype}{mode}{setting}"

    @property
    def label(self) -> str:
        """The heading."""
        if not self.is_only:
            return self.title
        setting = f", {self.head.label}" if self.head.label and not self.sweep else ""
        return f"{self.head.experiment}{setting}"

    @property
    def anchor(self) -> str:
        """The HTML id of the section."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.title)

    @cached_property
    def sweep(self) -> list[SettingSummary]:
        """Each setting of a sweep; empty if there is but one."""
        found = summaries(self.results)
        return found if len(found) > 1 else []

    @property
    def task(self) -> Task:
        """The task of the network."""
        return find_task(self.head.task)

    @property
    def is_limited(self) -> bool:
        """Whether --limit left rows out: a smaller data set is trained on whole."""
        rows = {each.record.n_train for each in self.done}
        return self.head.limit is not None and rows in (set(), {self.head.limit})

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty without data or for other targets."""
        targets = self.data and self.data.targets
        return targets.names if isinstance(targets, Classes) else ()

    @property
    def agreement(self) -> list[AgreementEntry]:
        """The entries of every pair and seed; none in native mode."""
        return self.results.agreement

    @property
    def experiment(self) -> Experiment | None:
        """The page; None if it is not known."""
        return known_experiment(self.head.experiment)

    @cached_property
    def edited(self) -> bool:
        """Whether the page is not the one that trained: its code is another now."""
        page = self.experiment
        if page is None:
            return False
        now = source_digest(page.source, page.text, page.beside)
        return any(each.record.source_sha256 != now for each in self.done)

    @property
    def question(self) -> str:
        """The page's question."""
        question = self.experiment.question if self.experiment else ""
        return question[:1].upper() + question[1:]

    @property
    def paragraphs(self) -> list[str]:
        """The page's docstring below the question."""
        about = self.experiment.about if self.experiment else ""
        return [" ".join(each.split()) for each in about.split("\n\n")[1:]]

    @cached_property
    def implementations(self) -> list[str]:
        """The names of the trained implementations, each once."""
        return list(dict.fromkeys(each.by for each in self.done))

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds of the trainings, each once."""
        return list(dict.fromkeys(each.record.seed for each in self.done))

    @property
    def not_built(self) -> str:
        """Why the scratch builder may not be called; empty where it may.

        A network may end this process as it did end the worker's: a user's builder, or a layer that
        does not fit into memory.
        """
        if not self.done:
            return "no training was finished"
        builders = {BACKENDS[name].builders for name in self.implementations if name in BACKENDS}
        page = self.experiment
        if page is not None and page.is_users and "scratch" not in builders:
            return "no training of build_scratch was finished"
        return ""

    @property
    def epochs(self) -> int:
        """The number of epochs, of all phases together, that the longest training took."""
        return max((len(each.history.loss) for each in self.done), default=self.head.epochs)

    def by(self, implementation: str) -> list[Training]:
        """Return an implementation's trainings, one per seed."""
        return [each for each in self.done if each.by == implementation]

    def first_seed(self) -> list[Training]:
        """Return the trainings with the first seed, one per implementation."""
        return [each for each in self.done if each.record.seed == self.seeds[0]]

    def found(self, name: str) -> dict[str, np.ndarray]:
        """Return an array of the first seed, by implementation, if it was recorded."""
        return {each.by: each.arrays[name] for each in self.first_seed() if name in each.arrays}


def trained_in(results: Results, store: Store, data_dir: str | None) -> Iterator[Trained]:
    """Yield the experiments of a run's results, in their order.

    A sweep comes as a whole, followed by some of its settings: all if they are few, otherwise the
    first that something went against.
    """

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
        first = next((cell for cell in mine.cells if cell.ok), mine.cells[0])
        data, why_not = _data_of(first, store, data_dir)
        is_only = [name for name, *_ in keys].count(key[0]) == 1
        whole = _trained(is_only, mine, store, data, why_not)
        yield whole
        for detail in _in_detail(whole):
            yield _trained(is_only, detail, store, data, why_not, is_part=True)


def _in_detail(whole: Trained) -> list[Results]:
    """Return the results of those settings of a sweep that have sections of their own."""
    if not whole.sweep:
        return []
    parts = by_setting(whole.results)
    if len(parts) > MOST_DETAILED:
        against = [each.label for each in whole.sweep if each.against] or [whole.sweep[0].label]
        parts = {label: parts[label] for label in against[:MOST_DETAILED]}
    return [*parts.values()]


def _trained(
    is_only: bool,
    results: Results,
    store: Store,
    data: Dataset | None,
    why_not: str,
    is_part: bool = False,
) -> Trained:
    done = [_training(cell, store) for cell in results.cells if cell.ok]
    return Trained(is_only, results, done, data, why_not, is_part)


def _training(cell: Record, store: Store) -> Training:
    assert cell.history is not None
    assert cell.test is not None
    assert cell.seconds is not None
    return Training(cell, cell.history, cell.test, cell.seconds, store)


def _data_of(record: Record, store: Store, data_dir: str | None) -> tuple[Dataset | None, str]:
    """Return the data of a record, or None and why they are unavailable."""
    experiment = known_experiment(record.experiment)
    if experiment is None:
        return None, "the page of this experiment is not known"
    try:
        data = experiment.load_data(record.data.source, data_dir)  # type: ignore[arg-type]
    except (DataError, RequestError) as error:
        return None, str(error).splitlines()[0]
    if data.sha256 != record.data.sha256:
        return None, f"the data now have a different SHA-256, {data.sha256[:12]}"
    trained_on = record.digests.rows if record.digests else ""
    if trained_on and trained_on != digest_of_rows(experiment, data):
        return None, "load() returns other rows now than were trained on"
    tested, again = (experiment.tested_on(data) for _ in range(2))
    labels = None
    if experiment.phases and record.ok:
        with suppress(RequestError):  # arrays that are damaged are named where they are needed
            labels = store.arrays_of(record).get("labels")
    if digest_of_rows(experiment, tested) != digest_of_rows(experiment, again) or (
        labels is not None and not np.array_equal(labels, tested.y_test)
    ):
        return None, "its last phase was tested on other rows than it has now"
    data = tested
    X = data.X_train[:MOST_ROWS].copy()
    y = X if data.y_train is data.X_train else data.y_train[:MOST_ROWS].copy()
    return replace(data, X_train=X, y_train=y), ""
