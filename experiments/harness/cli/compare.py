"""``lockstep compare``: what changed between two runs, with an exit code for a maintainer's CI."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.harness.cli.options import AsJson, Junit
from frameworks.errors import RequestError, printable

if TYPE_CHECKING:
    from experiments.harness.outcomes.announcing import Announcer

__all__ = ["compare"]


def compare(
    run_a: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_A",
            help="The run before: a name, a folder, a results.json, or a baseline.",
        ),
    ],
    run_b: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN_B]", help="The run after, likewise; of a baseline, the last asked for."
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A stored results.json or baseline; RUN_A is then the run after."
        ),
    ] = None,
    as_json: AsJson = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write it as an HTML file.")
    ] = None,
    junit: Junit = None,
) -> None:
    """Show what changed between two runs, and whether it is for the worse.

    Trainings of the same experiment, implementation, dtype and seed are compared, if their data,
    specs and draws are equal; others are listed, not compared.

    Worse: it failed; it is not there, though a baseline holds it or the later run was asked for it;
    a loss is not finite; the test accuracy fell by more than chance explains (McNemar's exact test
    on the rows lost and gained, 5 % over all trainings); the test accuracy, or the first figure of
    another task, such as the RMSE of a regression, left its band; its certified digits fell below
    12; or a pair that agreed now differs. Better: the same, the other way round. Changed: a loss, a
    weight, an output or a prediction is further off than two implementations may be. Float32
    without a measured noise floor is not judged. Times are shown, and never decide.

    Exit code 1: something is worse; 2: nothing can be compared.

    For example:

    lockstep compare float64-1a2b3c4d float64-5e6f7a8b

    lockstep compare runs/after --baseline results-2026.json --html comparison.html

    lockstep compare baseline.json runs/after --junit comparison.xml
    """
    before, after = (run_a, run_b) if baseline is None else (baseline, run_a)
    from experiments.harness.compare.baseline import is_baseline
    from experiments.harness.outcomes.announcing import announcing

    if (after is None and not is_baseline(before)) or (baseline is not None and run_b is not None):
        raise typer.BadParameter("name two runs, or one run and a --baseline", param_hint="RUN_B")
    with announcing("lockstep compare", junit, as_json) as announcer:
        code = _compare(before, after or _newest(before), as_json, html, announcer)
    raise typer.Exit(code)


def _newest(baseline: Path) -> Path:
    """Return the run last asked for, where there is but a baseline to hold against it."""
    from experiments.harness.records import RUNS
    from experiments.harness.records.runs import find_runs

    if not (found := find_runs(RUNS)):
        raise RequestError(f"{baseline}: there is no run in {RUNS} to hold against it")
    return found[0]


def _compare(
    before: Path, after: Path, as_json: bool, html: Path | None, announcer: "Announcer"
) -> int:
    """Compare two runs, show what changed, and return the exit code."""
    from experiments.harness.compare.comparison import compare_runs
    from experiments.harness.compare.judged import outcome_of
    from experiments.harness.compare.stored_run import StoredRun
    from experiments.harness.compare.views import check_html, render, show_comparison
    from experiments.harness.records.runs import locate
    from experiments.harness.records.store import to_json
    from frameworks.console import make_console
    from frameworks.files import write_atomically

    if html:
        check_html(html)
    comparison = compare_runs(StoredRun.open(locate(before)), StoredRun.open(locate(after)))
    if html:
        write_atomically(html, render(comparison))
    code = announcer.announce(outcome_of(comparison))
    if as_json:
        print(to_json(comparison).decode(), end="")
    else:
        console = make_console()
        show_comparison(console, comparison)
        if html:
            console.print(printable(str(html)), soft_wrap=True)
    return code
