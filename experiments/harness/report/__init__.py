"""The report of a run: one HTML file, built from the records; it can be rebuilt at any time."""

from experiments.harness.records.models import Results
from experiments.harness.records.store import Store
from frameworks.console import progress_bar
from frameworks.files import write_atomically

__all__ = ["write_report"]


def write_report(store: Store, results: Results, data_dir: str | None) -> None:
    """Write report.html into the run's folder, with progress on a terminal."""
    from experiments.harness.report.document import render

    with progress_bar() as advance:
        html = render(results, store, data_dir, advance)
    write_atomically(store.folder / "report.html", html.encode())
