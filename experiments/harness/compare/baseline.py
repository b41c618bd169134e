"""A baseline: the figures of a run that a verdict depends on, in one small file to be reviewed.

Of the losses, those of the epochs 1, 2, 5, 10, 20, 50 and so on are kept, and that of the last. A
difference that comes in between is still there at the next: each step begins where the last ended.
That holds within a phase, so an experiment of several has those of each.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from experiments.harness.records.agreement import Finished
from experiments.harness.records.models import (
    AgreementEntry,
    Environment,
    Record,
    Results,
)
from experiments.harness.records.models.fields import Many, Whole
from experiments.harness.records.own_files import refuse_a_runs_own
from experiments.harness.records.reading import first_problem, read
from experiments.harness.records.store import to_json
from frameworks.errors import RequestError
from frameworks.files import write_atomically

__all__ = ["AGAIN", "BaselineRecord", "at_epochs", "epochs_of", "is_baseline", "read_baseline"]
__all__ += ["write_baseline"]

AGAIN = "write it again from its run"
_KIND = "baseline"
_BEGINS = re.compile(rb'"kind"\s*:\s*"baseline"')  # also where a formatter has rewritten it
_BEGINNING = 10_000  # bytes, more than any environment has
_LEFT_OUT = {"environment", "fingerprint", "schema", "seconds", "missing"}


class BaselineRecord(Record):
    """A training, with the losses of some epochs only."""

    kept: Many[Whole]  # the epochs, from 1 on

    @model_validator(mode="after")
    def _whole(self) -> "BaselineRecord":
        """Take the place of the check that every epoch has a loss."""
        found = [] if self.history is None else self.history.loss
        if self.ok and None in (self.history, self.test, self.digests):
            raise ValueError("test: expected losses, figures and digests, as it was finished")
        if len(found) != len(self.kept):
            raise ValueError(f"history.loss: expected {len(self.kept)} numbers, one an epoch kept")
        last = sum(phase.epochs for phase in self.phases) or self.epochs
        in_order = self.kept == sorted({*self.kept})
        if found and not (in_order and 1 <= self.kept[0] and self.kept[-1] == last):
            raise ValueError(f"kept: expected epochs in their order, up to the last, {last}")
        return self


class Baseline(BaseModel):
    """What a baseline's file holds."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["baseline"]
    environment: Environment
    trainings: Many[dict[str, Any]]
    pairs: Many[AgreementEntry]


def is_baseline(path: Path) -> bool:
    """Say whether a file begins as a baseline does; False for what cannot be read.

    Its kind stands before the first training and the first cell, also where its keys were sorted.
    """
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            begins = re.split(rb'"(?:cells|trainings)"', file.read(_BEGINNING), maxsplit=1)[0]
            return _BEGINS.search(begins) is not None
    except OSError:
        return False


def write_baseline(results: Results, path: Path) -> int:
    """Write a run's baseline, and return its size; RequestError in the place of another file."""
    if path.exists() and not is_baseline(path):
        raise RequestError(f"{path}: is there already, and is no baseline; choose another name")
    refuse_a_runs_own(path, "choose another name")
    if not path.parent.is_dir():
        raise RequestError(f"{path}: there is no such folder; make it first")
    lines = {
        "schema": 1,
        "kind": _KIND,
        "environment": results.environment,
        "trainings": [_thinned(cell) for cell in results.cells],
        "pairs": [entry.model_copy(update={"noise_floor": None}) for entry in results.agreement],
    }
    content = _spread_out(json.loads(to_json(lines)))
    write_atomically(path, content.encode())
    return len(content)


def read_baseline(path: Path) -> Results:
    """Return what a baseline says, as results; RequestError if it is damaged."""
    stored = read(path, Baseline, AGAIN)
    around = {"environment": stored.environment.model_dump(), "fingerprint": ""}
    cells = []
    for i, training in enumerate(stored.trainings):
        whole = training | around
        try:
            cells.append(BaselineRecord.model_validate_json(json.dumps(whole)))
        except ValidationError as error:
            problem = f"trainings[{i}]: {first_problem(error, whole)}"
            raise RequestError(f"{path}: {problem}; {AGAIN}") from error
    results = Results(environment=stored.environment, cells=[], agreement=stored.pairs)
    return results.model_copy(update={"cells": cells})  # which would be checked as whole records


def epochs_of(record: Record) -> Sequence[int]:
    """Return the epochs of which a record has the losses, counted through all phases."""
    if isinstance(record, BaselineRecord):
        return record.kept
    return range(1, 1 + (len(record.history.loss) if record.history else 0))


def at_epochs(training: Finished, epochs: Sequence[int]) -> Finished:
    """Return a training with the losses and accuracies of these epochs only."""
    place = {epoch: i for i, epoch in enumerate(epochs_of(training.record))}
    outcome, wanted = training.outcome, [place[epoch] for epoch in epochs]
    if len(wanted) == len(outcome.losses):
        return replace(training, outcome=replace(outcome, kept=epochs))
    *known, test = outcome.accuracies
    thinned = replace(
        outcome,
        losses=[outcome.losses[i] for i in wanted],
        accuracies=[*(known[i] for i in wanted if known), test],
        others={name: [values[i] for i in wanted] for name, values in outcome.others.items()},
        kept=epochs,
    )
    return replace(training, outcome=thinned)


def _kept(epochs: int) -> list[int]:
    """Return the epochs that are kept.

    >>> _kept(50), _kept(3), _kept(1)
    ([1, 2, 5, 10, 20, 50], [1, 2, 3], [1])
    """
    series = (digit * 10**power for power in range(len(str(epochs))) for digit in (1, 2, 5))
    return sorted({epochs, *(epoch for epoch in series if epoch < epochs)})


def _kept_of(cell: Record) -> list[int]:
    """Return the epochs of a training that are kept, those of a later phase after the earlier."""
    kept, done = [], 0
    for epochs in [phase.epochs for phase in cell.phases] or [cell.epochs]:
        kept += [done + epoch for epoch in _kept(epochs)]
        done += epochs
    return kept


def _thinned(cell: Record) -> dict[str, Any]:
    """Return what is kept of a training."""
    kept = _kept_of(cell) if cell.history else []
    values = cell.model_dump(by_alias=True, exclude_none=False)
    history = None
    if cell.history:
        history = {n: v and [v[epoch - 1] for epoch in kept] for n, v in cell.history}
    certified = cell.certified and cell.certified.model_copy(update={"lre": []})
    changed = {"kept": kept, "history": history, "certified": certified}
    return {k: v for k, v in (values | changed).items() if k not in _LEFT_OUT}


def _spread_out(value: dict[str, Any]) -> str:
    """Return JSON with a line for each field of a training, so that changes can be seen."""
    parts = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items() if k != "trainings"]
    trainings = [
        ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in each.items())
        for each in value["trainings"]
    ]
    *first, pairs = parts
    joined = ",\n".join(f" {{\n{each}\n }}" for each in trainings)
    pair_lines = ",\n".join(f"  {json.dumps(pair)}" for pair in value["pairs"])
    pairs = f'"pairs": [\n{pair_lines}\n]'
    return f'{{{", ".join(first[:2])},\n{first[2]},\n"trainings": [\n{joined}\n],\n{pairs}}}\n'
