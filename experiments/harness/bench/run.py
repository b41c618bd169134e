"""`lockstep bench`, from the request to the output."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from statistics import median
from typing import Any, Literal

from experiments.harness.bench.figures import figures
from experiments.harness.bench.flops import Flops, count_flops
from experiments.harness.bench.measure import Cells, Measured, measure
from experiments.harness.bench.tables import headline, markdown, show
from experiments.harness.bench.timing import size
from experiments.harness.bench.variants import choose_variants
from experiments.harness.execute import check_limits
from experiments.harness.experiment import Experiment
from experiments.harness.interruption import time_limit
from experiments.harness.page_code import named
from experiments.harness.plan import first_cell
from experiments.harness.records.environment import environment
from experiments.harness.request import Request
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.console import make_console, progress_bar
from frameworks.errors import RequestError
from frameworks.program import Program
from frameworks.spec import Spec

__all__ = ["SCHEMA", "Form", "default_steps", "prepare", "run"]

Form = Literal["table", "markdown", "json"]

SCHEMA = 1
_OPERATIONS = 1.5e10  # of the timed steps, where their number was not given
_UNCOUNTED_STEPS = 200  # the same, where operations cannot be counted


def run(request: Request, steps: int | None, rounds: int, form: Form, timeout: float) -> None:
    """Time what is asked for, and print each experiment as soon as it is done; JSON at the end.

    `steps`: of each experiment, or None for its own number. `timeout`: seconds for one timing.
    Raises RequestError if something cannot be timed, and TimeoutError for a page that hangs.
    """
    check_limits(1, timeout)
    done: list[Measured] = []
    title = f"{request.dtype}, {request.threads} thread(s), {rounds} rounds: median (min .. max)"
    try:
        for measured in _measure(request, steps, rounds, timeout):
            done.append(measured)
            if form == "table":
                show(make_console(), measured, title)
            elif form == "markdown":
                print(markdown(measured, title), flush=True)
    finally:  # also of what was finished before Ctrl-C
        if form == "json" and done:
            print(json.dumps(_report(request, rounds, done)))


def _measure(
    request: Request, steps: int | None, rounds: int, timeout: float
) -> Iterator[Measured]:
    names = dict.fromkeys(request.experiments)
    prepared = []
    with time_limit(timeout) as heard:  # a user's page, its load() and its builders may loop
        for experiment in [find_experiment(name) for name in names or EXPERIMENTS]:
            if names or experiment.benchmarked:
                prepared.append(prepare(request, steps, experiment))
                heard()
    with progress_bar() as bar:
        for measured, cells in prepared:
            yield measure(measured, cells, rounds, bar, timeout)


def prepare(request: Request, steps: int | None, experiment: Experiment) -> tuple[Measured, Cells]:
    """Load the data once to see which it is, and choose what can be timed on it."""
    able, unavailable = [], {}
    for variant in choose_variants(request.implementations):
        missing = variant.missing()
        why = missing or variant.backend.cannot_train(experiment.blueprint, request.dtype)
        if not why:
            able.append(variant)
        elif missing or request.implementations:
            unavailable[variant.name] = why
    if not able:
        raise RequestError("; ".join(dict.fromkeys(unavailable.values())))
    data = experiment.begun_on(experiment.load_data(request.policy, request.data_dir))
    spec = experiment.spec_for(data)
    first = first_cell(request, data, experiment)
    cells = [(each, replace(first, implementation=each.backend.name)) for each in able]
    steps = steps or default_steps(experiment, spec)
    rows, _ = size(len(data.X_train), spec.batch_size, steps)
    flops, uncounted = _count(experiment, spec, rows / -(-rows // spec.batch_size))
    reference = "scratch" if "scratch" in experiment.blueprint.builders else cells[0][0].name
    known = experiment.name, data.note, steps, flops, uncounted, _part(experiment), reference
    return Measured(*known, unavailable=unavailable), cells


def _part(experiment: Experiment) -> str:
    """Say which of an experiment's phases are timed; empty if it has none."""
    if not experiment.phases:
        return ""
    names = [phase.name for phase in experiment.phases if phase.spec == experiment.spec]
    return f"Timed: the network of {' and '.join(names)}, on the rows of the first phase."


def default_steps(experiment: Experiment, spec: Spec) -> int:
    """Return a number of steps that takes about a second: 1,000, or fewer of the larger ones."""
    flops, _ = _count(experiment, spec, spec.batch_size)
    if flops is None:
        return _UNCOUNTED_STEPS
    return int(min(1_000, max(40, _OPERATIONS // flops.step)))


def _count(experiment: Experiment, spec: Spec, rows: float) -> tuple[Flops | None, str]:
    """Return the operations of a step of so many rows; or None, and why they are not counted."""
    if "scratch" not in experiment.blueprint.builders:
        return None, "operations are counted from build_scratch, which the page does not have"
    with named(f"build_scratch of {experiment.name} failed", experiment.source):
        parts = experiment.blueprint.builders["scratch"](spec=spec)
    if isinstance(parts, Program):
        return None, f"{experiment.name} has a step of its own, whose operations are not counted"
    try:
        return count_flops(parts, rows, spec.inputs), ""
    except (AttributeError, TypeError) as error:  # of parts that are none, the training tells
        return None, str(error)


def _report(request: Request, rounds: int, done: list[Measured]) -> dict[str, Any]:
    """Return all figures, and everything that is needed to interpret them."""
    return {
        "schema": SCHEMA,
        "environment": environment(request.threads),
        "dtype": request.dtype,
        "rounds": rounds,
        "experiments": {each.experiment: _experiment(each) for each in done},
    }


def _experiment(measured: Measured) -> dict[str, Any]:
    rows, flops = figures(measured), measured.flops
    return {
        "data": measured.note,
        "part": measured.part,
        "reference": measured.reference,
        "flops": flops and asdict(flops) | {"step": flops.step},
        "limit_gflops": median(measured.limit) / 1e9,
        "headline": headline(measured, rows),
        "variants": {row.name: asdict(row) for row in rows},
        "unavailable": measured.unavailable,
        "timings": {
            name: [asdict(each) for each in mine] for name, mine in measured.timings.items()
        },
    }
