"""The report of a run: one HTML file, built from the records; it can be rebuilt at any time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from experiments.harness.records.models import Results
from experiments.harness.records.store import Store
from frameworks.console import progress_bar
from frameworks.files import write_atomically

__all__ = ["write_report"]


def write_report(store: Store, results: Results, data_dir: str | None) -> None:
    """Write report.html into the run's folder, with progress on a terminal."""
    with _without("MPLBACKEND"):  # matplotlib loads none that it does not know
        from experiments.harness.report.document import render

    with progress_bar() as advance:
        html = render(results, store, data_dir, advance)
    store.check_held()  # drawing takes a while
    write_atomically(store.folder / "report.html", html.encode(errors="backslashreplace"))


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Hide a variable of the environment."""
    kept = os.environ.pop(name, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[name] = kept
