"""The tables of a native run: the distribution of the accuracies, and their equivalence."""

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.harness.tables import make_table

__all__ = ["show_native"]

_BINS = 10  # of the training loss
_STYLES = {"equivalent": "green", "different": "red", "not shown": ""}


def show_native(console: Console, entry: dict[str, Any]) -> None:
    """Print an entry of "native": the accuracies' quantiles, the losses, and the tests."""
    console.print(_quantiles(entry["accuracies"]))
    console.print(_histogram(entry["losses"]))
    if entry["pairs"]:
        console.print(_tests(entry))


def _quantiles(accuracies: dict[str, list[float]]) -> Table:
    table = make_table("test accuracy", "seeds", "mean", "least", "25 %", "50 %", "75 %", "most")
    for name, values in accuracies.items():
        numbers = [np.mean(values), *np.quantile(values, [0, 0.25, 0.5, 0.75, 1])]
        table.add_row(name, str(len(values)), *(f"{number:.4f}" for number in numbers))
    return table


def _histogram(losses: dict[str, list[float | None]]) -> Table:
    """Count the seeds by the training loss of the last epoch; bins without any are left out."""
    finite = {name: [x for x in values if x is not None] for name, values in losses.items()}
    edges = np.histogram_bin_edges(np.concatenate([*finite.values(), []]), _BINS)
    counts = {name: np.histogram(values, edges)[0] for name, values in finite.items()}
    table = make_table("training loss, seeds of", *counts)
    for i, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
        row = [int(count[i]) for count in counts.values()]
        if any(row):
            table.add_row(f"{low:.4f} .. {high:.4f}", *map(str, row))
    return table


def _tests(entry: dict[str, Any]) -> Table:
    table = make_table(
        "accuracies", "difference", "SE, paired", "90 % interval", f"± {entry['margin']:g}"
    )
    for pair in entry["pairs"]:
        low, high = pair["interval"]
        paired = pair["paired_standard_error"]
        table.add_row(
            " - ".join(pair["pair"]),
            f"{pair['difference']:+.4f}",
            f"{pair['standard_error']:.4f}, " + ("-" if paired is None else f"{paired:.4f}"),
            f"{low:+.4f} .. {high:+.4f}",
            Text(pair["verdict"], style=_STYLES[pair["verdict"]]),
        )
    return table
