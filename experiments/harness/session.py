"""One call of `lockstep run` or `lockstep report`, from the request to the exit code."""

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from experiments.harness.cell import Cell
from experiments.harness.errors import RequestError
from experiments.harness.interruption import interruptible
from experiments.harness.native import MARGIN, check_margin
from experiments.harness.native_tables import show_native
from experiments.harness.printable import printable
from experiments.harness.progress import make_progress
from experiments.harness.request import Plan, Request, plan
from experiments.harness.results import build_results, objections
from experiments.harness.runner import Progress, Runner
from experiments.harness.store import Store
from experiments.harness.tables import make_console, show_experiment, show_summary

__all__ = ["TIMEOUT", "rebuild", "report", "run", "train"]

TIMEOUT = 3_600.0  # seconds for an epoch: far more than the longest takes on one thread

Heads = dict[Cell, dict[str, Any]]


def run(
    request: Request,
    jobs: int,
    as_json: bool,
    quiet: bool = False,
    margin: float = MARGIN,
    timeout: float = TIMEOUT,
) -> int:
    """Train what is missing, show the results, and return the exit code.

    Quietly, only what goes against is shown, and the last line.
    """
    check_margin(margin)
    console, planned = make_console(as_json or quiet), plan(request)
    for note in planned.notes.values():
        console.print(Text(printable(note)))
    try:
        with interruptible():
            _train_and_show(planned, jobs, timeout, quiet, console, margin)
    except KeyboardInterrupt:
        kept = len(planned.heads) - len(planned.missing())
        folder = printable(str(planned.store.folder))
        line = f"\n{kept} of {len(planned.heads)} trainings are kept in {folder}"
        print(line, end="", file=sys.stderr)
        raise
    console.print()
    return _conclude(planned.store, request.data_dir, make_console(as_json), as_json, margin)


def _train_and_show(
    planned: Plan, jobs: int, timeout: float, quiet: bool, console: Console, margin: float
) -> None:
    """Train what is missing; show each experiment when all of it is there."""
    shown: set[str] = set()
    with (
        make_progress(quiet) as progress,
        closing(train(planned, jobs, timeout, progress)) as training,
    ):
        if kept := len(planned.heads) - len(missing := next(training)):
            folder = printable(str(planned.store.folder))
            console.print(f"{kept} of {len(planned.heads)} trainings are in {folder}")
        _show_finished(planned, missing, shown, console, margin)
        for missing in training:
            _show_finished(planned, missing, shown, console, margin)


def train(planned: Plan, jobs: int, timeout: float, progress: Progress) -> Generator[Heads]:
    """Train what is missing of a plan; yield what still is, first of all and after each cell.

    A training that finishes no epoch for `timeout` seconds is ended, and has failed.
    """
    for name, value in (("jobs", jobs), ("timeout", timeout)):
        if value < 1:
            raise RequestError(f"{name}: expected 1 or more, got {value:g}")
    missing = planned.missing()
    planned.store.create(cell.key for cell in planned.heads)
    yield missing
    threads = next(iter(planned.heads)).threads
    runner = Runner(planned.store, jobs, threads, timeout, progress)
    with closing(runner.run(dict(missing))) as finished:
        for cell in finished:
            del missing[cell]
            yield missing


def rebuild(store: Store, data_dir: str | None, margin: float = MARGIN) -> dict[str, Any]:
    """Build the results of a run from its records, write them and the report; return them."""
    from experiments.harness.report import write_report

    results = build_results(store, margin)
    store.write_results(results)
    write_report(store, results, data_dir)
    return results


def report(folder: Path, data_dir: str | None, as_json: bool, margin: float = MARGIN) -> int:
    """Rebuild the results of a run from its records, show them, and return the exit code."""
    check_margin(margin)
    console, store = make_console(as_json), Store(folder)
    results = build_results(store, margin)
    for experiment in dict.fromkeys(cell["experiment"] for cell in results["cells"]):
        _show(results, experiment, console)
    console.print()
    return _conclude(store, data_dir, console, as_json, margin)


def _show_finished(
    planned: Plan, missing: Heads, shown: set[str], console: Console, margin: float
) -> None:
    """Show each experiment, in order, as soon as no cell of it or of those before is missing."""
    unfinished = {cell.experiment for cell in missing}
    for experiment in planned.notes:
        if experiment in unfinished:
            return
        if experiment not in shown:
            shown.add(experiment)
            _show(build_results(planned.store, margin), experiment, console)


def _show(results: dict[str, Any], experiment: str, console: Console) -> None:
    cells = [cell for cell in results["cells"] if cell["experiment"] == experiment]
    agreement = [entry for entry in results["agreement"] if entry["experiment"] == experiment]
    show_experiment(console, cells, agreement)
    for entry in results["native"]:
        if entry["experiment"] == experiment:
            show_native(console, entry)


def _conclude(
    store: Store, data_dir: str | None, console: Console, as_json: bool, margin: float
) -> int:
    """Write the results and the report, show what they come to, and return the exit code."""
    results = rebuild(store, data_dir, margin)
    against = objections(results)
    show_summary(console, results, against)
    written = f"{store.folder / 'results.json'}, results.csv, report.html"
    console.print(Text(printable(written)), soft_wrap=True)
    if as_json:
        print((store.folder / "results.json").read_text(encoding="utf-8"), end="")
    if any(cell["status"] == "failed" and cell["missing"] for cell in results["cells"]):
        return 2
    return 1 if against else 0
