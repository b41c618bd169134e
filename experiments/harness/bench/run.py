"""`lockstep bench`, from the request to the output."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from statistics import median
from typing import Any, Literal

from rich.console import Console
from rich.progress import Progress

from experiments.harness.bench.figures import figures
from experiments.harness.bench.measure import Measured, default_steps, measure
from experiments.harness.bench.tables import headline, markdown, show
from experiments.harness.bench.variants import Variant, choose_variants
from experiments.harness.plan import Request, plan
from experiments.harness.records.environment import environment
from experiments.harness.workers.cell import Cell

__all__ = ["SCHEMA", "run"]

Form = Literal["table", "markdown", "json"]

SCHEMA = 1
_MAIN = ("perceptron", "circle", "churn", "mnist", "mnist_cnn")  # unless others are named


def run(request: Request, steps: int | None, rounds: int, form: Form) -> None:
    """Time what is asked for, and print each experiment as soon as it is done; JSON at the end.

    `steps`: of each experiment, or None for its own number.
    Raises RequestError if something cannot be timed.
    """
    done: list[Measured] = []
    title = f"{request.dtype}, {request.threads} thread(s), {rounds} rounds: median (min .. max)"
    try:
        for measured in _measure(request, steps, rounds):
            done.append(measured)
            if form == "table":
                show(Console(highlight=False), measured, title)
            elif form == "markdown":
                print(markdown(measured, title), flush=True)
    finally:  # also of what was finished before Ctrl-C
        if form == "json" and done:
            print(json.dumps(_report(request, rounds, done)))


def _measure(request: Request, steps: int | None, rounds: int) -> Iterator[Measured]:
    variants = choose_variants(request.implementations)
    needed = dict.fromkeys(variant.implementation for variant in variants)
    request = replace(
        request, experiments=request.experiments or _MAIN, implementations=tuple(needed)
    )
    planned = plan(request)
    with _progress() as bars:
        for experiment, note in planned.notes.items():
            cells = _cells(planned.heads, variants, experiment)
            task = bars.add_task(experiment, total=len(cells) * (rounds + 1))

            def advance(name: str, task: Any = task, experiment: str = experiment) -> None:
                bars.update(task, description=f"{experiment} {name}", advance=1)

            count = steps or default_steps(experiment)
            measured = measure(cells, count, rounds, note, advance)
            bars.remove_task(task)
            yield measured


def _cells(heads: Any, variants: list[Variant], experiment: str) -> list[tuple[Variant, Cell]]:
    """Return the variants whose implementation the experiment has, each with its cell."""
    by_name = {cell.implementation: cell for cell in heads if cell.experiment == experiment}
    return [(v, by_name[v.implementation]) for v in variants if v.implementation in by_name]


@contextmanager
def _progress() -> Iterator[Progress]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        yield bars


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
    rows = figures(measured)
    return {
        "data": measured.note,
        "flops": asdict(measured.flops) | {"step": measured.flops.step},
        "limit_gflops": median(measured.limit) / 1e9,
        "headline": headline(rows),
        "variants": {row.name: row.to_json() for row in rows},
        "unavailable": measured.unavailable,
        "timings": measured.timings,
    }
