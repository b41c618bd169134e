"""One call of `lockstep compare`, from the two runs to the exit code."""

from pathlib import Path

from experiments.harness.cli.tables import make_console
from experiments.harness.compare.comparison import compare_runs
from experiments.harness.compare.document import render
from experiments.harness.compare.stored_run import StoredRun
from experiments.harness.compare.tables import show_comparison
from experiments.harness.records.files import write_atomically
from experiments.harness.records.store import to_json
from frameworks.errors import RequestError, printable

__all__ = ["compare"]


def compare(before: Path, after: Path, as_json: bool, html: Path | None) -> int:
    """Compare two runs, show what changed, and return 1 if something is worse."""
    if html and (html.is_dir() or not html.parent.is_dir()):
        raise RequestError(f"{html}: cannot be a file there; choose another --html")
    comparison = compare_runs(StoredRun.open(before), StoredRun.open(after))
    if html:
        write_atomically(html, render(comparison).encode())
    if as_json:
        print(to_json(comparison).decode(), end="")
    else:
        console = make_console()
        show_comparison(console, comparison)
        if html:
            console.print(printable(str(html)), soft_wrap=True)
    return 1 if comparison["verdict"] == "worse" else 0
