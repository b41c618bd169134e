"""``lockstep baseline save``: what a later run is held against, in one small file."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def baselines() -> None:
    """Store what a later run is held against, in one small file for a repository.

    For example:

    lockstep baseline save float64-1a2b3c4d

    lockstep compare baseline.json runs/after
    """


@app.command("save")
def save(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's folder, or its name in runs/.")
    ],
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path(
        "baseline.json"
    ),
) -> None:
    """Store the figures of a run that a verdict depends on; an older baseline is replaced.

    That is, of each training: which it is, its losses in a few epochs, the figures on the test
    rows, the digests of what was drawn and of what came out; and which pairs agreed. No weights and
    no predictions, so that the file is small, and its changes can be reviewed.

    For example:

    lockstep baseline save float64-1a2b3c4d baseline.json
    """
    from experiments.harness.compare.baseline import write_baseline
    from experiments.harness.records.results import build_results
    from experiments.harness.records.runs import locate
    from experiments.harness.records.store import Store
    from frameworks.errors import RequestError, printable

    store = Store(locate(run))
    # Nobody is at work in a folder that cannot be written to, such as a run that is kept for good.
    with store.at_work() if os.access(store.folder, os.W_OK) else nullcontext():
        results = build_results(store)
        if results.mixed:
            raise RequestError(
                f"{store.folder}: {results.mixed[0]}; keep each in a folder of its own"
            )
        size = write_baseline(results, file)
    missing = len(results.missing)
    lacking = f"; {missing:,} {'is' if missing == 1 else 'are'} missing" if missing else ""
    print(printable(f"{file}: {len(results.cells):,} trainings, {size:,} bytes{lacking}"))
