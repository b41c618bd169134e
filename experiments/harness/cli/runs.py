"""``lockstep runs``: which runs are stored, and removing some of them."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.harness.cli.options import AsJson
from experiments.harness.records import RUNS
from frameworks.errors import RequestError, printable

if TYPE_CHECKING:
    from experiments.harness.records.runs import RunSummary

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)

Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where the runs are.")]


@app.callback()
def show(context: typer.Context, folder: Folder = RUNS, as_json: AsJson = False) -> None:
    """Show the runs that are stored, the latest first.

    For example:

    lockstep runs

    lockstep runs rm float64-1a2b3c4d
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise RequestError("--json applies to the list; `lockstep runs rm` prints no JSON")
        context.obj = folder
        return
    from experiments.harness.records.runs import describe, find_runs

    runs = [describe(path) for path in find_runs(folder)]
    if as_json:
        listed = [asdict(run) for run in runs]
        print(json.dumps({"schema": 1, "folder": str(folder), "runs": listed}))
    else:
        _print(folder, runs)


@app.command("rm")
def remove_command(
    context: typer.Context,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Names or folders of runs.")],
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where the runs are.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove runs, after asking; if one of them is not a run, none is removed.

    For example:

    lockstep runs rm float64-1a2b3c4d

    lockstep runs rm --yes runs/float64-1a2b3c4d runs/float32-5e6f7a8b
    """
    from experiments.harness.records.own_files import files_of
    from experiments.harness.records.runs import locate, remove

    folder = context.obj if folder is None else folder  # it may stand before `rm`, too
    named = (locate(run, folder) for run in runs)
    found = {run if run.is_symlink() else run.resolve(): run for run in named}.values()
    for run in found:
        print(f"{printable(str(run))}: {len(files_of(run))} files", file=sys.stderr)
    if not yes:
        if not sys.stdin.isatty():
            raise RequestError("cannot ask without a terminal; to remove the runs, add --yes")
        print("Remove? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return
    for run in found:
        remove(run)
        print(f"removed {printable(str(run))}")


def _print(folder: Path, runs: "list[RunSummary]") -> None:
    from rich.text import Text

    from frameworks.console import make_console, make_table

    console = make_console()
    if not runs:
        line = f"no runs in {printable(str(folder))}; `lockstep run` makes one"
        console.print(Text(line), soft_wrap=True)
        return
    table = make_table("run", "date", "ok", "failed", "missing", "dtype")
    for run in runs:
        date = run.date.replace("T", " ")[:16]
        if run.problem:
            table.add_row(printable(run.name), date, "", "", "", "damaged")
            continue
        missing = "?" if run.missing is None else str(run.missing)
        counts = str(run.ok), str(run.failed), missing
        table.add_row(printable(run.name), date, *counts, ", ".join(run.dtypes))
    console.print(table)
    for run in runs:
        trained = ", ".join(f"{name} ({source})" for name, source in run.data.items())
        if said := run.problem or trained:
            console.print(Text(f"{printable(run.name)}: {said}"))
