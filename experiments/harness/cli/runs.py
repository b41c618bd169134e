"""``lockstep runs``: which runs are stored, and removing some of them."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from frameworks.errors import printable
from experiments.harness.records.store import RUNS
from frameworks.errors import RequestError

app = typer.Typer(invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where the runs are.")]


@app.callback()
def show(context: typer.Context, folder: Folder = RUNS, as_json: AsJson = False) -> None:
    """Show the runs that are stored, the latest first.

    For example:

    lockstep runs

    lockstep runs rm float64-1a2b3c4d
    """
    if context.invoked_subcommand is not None:
        return
    from experiments.harness.records.runs import describe, find_runs

    runs = [describe(path) for path in find_runs(folder)]
    if as_json:
        print(json.dumps({"schema": 1, "folder": str(folder), "runs": runs}))
    else:
        _print(folder, runs)


@app.command("rm")
def remove_command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Names, or folders.")],
    folder: Folder = RUNS,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove runs, after asking; what is not a run is refused, and nothing is removed.

    For example:

    lockstep runs rm float64-1a2b3c4d

    lockstep runs rm --yes runs/float64-1a2b3c4d runs/float32-5e6f7a8b
    """
    from experiments.harness.records.runs import files_of, remove

    found = dict.fromkeys(_locate(run, folder) for run in runs)
    for run in found:
        print(f"{printable(str(run))}: {len(files_of(run))} files", file=sys.stderr)
    if not yes:
        if not sys.stdin.isatty():
            raise RequestError("nobody is there to be asked; to remove the runs, add --yes")
        print("Remove? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return
    for run in found:
        remove(run)
        print(f"removed {printable(str(run))}")


def _locate(run: Path, folder: Path) -> Path:
    """Take a bare name for one in the folder of runs, unless it is only here."""
    inside = folder / run
    is_name = len(run.parts) == 1 and run.name not in ("", ".", "..")
    return inside if is_name and (inside.is_symlink() or inside.exists()) else run


def _print(folder: Path, runs: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from experiments.harness.cli.tables import make_console, make_table

    console = make_console()
    if not runs:
        console.print(
            Text(f"no runs in {printable(str(folder))}; `lockstep run` makes one"), soft_wrap=True
        )
        return
    table = make_table("run", "date", "ok", "failed", "missing", "dtype")
    for run in runs:
        date = run["date"].replace("T", " ")[:16]
        if run["problem"]:
            table.add_row(run["name"], date, "", "", "", "damaged")
            continue
        missing = "?" if run["missing"] is None else str(run["missing"])
        counts = (str(run["ok"]), str(run["failed"]), missing)
        table.add_row(run["name"], date, *counts, ", ".join(run["dtypes"]))
    console.print(table)
    for run in runs:
        trained = [f"{name} ({source})" for name, source in run["data"].items()]
        what = run["problem"] or ", ".join(trained)
        console.print(Text(f"{run['name']}: {what}"))
