"""The tables of a native run: the distribution of the accuracies, and their equivalence."""

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.harness.records.models import NativeEntry
from frameworks.console import make_table

__all__ = ["show_native"]

_BINS = 10  # of the training loss
_STYLES = {"equivalent": "green", "different": "red", "not shown": ""}


def show_native(console: Console, entry: NativeEntry) -> None:
    """Print an entry of "native": the accuracies' quantiles, the losses, and the tests."""
    console.print(_quantiles(entry))
    console.print(_histogram(entry.losses))
    if entry.pairs:
        console.print(_tests(entry))
    elif entry.margin is None:
        console.print(f"not tested: a margin of the {entry.metric} has a unit; set it by --margin")


def _quantiles(entry: NativeEntry) -> Table:
    title = f"test {entry.metric}"
    table = make_table(title, "seeds", "mean", "least", "25 %", "50 %", "75 %", "most")
    for name, figures in entry.accuracies.items():
        values = [np.nan if value is None else value for value in figures]
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


def _tests(entry: NativeEntry) -> Table:
    table = make_table(
        entry.metric, "difference", "SE, paired", "90 % interval", f"± {entry.margin:g}"
    )
    for pair in entry.pairs:
        low, high = (np.nan if x is None else x for x in pair.interval)
        errors = [pair.standard_error, pair.paired_standard_error]
        table.add_row(
            " - ".join(pair.pair),
            "nan" if pair.difference is None else f"{pair.difference:+.4f}",
            ", ".join("-" if error is None else f"{error:.4f}" for error in errors),
            f"{low:+.4f} .. {high:+.4f}",
            Text(pair.verdict, style=_STYLES[pair.verdict]),
        )
    return table
