"""``lockstep report``: everything that is built from a run's records, built again."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.harness.cli.options import AsJson, DataDir, Margin

__all__ = ["report"]


def report(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's folder, or its name in runs/.")
    ],
    page: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PAGE",
            help="The page of your own that was trained (my_page.py); its code is executed.",
        ),
    ] = None,
    data_dir: DataDir = None,
    margin: Margin = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild a run's tables, results.json, results.csv and report.html from its records.

    The report shows some of the data, where it is still there. A run names the pages that it is of
    and executes none of them: where one is not of the suite, --page says where it is.

    For example:

    lockstep report runs/float64-1a2b3c4d

    lockstep report float64-1a2b3c4d --data-dir ~/data

    lockstep report float64-1a2b3c4d --page ./my_page.py
    """
    from experiments.harness.cli import session

    raise typer.Exit(session.report(run, page or [], data_dir, as_json, margin))
