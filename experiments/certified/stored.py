"""The certificates in the repository: one JSON file per experiment and data source."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from experiments.harness.phases import digest_of_phases
from experiments.harness.records.models import DataId, SpecNumbers
from frameworks.errors import RequestError
from frameworks.files import write_atomically

__all__ = ["FOLDER", "Certificate", "Drawn", "Formulas", "PhaseRecipe", "Recipe", "find", "write"]

FOLDER = Path(__file__).parent

# A finite number in decimal digits; mpmath writes 25 of them, longdouble 21.
Loss = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,4})?$", max_length=100)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class Formulas(_Model):
    """The formulas of a training, by name; its page has them in words and in three dialects."""

    hidden: str = Field(description="the activation of the hidden layers")
    output: str = Field(description="the activation of the output layer")  # of logits: identity
    loss: str = Field(description="the loss")
    optimizer: str = Field(description="the optimizer")
    method: Literal["mpmath", "longdouble"]  # the arithmetic that it is certified in
    algorithm: str = Field("", description="the algorithm of a step")  # of a program
    network: str = Field("", description="the network")  # if layers are not just stacked
    dropout: list[float] = Field([], description="the rates of dropout")  # of the layers' inputs
    frozen: list[int] = Field([], description="the numbers of the frozen weights")
    patience: int = Field(0, description="the patience of early stopping")  # 0: there is none

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


class PhaseRecipe(_Model):
    """What determines one of several trainings."""

    name: str
    spec: SpecNumbers
    model: Formulas
    batch_order: list[str]  # as in `Drawn`


class Recipe(_Model):
    """Everything that determines the losses of one training."""

    schema_: Literal[1] = Field(1, alias="schema")
    experiment: str
    data: DataId
    spec: SpecNumbers
    seed: int
    digests: Drawn
    model: Formulas
    phases: list[PhaseRecipe] = []  # if there are several

    def spec_changed(self, now: SpecNumbers) -> str:
        """Return which number of the spec has changed, or an empty string."""
        return _changed(self.spec, now)

    def phases_changed(self, now: "list[PhaseRecipe]") -> str:
        """Return what has changed in which phase, or an empty string."""
        names, others = ([phase.name for phase in each] for each in (self.phases, now))
        if names != others:
            return f"the phases were {', '.join(names)}, and are {', '.join(others)}"
        for was, new in zip(self.phases, now, strict=True):
            if changed := _changed(was.spec, new.spec) or was.model.changed(new.model):
                return f"{was.name}: {changed}"
            if was.batch_order[: len(new.batch_order)] != new.batch_order:
                return f"{was.name}: other batches are drawn"
        return ""


class Certificate(Recipe):
    """The losses of one training, in more digits than any implementation computes."""

    bits: int  # of a number's significand
    digits: int = Field(ge=13)  # that are certified: more than the 12 that trainings must have
    worst_error: dict[str, float]  # of the same training in other arithmetics, by name
    seconds: float
    versions: dict[str, str]
    trained: list[int] = []  # the number of epochs of each phase, if there are several
    loss: list[Loss] = Field(min_length=1)  # of every epoch, phase after phase
    test_loss: Loss | None  # on the last phase's test rows; null if only the first epochs are here

    @model_validator(mode="after")
    def _whole(self) -> "Certificate":
        if type(self.epochs) is not int:
            raise ValueError(f"spec.epochs: expected a whole number, found {self.epochs!r}")
        known, whole = len(self.loss), sum(self.trained) or self.epochs
        if known > whole or (known < whole and self.test_loss is not None):
            raise ValueError(f"loss: expected those of {whole} epochs, found {known}")
        return self

    @property
    def epochs(self) -> int:
        """The number of epochs that were asked for; of the longest phase, if there are several."""
        return self.spec.items().get("epochs", len(self.loss))

    def batch_order(self, trained: list[int]) -> str:
        """Return the digest of all orders after so many epochs of each phase."""
        several = [phase.batch_order for phase in self.phases]
        pairs = zip(several or [self.digests.batch_order], trained, strict=True)
        return digest_of_phases([orders[n - 1] if n <= len(orders) else "" for orders, n in pairs])


def find(experiment: str, source: str, folder: Path = FOLDER) -> Certificate | None:
    """Return the certificate for an experiment on "real" or "stand-in" data; None if there is none.

    Raises RequestError if it is damaged.
    """
    file = _path(experiment, source, folder)
    if file not in folder.glob("*.json"):  # the name comes from a record, and could be any path
        return None
    try:
        certificate = Certificate.model_validate_json(file.read_bytes())
        if file != _path(certificate.experiment, certificate.data.source, folder):
            raise ValueError(f"it is that of {certificate.experiment}")
    except (OSError, ValueError) as error:
        reason = _first_problem(error) if isinstance(error, ValidationError) else str(error)
        again = f"lockstep certify {experiment}" + f" --folder {folder}" * (folder != FOLDER)
        raise RequestError(
            f"{file}: is no certificate ({reason}); move it away, and run: {again}"
        ) from error
    return certificate


def write(certificate: Certificate, folder: Path = FOLDER) -> None:
    """Write a certificate, one line per loss."""
    file = _path(certificate.experiment, certificate.data.source, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(file, f"{certificate.model_dump_json(by_alias=True, indent=1)}\n".encode())


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ")
    return ": ".join(filter(None, [".".join(map(str, first["loc"])), said]))


def _changed(was: SpecNumbers, now: SpecNumbers) -> str:
    stored = was.items()
    for name, value in now.items().items():
        if name != "epochs" and name in stored and stored[name] != value:
            return f"{name} was {stored[name]}, and is {value}"
    return ""


def _path(experiment: str, source: str, folder: Path) -> Path:
    return folder / f"{experiment}-{source}.json"
