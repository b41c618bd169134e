"""One call of `lockstep run` or `lockstep report`, from the request to the exit code."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from experiments.harness.cell import Cell
from experiments.harness.progress import TerminalProgress
from experiments.harness.request import Plan, Request, plan
from experiments.harness.results import build_results, objections
from experiments.harness.runner import Runner
from experiments.harness.store import Store
from experiments.harness.tables import show_experiment, show_summary

__all__ = ["report", "run"]

Heads = dict[Cell, dict[str, Any]]


def run(request: Request, jobs: int, as_json: bool) -> int:
    """Train what is missing, show the results, and return the exit code."""
    console, planned = _console(as_json), plan(request)
    for note in planned.notes.values():
        console.print(Text(note))
    planned.store.create()
    missing = planned.missing()
    kept = len(planned.heads) - len(missing)
    if kept:
        console.print(f"{kept} of {len(planned.heads)} trainings are in {planned.store.folder}")
    shown: set[str] = set()
    with TerminalProgress(Console(stderr=True)) as progress:
        _show_finished(planned, missing, shown, console)
        for cell in Runner(planned.store, jobs, request.threads, progress).run(dict(missing)):
            del missing[cell]
            _show_finished(planned, missing, shown, console)
    return _conclude(planned.store, request.data_dir, console, as_json)


def report(folder: Path, data_dir: str | None, as_json: bool) -> int:
    """Rebuild the results of a run from its records, show them, and return the exit code."""
    console, store = _console(as_json), Store(folder)
    results = build_results(store)
    for experiment in dict.fromkeys(cell["experiment"] for cell in results["cells"]):
        _show(results, experiment, console)
    return _conclude(store, data_dir, console, as_json)


def _show_finished(planned: Plan, missing: Heads, shown: set[str], console: Console) -> None:
    """Show each experiment, in order, as soon as no cell of it or of those before is missing."""
    unfinished = {cell.experiment for cell in missing}
    for experiment in planned.notes:
        if experiment in unfinished:
            return
        if experiment not in shown:
            shown.add(experiment)
            _show(build_results(planned.store), experiment, console)


def _show(results: dict[str, Any], experiment: str, console: Console) -> None:
    cells = [cell for cell in results["cells"] if cell["experiment"] == experiment]
    agreement = [entry for entry in results["agreement"] if entry["experiment"] == experiment]
    show_experiment(console, cells, agreement)


def _conclude(store: Store, data_dir: str | None, console: Console, as_json: bool) -> int:
    """Write the results and the report, show what they come to, and return the exit code."""
    from experiments.harness.report import write_report

    results = build_results(store)
    store.write_results(results)
    write_report(store, results, data_dir)
    against = objections(results)
    show_summary(console, results, against)
    written = f"{store.folder / 'results.json'}, results.csv, report.html"
    console.print(Text(written), soft_wrap=True)
    if as_json:
        print((store.folder / "results.json").read_text(encoding="utf-8"), end="")
    if any(cell["status"] == "failed" and cell["missing"] for cell in results["cells"]):
        return 2
    return 1 if against else 0


def _console(as_json: bool) -> Console:
    """Return where tables go: nowhere if standard output is for JSON."""
    return Console(highlight=False, quiet=as_json, soft_wrap=False)
