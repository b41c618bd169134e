"""What `lockstep run` and `lockstep report` do, from the request to the exit code."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from datasets import Policy
from experiments.harness.cell import Cell
from experiments.harness.cli.data_lines import data_lines
from experiments.harness.cli.native_tables import show_native
from experiments.harness.cli.tables import in_a_sentence, show_experiment, show_summary, show_sweep
from experiments.harness.execute import TIMEOUT, check_limits, rebuild, train, write
from experiments.harness.interruption import interruptible, time_limit
from experiments.harness.outcomes import Outcome
from experiments.harness.outcomes.announcing import Announcer
from experiments.harness.plan import Plan, plan
from experiments.harness.records.models import Head, Results
from experiments.harness.records.native import check_margin
from experiments.harness.records.results import build_results, judged, verdict_on
from experiments.harness.records.runs import locate
from experiments.harness.records.store import Store, to_json
from experiments.harness.request import Request
from experiments.harness.workers.cluster.admission import Cluster, joined
from experiments.harness.workers.progress import make_progress
from experiments.registry import find_experiments
from frameworks.console import counted, make_console
from frameworks.errors import RequestError, printable

__all__ = ["Manner", "report", "run"]

_MANY = 10_000  # seeds, whose plan takes seconds


class Manner(NamedTuple):
    """How a run is carried out and shown, whatever is trained."""

    jobs: int = 1  # trainings at once
    as_json: bool = False
    quiet: bool = False  # only what is left out, what goes against, and the last lines are shown
    margin: float | None = None
    timeout: float = TIMEOUT
    dask: str | None = None  # the address of a cluster that trains
    send_pages: bool = False  # a user's own page may travel there


def run(request: Request, manner: Manner, announcer: Announcer) -> int:
    """Train what is missing, show the results, and return the exit code."""
    results, counts, store = _run(request, manner)
    code = announcer.announce(_outcome(announcer.command, results, counts))
    _conclude(store, results, make_console(manner.as_json), manner.as_json, counts)
    return code


def _run(request: Request, manner: Manner) -> tuple[Results, str, Store]:
    """Return the results, how much of them was trained just now, and where they are."""
    jobs, as_json, quiet, margin, timeout, dask, send_pages = manner
    check_limits(jobs, timeout)
    console = make_console(as_json or quiet)
    with joined(dask, request, send_pages) as cluster:
        with time_limit(timeout):  # a user's page, and its load(), may loop
            planned = _planned(request, console, cluster)
        check_margin(margin, (experiment.task for experiment in planned.experiments))
        with planned.store.at_work(make=True):
            missing = planned.missing()
            asked_for = _asked_for(planned.heads)
            kept = asked_for - _asked_for(missing)
            if kept:
                line = f"{_kept(planned, kept)} in {planned.folder}"
                console.print(Text(line))
            known: list[Results] = []
            with (
                _told_what_is_kept(planned),
                interruptible(),
                make_progress(quiet) as progress,
                closing(
                    train(planned, missing, jobs, timeout, progress, margin, cluster)
                ) as finished,
            ):
                for results in finished:
                    known.append(results)
                    _show(results, console)
            console.print()
            results = rebuild(planned.store, request.data_dir, known)
    counts = f"{asked_for - kept} trained, {kept} kept" if quiet else ""
    return results, counts, planned.store


def _asked_for(heads: Mapping[Cell, Head]) -> int:
    """Count the trainings but those that judge others."""
    return sum(not head.is_judge for head in heads.values())


def _kept(planned: Plan, kept: int) -> str:
    """Say how many trainings are there already: "2 of 3 trainings are"."""
    count = _asked_for(planned.heads)
    return f"{kept:,} of {counted(count, 'training')} {'is' if count == 1 else 'are'}"


def _planned(request: Request, console: Console, cluster: Cluster | None) -> Plan:
    """Lay out the trainings, and say what there is to know of them."""
    if len(request.seeds) >= _MANY:
        print(f"planning the trainings of {len(request.seeds):,} seeds", file=sys.stderr)
    planned = plan(request, cluster.surroundings if cluster else None)
    if cluster:
        planned.notes.extend(cluster.notes)
        planned.left_out.extend(cluster.left_out)
    _print_notes(planned, request.policy, console)
    return planned


@contextmanager
def _told_what_is_kept(planned: Plan) -> Iterator[None]:
    """Say on the way out of an interrupted training how much of it is kept."""
    try:
        yield
    except KeyboardInterrupt:
        kept = _asked_for(planned.heads) - _asked_for(planned.missing())
        line = f"\n{_kept(planned, kept)} kept in {planned.folder}"
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
    _conclude(store, results, console, as_json)
    return _outcome("lockstep report", results).exit_code


def _rebuilt(
    store: Store, pages: Sequence[str], data_dir: str | None, console: Console, margin: float | None
) -> Results:
    """Build the results again, show and write them."""
    results = build_results(store, margin)
    if margin is not None and not results.native:
        raise RequestError(
            f"--margin is that of the means of native runs, and {store.folder} holds none"
        )
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


def _print_notes(planned: Plan, policy: Policy, console: Console) -> None:
    """Say which data is used, and what is left out: the latter also where all else is quiet."""
    for reason in planned.left_out:
        line = printable(f"left out: {reason}")
        if console.quiet:
            print(line, file=sys.stderr)
        else:
            console.print(Text(line))
    for note in [*data_lines(planned.data, policy, console.width), *planned.notes]:
        console.print(Text(printable(note)))


def _show(results: Results, console: Console) -> None:
    """Print the tables of each experiment."""
    for name in dict.fromkeys(cell.experiment for cell in results.cells):
        part = {
            kind: [entry for entry in getattr(results, kind) if entry.experiment == name]
            for kind in ("cells", "agreement", "native")
        }
        mine = results.model_copy(update=part)
        if len({cell.label for cell in mine.cells}) > 1:
            show_sweep(console, mine)
            continue
        show_experiment(console, mine.cells, mine.agreement)
        for entry in mine.native:
            show_native(console, entry)


def _outcome(command: str, results: Results, counts: str = "") -> Outcome:
    """Return what a run came to, from which the exit code and all the rest follow."""
    return Outcome(command, verdict_on(results), judged(results), in_a_sentence(results, counts))


def _conclude(
    store: Store, results: Results, console: Console, as_json: bool, counts: str = ""
) -> None:
    """Show what the results come to, and where they are."""
    show_summary(console, results, results.against, counts)
    report = store.folder / "report.html"
    written = f"report: {report}; beside it results.json, results.csv, trainings.csv"
    console.print(Text(printable(written)), soft_wrap=True)
    if as_json:
        print(to_json(results).decode(), end="")
