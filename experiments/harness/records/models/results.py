"""What results.json holds: the records, and what was found by comparing them."""

from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from experiments.harness.records.models.fields import (
    LISTED,
    Dtype,
    Finite,
    Many,
    Model,
    Name,
    Named,
    Number,
    Text,
    Values,
    Verdict,
    Whole,
)
from experiments.harness.records.models.head import DataId, Environment
from experiments.harness.records.models.record import Record, altered
from experiments.harness.records.reading import SCHEMA, read
from frameworks.agreement.noise_floor import NoiseFloor
from frameworks.errors import RequestError
from frameworks.spec_values import label_of


class FloorEntry(Model):
    """The noise floor that a pair was judged by (see `frameworks.agreement.noise_floor`)."""

    loss: Finite
    epochs: Many[Finite] = []
    weight: Finite
    test_loss: Finite
    predictions: Whole
    trainings: Whole = 0
    outputs: Finite = None  # null: not kept, or infinite
    repeats: bool = True  # false: trained again, one of them came to different numbers
    arrays: Named[Finite] = {}  # as weight, of each array
    accuracy: Finite = 0.0  # of any epoch, or of the test rows
    ties: bool = False  # units that begin equal part

    @property
    def measured(self) -> NoiseFloor:
        """The floor itself; what is null was infinite."""
        known: dict[str, Any] = {k: inf if v is None else v for k, v in self}
        known["epochs"] = [inf if v is None else v for v in self.epochs]
        known["arrays"] = {k: inf if v is None else v for k, v in self.arrays.items()}
        return NoiseFloor(**known | {"outputs": self.outputs})


class AgreementEntry(Model):
    """Two implementations compared: one entry of "agreement"."""

    experiment: Name
    dtype: Dtype
    seed: Whole
    setting: Values = {}
    pair: Annotated[tuple[Name, Name], LISTED]
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


class NativePair(Model):
    """Whether the mean accuracies of two implementations are equal for practical purposes."""

    pair: Annotated[tuple[Name, Name], LISTED]
    difference: Finite
    standard_error: Finite
    paired_standard_error: Finite
    degrees_of_freedom: Finite
    p_value: Finite
    interval: Annotated[tuple[Finite, Finite], LISTED]
    verdict: Literal["equivalent", "not shown", "different"]
    inputs: Text = ""  # in which of them trainings differ, so that nothing else says anything


class NativeEntry(Model):
    """The native runs of one experiment: one entry of "native"."""

    experiment: Name
    dtype: Dtype
    setting: Values = {}
    data: DataId
    epochs: Whole
    margin: Number | None  # null: the pairs were not tested
    seeds: Named[Many[Whole]]
    metric: Text = "accuracy"  # the headline of the task, whose values follow
    accuracies: Named[Many[Finite]]
    losses: Named[Many[Finite]]
    copies: Named[Text] = {}  # which seeds of an implementation are one training
    pairs: Many[NativePair]

    @property
    def label(self) -> str:
        """The setting of all in words."""
        return label_of(self.setting)


class Results(Model):
    """What results.json holds."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    environment: Environment
    cells: Many[Record]
    agreement: Many[AgreementEntry]
    native: Many[NativeEntry] = []
    missing: Many[Text] = []  # the names of trainings that were asked for and have no record
    mixed: Many[Text] = []  # trainings that no one request can have asked for together, and why
    judges_failed: Many[Text] = []  # trainings by which others are judged, and why they failed
    unplanned: bool = False  # no plan says what was asked for: some may be missing
    verdict: Text = ""  # see `outcomes`; empty in files of older versions
    against: Many[Text] = []  # all that went against, a sentence each


def read_results(path: Path, remedy: str = "build it again") -> Results:
    """Return what a results.json holds; RequestError if it is damaged, or is none."""
    results = read(path, Results, remedy)
    for cell in results.cells:
        if found := altered(cell):
            raise RequestError(f"{path}: {cell.key} was altered: {found}; {remedy}")
    return results
