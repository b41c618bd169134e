"""What `lockstep run` and `lockstep report` do, from the request to the exit code."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from experiments.harness.cli.native_tables import show_native
from experiments.harness.cli.tables import show_experiment, show_summary
from experiments.harness.execute import TIMEOUT, check_limits, rebuild, train, write
from experiments.harness.interruption import interruptible, time_limit
from experiments.harness.plan import Plan, plan
from experiments.harness.records.models import Results
from experiments.harness.records.native import check_margin
from experiments.harness.records.results import build_results, objections
from experiments.harness.records.runs import locate
from experiments.harness.records.store import Store, to_json
from experiments.harness.request import Request
from experiments.harness.workers.progress import make_progress
from experiments.registry import find_experiments
from frameworks.console import make_console
from frameworks.errors import RequestError, printable

__all__ = ["report", "run"]

_MANY = 10_000  # seeds, whose plan takes seconds


def run(
    request: Request,
    jobs: int,
    as_json: bool,
    quiet: bool = False,
    margin: float | None = None,
    timeout: float = TIMEOUT,
) -> int:
    """Train what is missing, show the results, and return the exit code.

    Quietly, only what is left out, what goes against, and the last lines are shown.
    """
    check_limits(jobs, timeout)
    console = make_console(as_json or quiet)
    with time_limit(timeout):  # a user's page, and its load(), may loop
        planned = _planned(request, console)
    check_margin(margin, (experiment.task for experiment in planned.experiments))
    with planned.store.at_work(make=True):
        missing = planned.missing()
        kept = len(planned.heads) - len(missing)
        if kept:
            console.print(Text(f"{kept} of {len(planned.heads)} trainings are in {planned.folder}"))
        known: list[Results] = []
        with (
            _told_what_is_kept(planned),
            interruptible(),
            make_progress(quiet) as progress,
            closing(train(planned, missing, jobs, timeout, progress, margin)) as finished,
        ):
            for results in finished:
                known.append(results)
                _show(results, console)
        console.print()
        results = rebuild(planned.store, request.data_dir, margin, known)
    counts = f"{len(missing)} trained, {kept} kept" if quiet else ""
    return _conclude(planned.store, results, make_console(as_json), as_json, counts)


def _planned(request: Request, console: Console) -> Plan:
    """Lay out the trainings, and say what there is to know of them."""
    if len(request.seeds) >= _MANY:
        print(f"planning the trainings of {len(request.seeds):,} seeds", file=sys.stderr)
    planned = plan(request)
    _print_notes(planned, console)
    return planned


@contextmanager
def _told_what_is_kept(planned: Plan) -> Iterator[None]:
    """Say on the way out of an interrupted training how much of it is kept."""
    try:
        yield
    except KeyboardInterrupt:
        kept = len(planned.heads) - len(planned.missing())
        line = f"\n{kept} of {len(planned.heads)} trainings are kept in {planned.folder}"
        print(line, end="", file=sys.stderr)
        raise


def report(
    run: Path,
    pages: Sequence[str],
    data_dir: str | None,
    as_json: bool,
    margin: float | None = None,
) -> int:
    """Rebuild the results of a run from its records, show them, and return the exit code.

    `pages` are the paths of users' own pages that were trained.
    """
    console, store = make_console(as_json), Store(locate(run))
    with store.at_work():
        results = _rebuilt(store, pages, data_dir, console, margin)
    return _conclude(store, results, console, as_json)


def _rebuilt(
    store: Store, pages: Sequence[str], data_dir: str | None, console: Console, margin: float | None
) -> Results:
    """Build the results again, show and write them."""
    results = build_results(store, margin)
    trained = {cell.experiment for cell in results.cells}
    for page in find_experiments(pages):
        if page.name not in trained:
            there_are = ", ".join(sorted(trained))
            raise RequestError(
                f"{page.source}: {store.folder} holds no {page.name}; it is of {there_are}"
            )
    _show(results, console)
    console.print()
    write(store, results, data_dir)
    return results


def _print_notes(planned: Plan, console: Console) -> None:
    """Say which data is used, and what is left out: the latter also where all else is quiet."""
    for reason in planned.left_out:
        line = printable(f"left out: {reason}")
        if console.quiet:
            print(line, file=sys.stderr)
        else:
            console.print(Text(line))
    for note in planned.notes:
        console.print(Text(printable(note)))


def _show(results: Results, console: Console) -> None:
    """Print the tables of each experiment."""
    for name in dict.fromkeys(cell.experiment for cell in results.cells):
        cells = [cell for cell in results.cells if cell.experiment == name]
        agreement = [entry for entry in results.agreement if entry.experiment == name]
        show_experiment(console, cells, agreement)
        for entry in results.native:
            if entry.experiment == name:
                show_native(console, entry)


def _conclude(
    store: Store, results: Results, console: Console, as_json: bool, counts: str = ""
) -> int:
    """Show what the results come to, and where they are; return the exit code."""
    against = objections(results)
    show_summary(console, results, against, counts)
    written = f"{store.folder / 'results.json'}, results.csv, report.html"
    console.print(Text(printable(written)), soft_wrap=True)
    if as_json:
        print(to_json(results).decode(), end="")
    if any(not cell.ok and cell.missing for cell in results.cells):
        return 2
    return 1 if against else 0
