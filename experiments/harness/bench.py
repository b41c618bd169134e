"""`lockstep bench`: speeds side by side, as ratios of things timed in turn on the same machine."""

import json
from collections import defaultdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.text import Text

from experiments.harness.cell import Cell
from experiments.harness.errors import RequestError
from experiments.harness.processes import CellFailed, Worker
from experiments.harness.request import Request, plan
from experiments.harness.tables import make_table

__all__ = ["show"]

Timings = dict[str, list[dict[str, Any]]]  # of each implementation, a round after the other


def show(request: Request, steps: int, rounds: int, as_json: bool) -> None:
    """Time the request's cells in turn, `rounds` times, and print the ratios.

    Raises RequestError if one cannot be timed.
    """
    cells: dict[str, list[Cell]] = defaultdict(list)
    for cell in plan(request).heads:
        cells[cell.experiment].append(cell)
    results = {
        experiment: _time(each, steps, rounds, request.threads)
        for experiment, each in cells.items()
    }
    if as_json:
        print(json.dumps(results))
        return
    console = Console(highlight=False)
    for experiment, timings in results.items():
        _show(console, experiment, timings, request)


def _time(cells: list[Cell], steps: int, rounds: int, threads: int) -> Timings:
    """Time one experiment; a first round, in which libraries warm up, is not counted."""
    workers = {cell: Worker(cell.implementation, threads) for cell in cells}
    timings: Timings = defaultdict(list)
    errors = Console(stderr=True)
    turns = [(turn, cell) for turn in range(rounds + 1) for cell in cells]
    try:
        for turn, cell in track(
            turns,
            cells[0].experiment,
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        ):
            timing = workers[cell].run({"cell": cell.to_json(), "steps": steps})
            if turn:
                timings[cell.implementation].append(timing)
    except CellFailed as error:
        raise RequestError(f"{cell.experiment}, {cell.implementation}: {error}") from error
    finally:
        for worker in workers.values():
            worker.close()
    return timings


def _show(console: Console, experiment: str, timings: Timings, request: Request) -> None:
    rounds = len(next(iter(timings.values())))
    console.print()
    console.print(
        Text(experiment, style="bold").append(
            f"  {request.dtype}, {request.threads} thread(s), {rounds} rounds: median (min .. max)",
            style="not bold",
        )
    )
    first = next(iter(timings))
    table = make_table("implementation", "µs a step", f"time / {first}", "fit / plain loop")
    for name, mine in timings.items():
        table.add_row(
            name,
            f"{median(t['train'] / t['steps'] for t in mine) * 1e6:.0f}",
            _ratios([t["train"] for t in mine], [t["train"] for t in timings[first]]),
            _ratios([t["fit"] for t in mine], [t["plain"] for t in mine]),
        )
    console.print(table)


def _ratios(a: list[float], b: list[float]) -> str:
    """Give the median, smallest and largest ratio of what was timed in the same round."""
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})"
