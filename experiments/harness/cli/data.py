"""``lockstep data``: what data is there, from where, and with which checksum."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from datasets import DataError, FileStatus, fetch, status, verify
from datasets.cache import mirrors
from datasets.folders import cache_folder, named_folder
from datasets.inventory import RECIPES
from experiments.harness.cli.options import AsJson, DataDir
from frameworks.errors import printable

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def show(context: typer.Context, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show which data is available, its source and its checksum.

    For example:

    lockstep data

    lockstep data --data-dir ~/data --json

    lockstep data fetch
    """
    if context.invoked_subcommand is None:
        _print(status(data_dir), named_folder(data_dir), as_json)


@app.command("fetch")
def fetch_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="mnist|churn", help="Default: both."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download MNIST and churn into the cache, where only what has been verified is kept.

    LOCKSTEP_MIRROR names a server of your own, which is asked first.

    For example:

    lockstep data fetch

    lockstep data fetch churn

    LOCKSTEP_MIRROR=http://files.example/data lockstep data fetch churn
    """
    from frameworks.console import progress_bar

    with progress_bar() as advance:

        def show_progress(url: str, received: int, expected: int | None) -> None:
            advance(url.rsplit("/", 1)[-1], received, expected)

        rows = fetch(names or (), show_progress)
    _print(rows, None, as_json)


@app.command("verify")
def verify_command(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check every file that is there; exit code 2 if one of them is damaged.

    For example:

    lockstep data verify --data-dir ~/data
    """
    rows = verify(data_dir)
    _print(rows, named_folder(data_dir), as_json)
    damage = [row.problem for row in rows if row.state == "damaged"]
    if damage:
        raise DataError("\n".join([f"{len(damage)} damaged", *damage]))


def _print(rows: list[FileStatus], folder: Path | None, as_json: bool) -> None:
    if as_json:
        files = [asdict(row) for row in rows]
        places = {"folder": folder, "cache": cache_folder()}
        print(json.dumps({"schema": 1, **places, "files": files}, default=str, indent=2))
    else:
        _print_table(rows, str(folder or "none named (--data-dir or LOCKSTEP_DATA)"))


def _print_table(rows: list[FileStatus], folder: str) -> None:
    """One line a file, 80 columns wide; below it, how to get what is missing everywhere."""
    from frameworks.console import make_console, make_table

    table = make_table("file", "where", "bytes", "sha256", "state")
    for column in table.columns:
        column.no_wrap = True
    for row in rows:
        size = "" if row.bytes is None else f"{row.bytes:,}"
        table.add_row(row.file, row.where, size, (row.sha256 or "")[:12], row.state)
    console = make_console()
    places = printable(f"folder  {folder}\ncache   {cache_folder()}\n")
    console.print(places, soft_wrap=True)
    console.print(table if rows else "no files")
    present = {row.dataset for row in rows if row.state != "missing"}
    for recipe in RECIPES:
        if any(row.dataset == recipe.name for row in rows) and recipe.name not in present:
            command = f"lockstep data fetch {recipe.name}"
            hint = f"Run `{command}`." if mirrors(recipe) else recipe.remedy
            console.print(f"{recipe.name}: {hint}")
