"""What `lockstep compare --json` prints; fields may be added, never renamed."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from experiments.harness.records.identity import key_of
from frameworks.spec_values import label_of

__all__ = [
    *("BeforeAfter", "ComparedPair", "ComparedRuns", "ComparedTimes", "ComparedTraining", "Flips"),
    *("MeasuredTraining", "NotComparable", "PairName", "SurroundingChange", "TimeRatio"),
    *("TrainingName", "Verdict", "WhichRun", "WorstEpoch"),
]

# In order of precedence over several.
Verdict = Literal["worse", "better", "changed", "not judged", "unchanged"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, from_attributes=True)


def _in_words(setting: Any) -> Any:
    return label_of(setting) if isinstance(setting, Mapping) else setting


# Numbers that are not the page's own, in words: "hidden=8 learning_rate=0.1".
SettingInWords = Annotated[str, BeforeValidator(_in_words)]


class TrainingName(_Model):
    """The name of a training: trainings of two runs are compared if it is equal."""

    experiment: str
    implementation: str
    mode: str
    dtype: str
    setting: SettingInWords = ""
    seed: int

    @property
    def key(self) -> str:
        """The name of its record."""
        own = self.experiment, self.dtype, self.seed, self.implementation, self.mode
        return key_of(*own, self.setting)

    def __str__(self) -> str:
        """Return the name in words, without the defaults lockstep and float64."""
        mode = "" if self.mode == "lockstep" else f" {self.mode}"
        dtype = "" if self.dtype == "float64" else f" {self.dtype}"
        setting = f" {self.setting}" if self.setting else ""
        return f"{self.experiment} {self.implementation}{mode}{dtype}{setting} {self.seed}"


class PairName(_Model):
    """The name of a comparison of two implementations."""

    experiment: str
    dtype: str
    setting: SettingInWords = ""
    seed: int
    pair: tuple[str, str]

    @property
    def in_any_order(self) -> "PairName":
        """The same name for both orders of the two: other versions may list them otherwise."""
        first, second = sorted(self.pair)
        return self.model_copy(update={"pair": (first, second)})

    def __str__(self) -> str:
        """Return the name in words."""
        setting = f" {self.setting}" if self.setting else ""
        return f"{self.experiment} {' and '.join(self.pair)}{setting} {self.seed}"


class BeforeAfter(_Model):
    """A number in both runs; null if it is not finite."""

    before: float | None
    after: float | None


class TimeRatio(BeforeAfter):
    """The seconds of a training."""

    ratio: float  # after / before
    same_pass: bool = True  # whether as many trainings shared the time, before and after


class WorstEpoch(_Model):
    """The epoch, from 1, whose loss changed most."""

    epoch: int
    error: float  # relative


class Flips(_Model):
    """Counts of test rows; null where they cannot be determined from what is stored."""

    n: int | None  # whose predictions changed
    lost: int | None  # right before, wrong after
    gained: int | None  # wrong before, right after
    other: int | None  # wrong before and after, but differently
    chance: float  # `change.chance` of lost and gained, or of the most that are possible


class ComparedTraining(TrainingName):
    """A training of both runs; these are the only fields if it failed in one of them."""

    verdict: Verdict
    reasons: list[str]

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return f"{self}: {self.verdict}: {'; '.join(self.reasons)}"


class MeasuredTraining(ComparedTraining):
    """A training that was finished in both runs."""

    task: str
    metrics: dict[str, BeforeAfter]  # the task's figures on the test rows, its headline first
    final_loss: BeforeAfter
    test_loss: BeforeAfter
    accuracy: BeforeAfter | None  # on the test rows; null for a task without answers
    worst_epoch: WorstEpoch
    certified_digits: BeforeAfter | None  # null unless both runs have them
    digits: float  # in common: -log10(error) of the loss that changed most
    flips: Flips | None  # null for a task without answers
    seconds: TimeRatio | None  # null: a baseline has none


class ComparedPair(PairName):
    """The verdicts on two implementations in both runs, and the verdict on the change."""

    before: str | None
    after: str | None
    verdict: Verdict
    reason: str

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        now = f"{self.after} now{': ' if self.reason else ''}{self.reason}"
        return f"{self}: {self.verdict}: {self.before} before, {now}"


class ComparedTimes(_Model):
    """The ratios of an implementation's seconds, after / before."""

    implementation: str
    trainings: int
    median: float
    lowest: float
    highest: float
    verdict: Literal["slower", "faster", "unchanged"] | None


class WhichRun(_Model):
    """One of the two runs."""

    path: str
    trainings: int


class SurroundingChange(_Model):
    """Something around the trainings that changed; null where it did not exist."""

    name: str
    before: bool | int | float | str | None
    after: bool | int | float | str | None


class NotComparable(_Model):
    """Two trainings of the same name that are not comparable."""

    training: str
    reason: str


class ComparedRuns(_Model):
    """The comparison of two runs."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    verdict: Verdict
    against: list[str]  # all that is worse, a sentence each
    before: WhichRun
    after: WhichRun
    environment: list[SurroundingChange]  # what changed, and nothing else
    trainings: list[MeasuredTraining | ComparedTraining]
    lost: list[ComparedTraining]  # those of only_before that should be there: each is worse
    pairs: list[ComparedPair]
    times: list[ComparedTimes]
    not_comparable: list[NotComparable]
    only_before: list[str]
    only_after: list[str]
