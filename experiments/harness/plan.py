"""The trainings that follow from what a user asks for."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from datasets import Dataset
from experiments.harness.cell import Cell
from experiments.harness.experiment import Experiment
from experiments.harness.page_code import named
from experiments.harness.records import RUNS
from experiments.harness.records.environment import (
    environment,
    packages_digest,
    source_digest,
)
from experiments.harness.records.identity import IDENTITY, fingerprint_of
from experiments.harness.records.models import Head, Record
from experiments.harness.records.store import Store
from experiments.harness.request import Request
from experiments.registry import EXPERIMENTS, find_experiments
from frameworks.agreement.variants import variants
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError, choose, printable

__all__ = ["Plan", "first_cell", "plan"]


@dataclass(frozen=True)
class Plan:
    """A run: its folder, and each cell with what its record says before training."""

    store: Store
    heads: dict[Cell, Head]
    experiments: list[Experiment]
    notes: list[str]  # for each experiment, which data is used and why, and rounded numbers
    left_out: list[str]  # what was asked for and cannot be done, and why
    floor: int  # nudged trainings where they are needed

    @property
    def folder(self) -> str:
        """The run's folder, to be shown."""
        return printable(str(self.store.folder))

    def missing(self) -> dict[Cell, Head]:
        """Return the cells without a finished record; RequestError if one is of another run."""
        missing = {}
        for cell, head in self.heads.items():
            record = self.store.load(cell.key)
            if record is None or not record.ok:
                missing[cell] = head
            elif record.fingerprint != head.fingerprint:
                raise RequestError(
                    f"{self.store.folder}: holds {cell.key} {_unlike(record, head)}; "
                    "choose another folder with --out, or delete this one"
                )
        return missing

    def beside(self, cell: Cell, modes: Sequence[str]) -> dict[Cell, Head]:
        """Return the trainings of scratch in these modes that a cell's are to be judged by."""
        found = {}
        for mode in modes:
            other = replace(cell, implementation="scratch", mode=mode)
            values = self.heads[cell].model_dump(by_alias=True)
            found[other] = _signed(other, values | {"acceptance": None})
        return found


def plan(request: Request) -> Plan:
    """Check a request, load its data once to see which it is, and lay out the cells."""
    experiments = _experiments(request)
    heads: dict[Cell, Head] = {}
    used, notes, left_out = [], [], []
    around: dict[str, Any] = {"environment": environment(request.threads)}
    for experiment in experiments:
        able, reasons = _able(experiment, request)
        if not able and request.experiments:
            raise RequestError("; ".join(reasons))
        if request.implementations:
            left_out += [reason for reason in reasons if reason not in left_out]
        if not able:
            continue
        data = experiment.load_data(request.policy, request.data_dir)
        common = around | {
            "source_sha256": source_digest(experiment.source, experiment.text, *experiment.beside)
        }
        used.append(experiment)
        notes += [data.note, *_rounded(experiment)]
        for cell in _cells(request, data, experiment, able):
            heads[cell] = _head(cell, experiment, data, common)
    if not heads:
        raise RequestError(f"nothing to train: {'; '.join(left_out)}")
    together = "".join(sorted(head.fingerprint for head in heads.values()))
    kind = request.kind.replace(" ", "-")
    name = f"{kind}-{sha256(together.encode()).hexdigest()[:8]}"
    return Plan(Store(request.out or RUNS / name), heads, used, notes, left_out, request.floor)


def _experiments(request: Request) -> list[Experiment]:
    """Return what was asked for, ours in our own order and each once.

    All but the long ones if none was named.
    """
    found = find_experiments(request.experiments or EXPERIMENTS)
    if not request.experiments:
        found = [experiment for experiment in found if not experiment.long]
    ours = [e for e in found if not e.is_users]
    return sorted(ours, key=lambda e: EXPERIMENTS.index(e.name)) + [e for e in found if e.is_users]


def _able(experiment: Experiment, request: Request) -> tuple[list[str], list[str]]:
    """Return the implementations that can train an experiment, and why the others cannot."""
    asked = {choose("implementation", name, BACKENDS) for name in request.implementations}
    able, left_out = [], []
    for name, backend in BACKENDS.items():
        if name in asked or (not asked and backend.default):
            why = backend.cannot_train(experiment.blueprint, request.dtype, request.native)
            if request.native and experiment.phases:
                why = f"{experiment.name} is several trainings, of which --native knows one alone"
            if why:
                left_out.append(why)
            else:
                able.append(name)
    return able, left_out


def _rounded(experiment: Experiment) -> Iterator[str]:
    """Say which numbers of a page's spec were rounded to float32."""
    for name, given in experiment.spec.rounded.items():
        yield (
            f"{experiment.name}: {name} {given} is used as {getattr(experiment.spec, name)}, "
            "the nearest in float32, so that every implementation uses the same"
        )


def first_cell(request: Request, data: Dataset, experiment: Experiment) -> Cell:
    """Return scratch's training with seed 0, from which the others are made."""
    return Cell(
        experiment=experiment.name,
        dtype=request.dtype,
        seed=0,
        implementation="scratch",
        epochs=request.epochs or experiment.spec.epochs,
        limit=request.limit,
        policy=data.source,  # what was found now is what every worker loads
        data_dir=request.data_dir,
        threads=request.threads,
        mode="native" if request.native else "lockstep",
        page=str(experiment.source.resolve()) if experiment.is_users else "",
    )


def _cells(
    request: Request, data: Dataset, experiment: Experiment, able: Iterable[str]
) -> Iterator[Cell]:
    """Yield an experiment's cells: for each seed the implementations, then what judges them."""
    able, first = list(able), first_cell(request, data, experiment)
    judged = request.dtype == "float32" and not request.native and len(able) > 1
    beside = _judges(experiment, data, able, request.floor) if judged else []
    for seed in request.seeds:
        for implementation in able:
            yield replace(first, seed=seed, implementation=implementation)
        for mode in beside:
            yield replace(first, seed=seed, mode=mode)


def _judges(experiment: Experiment, data: Dataset, able: list[str], floor: int) -> list[str]:
    """Return the modes that judge an experiment; RequestError if build_scratch fails."""
    with named(f"build_scratch of {experiment.name} failed", experiment.source):
        return variants(experiment.blueprint_for(data), able, floor)


_UNLIKE = {
    "data": "other data",
    "source_sha256": "other source code",
    "packages_sha256": "other files in its framework's packages",
}


def _unlike(record: Record, head: Head) -> str:
    """Say in what a stored record is not the one that would be made now."""
    name = next(name for name in IDENTITY if getattr(record, name) != getattr(head, name))
    return f"with {_UNLIKE.get(name, f'another {name}')}"


def _head(cell: Cell, experiment: Experiment, data: Dataset, common: dict[str, Any]) -> Head:
    """Return what a cell's record says before its training; `common` is the same for others."""
    values = {
        "experiment": cell.experiment,
        "task": experiment.task.name,
        "dtype": cell.dtype,
        "seed": cell.seed,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
        "spec": cell.numbers(experiment, data).items(),
        "epochs": cell.epochs,
        "limit": cell.limit,
        "acceptance": _acceptance(cell, experiment, data),
    }
    return _signed(cell, common | values)


def _signed(cell: Cell, values: dict[str, Any]) -> Head:
    """Return the head of a cell's record, with the fingerprint of all that makes its result."""
    values = values | {
        "key": cell.key,
        "implementation": cell.implementation,
        "mode": cell.mode,
        "packages_sha256": packages_digest(BACKENDS[cell.implementation].packages),
    }
    head = Head.model_validate_json(json.dumps(values | {"fingerprint": ""}))
    return head.model_copy(update={"fingerprint": fingerprint_of(head.model_dump())})


def _acceptance(cell: Cell, experiment: Experiment, data: Dataset) -> tuple[float, float] | None:
    """Return the band in which the headline is expected; None for a shortened training."""
    as_published = cell.mode == "lockstep" and cell.limit is None
    whole = as_published and cell.epochs == experiment.spec.epochs
    return experiment.band.get(data.source) if whole else None
