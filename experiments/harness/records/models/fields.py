"""The kinds of fields that a run's JSON files have, and what their objects are made of."""

from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from experiments.harness.records.reading import first_problem
from frameworks.errors import printable

T = TypeVar("T")


def _in_a_line(text: str) -> str:
    r"""Return a name that a log shows as a part of its line, and no CI takes for a command.

    >>> print(_in_a_line("a\n::error::b"), _in_a_line("::error::b"))
    a\n::error::b \x3a:error::b
    """
    line = printable(text).replace("\n", r"\n").replace("\t", r"\t")
    return line.replace("::", r"\x3a:", 1) if line.lstrip().startswith("::") else line


# One damaged item is enough to refuse a file; a million would be a million messages.
Many = Annotated[list[T], Field(fail_fast=True)]
Named = Annotated[dict[str, T], Field(fail_fast=True)]
Text = Annotated[str, AfterValidator(printable)]
Name = Annotated[str, AfterValidator(_in_a_line)]
Whole = Annotated[int, Field(ge=0, lt=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Finite = Number | None  # a number that was not finite is null, as JSON has no other name for it
Share = Annotated[float, Field(ge=0, le=1)]
LISTED = Field(strict=False)  # a tuple is a list in JSON
Integer = Annotated[int, Field(gt=-(2**53), lt=2**53)]
Scalar = Text | bool | Integer | Number | None
Dtype = Literal["float64", "float32"]
Mode = Annotated[str, Field(pattern=r"^(lockstep|native|keras-sigmoid|nudged-[0-9]+(-again)?)$")]
Verdict = Literal["agree", "differ"] | None
Values = Named[Scalar | Many[Scalar]]  # of a spec that are not the page's own, by name
_STRICT = ConfigDict(strict=True)
FLAT = TypeAdapter(Named[Scalar | Many[Scalar]], config=_STRICT)
NESTED = TypeAdapter(Named[Scalar | Many[Scalar | Many[Scalar]]], config=_STRICT)


class Model(BaseModel):
    """An object with these fields; others are passed over."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Open(Model):
    """An object with other fields besides: text, numbers, or lists of them."""

    model_config = ConfigDict(extra="allow")
    _others: ClassVar[TypeAdapter] = FLAT

    @model_validator(mode="after")
    def _check_others(self) -> Self:
        others = self.__pydantic_extra__ or {}
        try:
            others.update(self._others.validate_python(others))
        except ValidationError as error:
            raise ValueError(first_problem(error, others)) from None
        return self
