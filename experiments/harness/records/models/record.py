"""What a training's record holds, and reading it."""

from pathlib import Path
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from experiments.harness.records.identity import fingerprint_of, key_of
from experiments.harness.records.models.fields import (
    Finite,
    Many,
    Model,
    Number,
    Share,
    Text,
    Whole,
)
from experiments.harness.records.models.head import Head
from experiments.harness.records.reading import read
from frameworks.errors import RequestError
from frameworks.task import find_task


class History(Model):
    """Means over the rows of each epoch; accuracy where the task has answers.

    A program's step may have returned others besides.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Text, Many[Finite]]

    loss: Many[Finite] = Field(min_length=1)
    accuracy: Many[Share] | None = None


class TestFigures(Model):
    """The figures on the n test rows: those of the record's task, the others are null."""

    loss: Finite
    n: Whole
    accuracy: Share | None = None
    confusion: Many[Many[Whole]] | None = None
    rmse: Finite = None
    mse: Finite = None
    r2: Finite = None
    accuracy_on_inputs: Share | None = None
    wasserstein: Finite = None
    mean: Finite = None
    deviation: Finite = None
    modes: Whole | None = None
    near_modes: Share | None = None
    sequence_accuracy: Share | None = None
    token_accuracy: Share | None = None
    cross_entropy: Finite = None

    def metric(self, name: str) -> float | None:
        """Return one of the task's metrics (see `frameworks.task`)."""
        return getattr(self, name)


class PhaseFigures(Model):
    """One phase of a training that has several: its epochs stand in the history, in their turn."""

    name: Text
    epochs: Whole
    n_train: Whole
    test: TestFigures


class Seconds(Model):
    """How long it took; of trainings that share one pass, `fit` is each one's share of its time."""

    import_: Number = Field(alias="import")
    compile: Number
    fit: Number
    together: Whole = 1  # how many were trained in the pass


class Digests(Model):
    """SHA-256 of arrays: equal digests, equal bytes."""

    initial_weights: Text
    batch_order: Text | None = None
    draws: Text = ""
    rows: Text = ""  # that a user's own page has loaded
    weights: Text
    predictions: Text
    arrays: Text = ""  # all that are beside the record, by name


class Certified(Model):
    """How many digits of the certified losses are right; or why they could not be counted."""

    worst_lre: Number | None = None
    worst_epoch: Whole | None = None
    lre: Many[Number] = []
    test_lre: Number | None = None
    epochs: Whole = 0
    outdated: Text = ""  # what has changed on the page since it was certified


class Record(Head):
    """One training, finished or failed."""

    n_train: Whole | None = None
    history: History | None
    test: TestFigures | None
    seconds: Seconds | None = None
    digests: Digests | None = None
    phases: Many[PhaseFigures] = []
    own_optimizer: bool = False  # native: of a class of the page's own, and not by default
    status: Literal["ok", "failed"]
    error: Text | None
    missing: bool = False  # it failed because a package is not installed
    certified: Certified | None = None

    @property
    def ok(self) -> bool:
        """Whether it was finished."""
        return self.status == "ok"

    @property
    def headline(self) -> float | None:
        """The figure of a finished training that its band is about; None where it is not finite."""
        assert self.test is not None
        return self.test.metric(find_task(self.task).headline.name)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.status == "failed":
            if self.error is None:
                raise ValueError("error: expected why it failed, found nothing")
            return self
        for name in ("n_train", "history", "test", "seconds", "digests"):
            if getattr(self, name) is None:
                raise ValueError(f"{name}: expected a value, as it was finished; found nothing")
        assert self.history is not None
        assert self.test is not None
        assert self.digests is not None
        if self.mode != "native" and self.digests.batch_order is None:
            raise ValueError("digests.batch_order: expected text, found nothing")
        epochs = sum(phase.epochs for phase in self.phases) or self.epochs
        for name, values in self.history:
            if values is not None and len(values) != epochs:
                found = f"expected {epochs} numbers, one an epoch, found {len(values)}"
                raise ValueError(f"history.{name}: {found}")
        if self.task == "classification":
            self._check_confusion(self.test)
        return self

    def _check_confusion(self, test: TestFigures) -> None:
        matrix = test.confusion
        some = self.history is not None and self.history.accuracy is not None
        if test.accuracy is None or not (some or self.phases):  # a phase may have no answers
            raise ValueError("test.accuracy: expected a number, found nothing")
        if not matrix or any(len(row) != len(matrix) for row in matrix):
            raise ValueError("test.confusion: expected as many columns as rows")
        if sum(map(sum, matrix)) != test.n:
            raise ValueError(f"test.confusion: expected {test.n} rows in all")


def read_record(path: Path) -> Record:
    """Return a training's record; RequestError if it is damaged, or not the record of that name."""
    record = read(path, Record)
    if record.key != path.stem:
        raise RequestError(f"{path}: is the record of {record.key!r}; delete it, and run again")
    if found := altered(record):
        raise RequestError(f"{path}: was altered: {found}; delete it, and run again")
    return record


def altered(record: Record) -> str:
    """Say what does not follow from a record's fields, or return an empty string.

    What makes a training this one and no other must be as it was written: the name follows from
    it, and so does the fingerprint. Records of older versions lack a part of it, and are believed.
    """
    which = record.experiment, record.dtype, record.seed, record.implementation, record.mode
    own = *which, record.label
    whole = record.source_sha256 and record.packages_sha256
    if whole and key_of(*own) != record.key:
        return f"its fields are those of {key_of(*own)!r}"
    spec = record.spec.items()
    if wrong := [name for name in record.setting if spec.get(name) != record.setting[name]]:
        return f"{wrong[0]} of its setting is not that of its spec"
    if whole and fingerprint_of(record.model_dump()) != record.fingerprint:
        return "its fingerprint does not follow from its fields"
    return ""
