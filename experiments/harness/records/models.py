"""What a run's JSON files hold: every record, result and plan is one of these types.

The arrays of a record lie beside it: see `arrays`.

A file may come from anywhere: by mail, from a build, from another version. What is read is checked
against these types once, and all its text is printable. Fields may be added, never renamed: one
that an older record lacks has a default here, and one of a newer version is passed over.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from experiments.harness.records.identity import fingerprint_of, key_of
from experiments.harness.records.reading import SCHEMA, first_problem, read
from frameworks.errors import RequestError, printable
from frameworks.spec_values import label_of
from frameworks.task import TASKS, find_task

__all__ = [
    *("AgreementEntry", "Asked", "Certified", "DataId", "Digests", "Environment"),
    *("FloorEntry", "Head", "History", "NativeEntry", "NativePair", "PhaseFigures", "Plan"),
    *("Record", "Results"),
    *("Seconds", "SpecNumbers", "TestFigures", "read_plan", "read_record", "read_results"),
]

T = TypeVar("T")

# One damaged item is enough to refuse a file; a million would be a million messages.
Many = Annotated[list[T], Field(fail_fast=True)]
Named = Annotated[dict[str, T], Field(fail_fast=True)]
Text = Annotated[str, AfterValidator(printable)]
Whole = Annotated[int, Field(ge=0, lt=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Finite = Number | None  # a number that was not finite is null, as JSON has no other name for it
Share = Annotated[float, Field(ge=0, le=1)]
_LISTED = Field(strict=False)  # a tuple is a list in JSON
Integer = Annotated[int, Field(gt=-(2**53), lt=2**53)]
Scalar = Text | bool | Integer | Number | None
Dtype = Literal["float64", "float32"]
Mode = Annotated[str, Field(pattern=r"^(lockstep|native|keras-sigmoid|nudged-[0-9]+)$")]
Verdict = Literal["agree", "differ"] | None
Values = Named[Scalar | Many[Scalar]]  # of a spec that are not the page's own, by name
_STRICT = ConfigDict(strict=True)
_FLAT = TypeAdapter(Named[Scalar | Many[Scalar]], config=_STRICT)
_NESTED = TypeAdapter(Named[Scalar | Many[Scalar | Many[Scalar]]], config=_STRICT)


def _known_task(name: str) -> str:
    if name not in TASKS:
        raise ValueError(f"expected one of {', '.join(TASKS)}, found {name!r}")
    return name


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class _Open(_Model):
    """An object with other fields besides: text, numbers, or lists of them."""

    model_config = ConfigDict(extra="allow")
    _others: ClassVar[TypeAdapter] = _FLAT

    @model_validator(mode="after")
    def _check_others(self) -> Self:
        others = self.__pydantic_extra__ or {}
        try:
            others.update(self._others.validate_python(others))
        except ValidationError as error:
            raise ValueError(first_problem(error, others)) from None
        return self


class DataId(_Model):
    """Which data: results on different data are never compared as if they were the same."""

    name: Text
    source: Text
    sha256: Text


class SpecNumbers(_Open):
    """The numbers of a page's spec: these, and what else a network needs, also lists of lists."""

    _others: ClassVar[TypeAdapter] = _NESTED
    inputs: Whole | Many[Whole]
    outputs: Whole | Many[Whole]
    batch_size: Whole

    def items(self) -> dict[str, Any]:
        """Return all numbers by name, in the order of the page."""
        return self.model_dump()


class Environment(_Open):
    """What a result depends on besides its spec and its data."""

    versions: Named[Text | None]

    def items(self) -> dict[str, Any]:
        """Return everything but the versions, by name."""
        return self.model_dump(exclude={"versions"})


class Head(_Model):
    """What a record says before its training."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    key: Text
    fingerprint: Text
    experiment: Text
    implementation: Text
    mode: Mode = "lockstep"
    task: Annotated[Text, AfterValidator(_known_task)] = "classification"
    dtype: Dtype
    seed: Whole
    data: DataId
    spec: SpecNumbers
    setting: Values = {}
    epochs: Whole
    limit: Whole | None
    acceptance: Annotated[tuple[Number, Number], _LISTED] | None
    environment: Environment
    source_sha256: Text = ""
    packages_sha256: Text = ""  # of the files of the frameworks

    @property
    def label(self) -> str:
        """The setting in words; empty for the page's own numbers."""
        return label_of(self.setting)

    @property
    def threads(self) -> Any:
        """How many it was trained with; None where older versions did not say."""
        return self.environment.items().get("threads")

    @property
    def is_judge(self) -> bool:
        """Whether others are judged by it (see `frameworks.agreement.variants`)."""
        return self.mode not in ("lockstep", "native")


class History(_Model):
    """Means over the rows of each epoch; accuracy where the task has answers.

    A program's step may have returned others besides.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Text, Many[Finite]]

    loss: Many[Finite] = Field(min_length=1)
    accuracy: Many[Share] | None = None


class TestFigures(_Model):
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


class PhaseFigures(_Model):
    """One phase of a training that has several: its epochs stand in the history, in their turn."""

    name: Text
    epochs: Whole
    n_train: Whole
    test: TestFigures


class Seconds(_Model):
    """How long it took; of trainings that share one pass, `fit` is each one's share of its time."""

    import_: Number = Field(alias="import")
    compile: Number
    fit: Number
    together: Whole = 1  # how many were trained in the pass


class Digests(_Model):
    """SHA-256 of arrays: equal digests, equal bytes."""

    initial_weights: Text
    batch_order: Text | None = None
    draws: Text = ""
    weights: Text
    predictions: Text
    arrays: Text = ""  # all that are beside the record, by name


class Certified(_Model):
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


class FloorEntry(_Model):
    """The noise floor that a pair was judged by (see `frameworks.agreement.noise_floor`)."""

    loss: Finite
    epochs: Many[Finite] = []
    weight: Finite
    test_loss: Finite
    predictions: Whole
    trainings: Whole = 0
    outputs: Finite = None  # null: not kept, or infinite


class AgreementEntry(_Model):
    """Two implementations compared: one entry of "agreement"."""

    experiment: Text
    dtype: Dtype
    seed: Whole
    setting: Values = {}
    pair: Annotated[tuple[Text, Text], _LISTED]
    max_rel_loss: Finite  # null: infinite
    max_rel_weight: Finite
    rel_test_loss: Finite = None
    max_rel_output: Finite = None
    prediction_mismatches: Whole | None  # null where the task has no answers
    n_predictions: Whole
    inputs_differ: bool = False  # so that nothing else says anything
    verdict: Verdict
    tolerance: Finite
    reason: Text
    noise_floor: FloorEntry | None = None

    @property
    def label(self) -> str:
        """The setting of both in words."""
        return label_of(self.setting)


class NativePair(_Model):
    """Whether the mean accuracies of two implementations are equal for practical purposes."""

    pair: Annotated[tuple[Text, Text], _LISTED]
    difference: Finite
    standard_error: Finite
    paired_standard_error: Finite
    degrees_of_freedom: Finite
    p_value: Finite
    interval: Annotated[tuple[Finite, Finite], _LISTED]
    verdict: Literal["equivalent", "not shown", "different"]


class NativeEntry(_Model):
    """The native runs of one experiment: one entry of "native"."""

    experiment: Text
    dtype: Dtype
    setting: Values = {}
    data: DataId
    epochs: Whole
    margin: Number | None  # null: the pairs were not tested
    seeds: Named[Many[Whole]]
    metric: Text = "accuracy"  # the headline of the task, whose values follow
    accuracies: Named[Many[Finite]]
    losses: Named[Many[Finite]]
    pairs: Many[NativePair]

    @property
    def label(self) -> str:
        """The setting of all in words."""
        return label_of(self.setting)


class Results(_Model):
    """What results.json holds."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    environment: Environment
    cells: Many[Record]
    agreement: Many[AgreementEntry]
    native: Many[NativeEntry] = []
    missing: Many[Text] = []  # the names of trainings that were asked for and have no record
    verdict: Text = ""  # see `outcomes`; empty in files of older versions
    against: Many[Text] = []  # all that went against, a sentence each


class Asked(_Model):
    """One command that asked for trainings: when, in which words, and of which lockstep."""

    date: Text  # ISO 8601, in UTC
    command: Text
    version: Text


class Plan(_Model):
    """What plan.json holds: the names of all trainings that were asked for, and by what."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    cells: Many[Text]
    asked: Many[Asked] = []  # each command once, when it was first given; empty in older plans


def read_record(path: Path) -> Record:
    """Return a training's record; RequestError if it is damaged, or not the record of that name."""
    record = read(path, Record)
    if record.key != path.stem:
        raise RequestError(f"{path}: is the record of {record.key!r}; delete it, and run again")
    if altered := _altered(record):
        raise RequestError(f"{path}: was altered: {altered}; delete it, and run again")
    return record


def _altered(record: Record) -> str:
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


def read_plan(path: Path) -> Plan:
    """Return a run's plan; RequestError if it is damaged."""
    return read(path, Plan)


def read_results(path: Path) -> Results:
    """Return what a results.json holds; RequestError if it is damaged, or is none."""
    results = read(path, Results)
    for cell in results.cells:
        if altered := _altered(cell):
            raise RequestError(f"{path}: {cell.key} was altered: {altered}; build it again")
    return results
