"""The report of a run: one HTML file, built from the records; it can be rebuilt at any time."""

from collections.abc import Iterable
from typing import Any

from experiments.harness.records.store import Store
from frameworks.files import write_atomically

__all__ = ["write_report"]


def write_report(store: Store, results: dict[str, Any], data_dir: str | None) -> None:
    """Write report.html into the run's folder, with progress on a terminal."""
    from experiments.harness.report.document import render

    html = render(results, store, data_dir, _watched)
    write_atomically(store.folder / "report.html", html.encode())


def _watched(experiments: list[Any]) -> Iterable[Any]:
    """Yield the experiments, and show on a terminal which one is being drawn."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bars:
        bar = bars.add_task("report.html", total=len(experiments))
        for experiment in experiments:
            bars.update(bar, description=f"report.html: {experiment.name}")
            yield experiment
            bars.advance(bar)
