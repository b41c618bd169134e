"""What a record says before its training: which network, data, numbers and environment."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from experiments.harness.records.models.fields import (
    LISTED,
    NESTED,
    Dtype,
    Many,
    Mode,
    Model,
    Name,
    Named,
    Number,
    Open,
    Text,
    Values,
    Whole,
)
from experiments.harness.records.reading import SCHEMA
from frameworks.spec_values import label_of
from frameworks.task import TASKS


def _known_task(name: str) -> str:
    if name not in TASKS:
        raise ValueError(f"expected one of {', '.join(TASKS)}, found {name!r}")
    return name


class DataId(Model):
    """Which data: results on different data are never compared as if they were the same."""

    name: Name
    source: Name
    sha256: Name


class SpecNumbers(Open):
    """The numbers of a page's spec: these, and what else a network needs, also lists of lists."""

    _others: ClassVar[TypeAdapter] = NESTED
    inputs: Whole | Many[Whole]
    outputs: Whole | Many[Whole]
    batch_size: Whole

    def items(self) -> dict[str, Any]:
        """Return all numbers by name, in the order of the page."""
        return self.model_dump()


class Environment(Open):
    """What a result depends on besides its spec and its data."""

    versions: Named[Text | None]

    def items(self) -> dict[str, Any]:
        """Return everything but the versions, by name."""
        return self.model_dump(exclude={"versions"})


class Head(Model):
    """What a record says before its training."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    key: Name
    fingerprint: Name
    experiment: Name
    implementation: Name
    mode: Mode = "lockstep"
    task: Annotated[Text, AfterValidator(_known_task)] = "classification"
    dtype: Dtype
    seed: Whole
    data: DataId
    spec: SpecNumbers
    setting: Values = {}
    epochs: Whole
    limit: Whole | None
    acceptance: Annotated[tuple[Number, Number], LISTED] | None
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
