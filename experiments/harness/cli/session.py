"""One call of `lockstep run` or `lockstep report`, from the request to the exit code."""

import sys
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.text import Text

from experiments.harness.cli.native_tables import show_native
from experiments.harness.cli.tables import show_experiment, show_summary
from experiments.harness.execute import TIMEOUT, Heads, rebuild, train
from experiments.harness.interruption import interruptible
from experiments.harness.plan import Plan, Request, plan
from experiments.harness.records.models import Results
from experiments.harness.records.native import MARGIN, check_margin
from experiments.harness.records.results import build_results, objections
from experiments.harness.records.store import Store
from experiments.harness.workers.progress import make_progress
from frameworks.console import make_console
from frameworks.errors import printable

__all__ = ["report", "run"]

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
    for note in planned.notes:
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


def report(folder: Path, data_dir: str | None, as_json: bool, margin: float = MARGIN) -> int:
    """Rebuild the results of a run from its records, show them, and return the exit code."""
    check_margin(margin)
    console, store = make_console(as_json), Store(folder)
    results = build_results(store, margin)
    for experiment in dict.fromkeys(cell.experiment for cell in results.cells):
        _show(results, experiment, console)
    console.print()
    return _conclude(store, data_dir, console, as_json, margin)


def _show_finished(
    planned: Plan, missing: Heads, shown: set[str], console: Console, margin: float
) -> None:
    """Show each experiment, in order, as soon as no cell of it or of those before is missing."""
    unfinished = {cell.experiment for cell in missing}
    for experiment in planned.experiments:
        if experiment.name in unfinished:
            return
        if experiment.name not in shown:
            shown.add(experiment.name)
            results = build_results(planned.store, margin, experiment.name)
            _show(results, experiment.name, console)


def _show(results: Results, experiment: str, console: Console) -> None:
    cells = [cell for cell in results.cells if cell.experiment == experiment]
    agreement = [entry for entry in results.agreement if entry.experiment == experiment]
    show_experiment(console, cells, agreement)
    for entry in results.native:
        if entry.experiment == experiment:
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
    if any(not cell.ok and cell.missing for cell in results.cells):
        return 2
    return 1 if against else 0
