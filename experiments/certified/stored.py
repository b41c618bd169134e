"""The certificates in the repository: one JSON file per experiment and data source."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experiments.harness.records.models import DataId, SpecNumbers
from frameworks.errors import RequestError
from frameworks.files import write_atomically

__all__ = ["FOLDER", "Certificate", "Drawn", "Formulas", "Recipe", "find", "write"]

FOLDER = Path(__file__).parent


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Formulas(_Model):
    """The formulas of a training, by name; its page has them in words and in three dialects."""

    hidden: str = Field(description="the activation of the hidden layers")
    output: str = Field(description="the activation of the output layer")  # of logits: identity
    loss: str = Field(description="the loss")
    optimizer: str = Field(description="the optimizer")
    method: Literal["mpmath", "longdouble"]  # the arithmetic that it is certified in

    def changed(self, now: "Formulas") -> str:
        """Return which formula has changed, or an empty string."""
        for name, field in type(self).model_fields.items():
            was, new = getattr(self, name), getattr(now, name)
            if field.description and was != new:
                return f"{field.description} was {was or 'none'}, and is {new or 'none'}"
        return ""


class Drawn(_Model):
    """SHA-256 of what was drawn."""

    initial_weights: str
    batch_order: list[str]  # of all orders so far, for each epoch; empty if rows stay in order


class Recipe(_Model):
    """Everything that determines the losses of one training."""

    schema_: Literal[1] = Field(1, alias="schema")
    experiment: str
    data: DataId
    spec: SpecNumbers
    seed: int
    digests: Drawn
    model: Formulas

    def spec_changed(self, now: SpecNumbers) -> str:
        """Return which number of the spec has changed, or an empty string."""
        stored = self.spec.items()
        for name, value in now.items().items():
            if name != "epochs" and name in stored and stored[name] != value:
                return f"{name} was {stored[name]}, and is {value}"
        return ""


class Certificate(Recipe):
    """The losses of one training, in more digits than any implementation computes."""

    bits: int  # of a number's significand
    digits: int  # the number of certified digits
    worst_error: dict[str, float]  # of the same training in other arithmetics, by name
    seconds: float
    versions: dict[str, str]
    loss: list[str]  # of every epoch
    test_loss: str


def find(experiment: str, source: str, folder: Path = FOLDER) -> Certificate | None:
    """Return the certificate for an experiment on "real" or "stand-in" data; None if there is none.

    Raises RequestError if it is damaged.
    """
    file = _path(experiment, source, folder)
    if file not in folder.glob("*.json"):  # the name comes from a record, and could be any path
        return None
    try:
        return Certificate.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise RequestError(
            f"{file}: is no certificate ({reason}); run: lockstep certify {experiment}"
        ) from error


def write(certificate: Certificate, folder: Path = FOLDER) -> None:
    """Write a certificate, one line per loss."""
    file = _path(certificate.experiment, certificate.data.source, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(file, f"{certificate.model_dump_json(by_alias=True, indent=1)}\n".encode())


def _path(experiment: str, source: str, folder: Path) -> Path:
    return folder / f"{experiment}-{source}.json"
