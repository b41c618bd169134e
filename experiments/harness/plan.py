"""The trainings that follow from what a user asks for."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from datasets import Dataset
from datasets.dataset import Source
from experiments.harness.cell import Cell
from experiments.harness.experiment import Experiment
from experiments.harness.heads import head_of, signed
from experiments.harness.left_behind import load_leaving_nothing
from experiments.harness.page_code import contained, named
from experiments.harness.records import RUNS
from experiments.harness.records.environment import (
    Surroundings,
    source_digest,
    surroundings_here,
)
from experiments.harness.records.models import Head
from experiments.harness.records.one_run import OneRun
from experiments.harness.records.own_files import holds_run
from experiments.harness.records.store import Store
from experiments.harness.request import Request
from experiments.registry import EXPERIMENTS, find_experiments
from frameworks.agreement.variants import variants
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError, choose, printable
from frameworks.native import own_course
from frameworks.spec_values import Setting, parse_grid

__all__ = ["DataUsed", "Plan", "first_cell", "plan"]

_MOST = 1_000_000  # trainings of a run
_Held = dict[tuple[str, str, int], set[str]]  # implementations by experiment, setting and seed
_LaidOut = tuple[Experiment, list[str], list[Setting]]  # who trains it, and with which numbers


@dataclass(frozen=True)
class DataUsed:
    """Which data a run uses: the fields of a `Dataset` without its arrays.

    `tests_on_training_rows`: its test rows are those of the training.
    """

    name: str
    source: Source
    canonical: bool
    origin: str
    note: str
    tests_on_training_rows: bool = False


@dataclass(frozen=True)
class Plan:
    """A run: its folder, and each cell with what its record says before training."""

    store: Store
    heads: dict[Cell, Head]
    experiments: list[Experiment]
    data: list[DataUsed]  # of all experiments, each once
    notes: list[str]  # rounded numbers, and what differs in a cluster
    left_out: list[str]  # what was asked for and cannot be done, and why
    floor: int  # nudged trainings where they are needed
    around: Surroundings  # of whoever trains
    command: str = ""  # that asked for it; empty where there was none

    @property
    def folder(self) -> str:
        """The run's folder, to be shown."""
        return printable(str(self.store.folder))

    def missing(self) -> dict[Cell, Head]:
        """Return the cells without a finished record; RequestError if one is of another run."""
        one_run, finished = OneRun(self.heads.values()), set()
        for record in filter(lambda record: record.ok, self.store.stored()):
            unlike = one_run.unlike(record)
            if unlike:
                raise RequestError(
                    f"{self.store.folder}: holds {record.key} {unlike}; "
                    "choose another folder with --out, or delete this one"
                )
            finished.add(record.key)
        return {cell: head for cell, head in self.heads.items() if cell.key not in finished}

    def beside(self, cell: Cell, modes: Sequence[str]) -> dict[Cell, Head]:
        """Return the trainings of scratch in these modes that a cell's are to be judged by."""
        found = {}
        for mode in modes:
            other = replace(cell, implementation="scratch", mode=mode)
            values = self.heads[cell].model_dump(by_alias=True)
            found[other] = signed(other, values | {"acceptance": None}, self.around)
        return found


def plan(request: Request, around: Surroundings | None = None) -> Plan:
    """Check a request, load its data once to see which it is, and lay out the cells.

    `around` are the surroundings in which they will be trained; None: those of this machine.
    """
    load = load_leaving_nothing if around else Experiment.load_data  # which workers would not call
    around = around or surroundings_here(request.threads)
    laid_out, left_out = _laid_out(request)
    held = _held(request)
    heads: dict[Cell, Head] = {}
    data_used: dict[str, DataUsed] = {}
    notes: list[str] = []
    for experiment, able, settings in laid_out:
        data = load(experiment, request.policy, request.data_dir)
        source = source_digest(experiment.source, experiment.text, experiment.beside)
        same = np.array_equal(data.X_train, data.X_test)
        about = DataUsed(data.name, data.source, data.canonical, data.origin, data.note, same)
        data_used.setdefault(data.sha256, about)
        for setting in settings:
            changed = experiment.changed(setting)
            notes += _rounded(changed)
            names = [name for name, _ in setting]
            for cell in _cells(request, data, changed, able, names, held):
                heads[cell] = head_of(cell, changed, data, source, around)
    together = "".join(sorted(head.fingerprint for head in heads.values()))
    kind = request.kind.replace(" ", "-")
    name = f"{kind}-{sha256(together.encode()).hexdigest()[:8]}"
    used = [experiment for experiment, _, _ in laid_out]
    notes, store = list(dict.fromkeys(notes)), Store(request.out or RUNS / name)
    return Plan(
        *(store, heads, used, [*data_used.values()], notes, left_out, request.floor, around),
        command=request.command,
    )


def _laid_out(request: Request) -> tuple[list[_LaidOut], list[str]]:
    """Return what is to be trained, and what is left out; RequestError if nothing, or too much."""
    laid_out: list[_LaidOut] = []
    left_out: list[str] = []
    count = 0
    for experiment in _experiments(request):
        able, reasons = _able(experiment, request)
        if not able and request.experiments:
            raise RequestError("; ".join(dict.fromkeys(reasons)))
        if request.implementations:
            left_out += [reason for reason in reasons if reason not in left_out]
        if able:
            settings = parse_grid(experiment.spec, request.settings, experiment.name)
            laid_out.append((experiment, able, settings))
            beside = request.floor if _are_judged(able, request) else 0
            count += len(settings) * len(request.seeds) * (len(able) + beside)
    if not laid_out:
        raise RequestError(f"nothing to train: {'; '.join(left_out)}")
    if count > _MOST:
        raise RequestError(
            f"expected at most {_MOST:,} trainings, got {count:,}: each combination of --set is "
            "trained with each seed by each implementation"
        )
    return laid_out, left_out


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
            if request.native:
                why = _not_native(experiment) or why
            if why:
                left_out.append(why)
            else:
                able.append(name)
    return able, left_out


def _not_native(experiment: Experiment) -> str:
    """Return why no framework could train it by its own defaults, and what to do; "" if all can."""
    instead = "; leave out --native to train it in lockstep"
    if experiment.phases:
        return f"{experiment.name} is trained in phases, which --native knows nothing of{instead}"
    build = experiment.blueprint.builders.get("scratch")
    experiment.note_asked()  # before its data are
    with suppress(Exception), contained():  # one that fails is reported by the worker that calls it
        if build is not None and (what := own_course(build())):
            return (
                f"{experiment.name} {what}, where --native takes the usual course of each "
                f"framework{instead}"
            )
    return ""


def _rounded(experiment: Experiment) -> Iterator[str]:
    """Say which numbers of a page's spec were rounded to float32."""
    for name, given in experiment.spec.rounded.items():
        yield (
            f"{experiment.name}: {name} {given} is used as {getattr(experiment.spec, name)}, "
            "the nearest in float32, so that every implementation uses the same"
        )


def first_cell(
    request: Request, data: Dataset, experiment: Experiment, names: Iterable[str] = ()
) -> Cell:
    """Return scratch's training with seed 0, from which the others are made.

    `names` are those of the numbers that the experiment was changed in.
    """
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
        setting=tuple((name, getattr(experiment.spec, name)) for name in names),
    )


def _cells(
    request: Request,
    data: Dataset,
    experiment: Experiment,
    able: Iterable[str],
    names: Iterable[str],
    held: _Held,
) -> Iterator[Cell]:
    """Yield an experiment's cells: for each seed the implementations, then what judges them.

    Judged are also pairs with a training that the run's folder holds already.
    """
    able, first = list(able), first_cell(request, data, experiment, names)
    beside: dict[tuple[str, ...], list[str]] = {}
    for seed in request.seeds:
        for implementation in able:
            yield replace(first, seed=seed, implementation=implementation)
        known = {*able, *held.get((experiment.name, first.label, seed), ())}
        pairs = tuple(name for name in BACKENDS if name in known)
        if pairs not in beside:
            judged = _are_judged(pairs, request)
            beside[pairs] = _judges(experiment, data, pairs, request.floor) if judged else []
        for mode in beside[pairs]:
            yield replace(first, seed=seed, mode=mode)


def _held(request: Request) -> _Held:
    """Return which implementations of the request's kind the folder that is named has trained."""
    held: _Held = {}
    if request.out is None or not holds_run(request.out):
        return held
    for record in Store(request.out).stored():
        if record.ok and (record.mode, record.dtype) == ("lockstep", request.dtype):
            which = record.experiment, record.label, record.seed
            held.setdefault(which, set()).add(record.implementation)
    return held


def _are_judged(able: Sequence[str], request: Request) -> bool:
    """Say whether nudged trainings are to judge the others from the start."""
    return request.dtype == "float32" and not request.native and len(able) > 1


def _judges(experiment: Experiment, data: Dataset, able: Sequence[str], floor: int) -> list[str]:
    """Return the modes that judge an experiment; RequestError if build_scratch fails."""
    with named(f"build_scratch of {experiment.name} failed", experiment.source):
        return variants(experiment.blueprint_for(data), able, floor)
