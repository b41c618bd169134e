"""Native runs: how the test accuracies of frameworks compare that were left to their defaults."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations, groupby
from typing import Any

from experiments.harness.equivalence import compare_means
from experiments.harness.errors import RequestError

__all__ = ["MARGIN", "check_margin", "compare_native", "different"]

MARGIN = 0.01  # of the test accuracy: one percentage point


def check_margin(margin: float) -> None:
    """Raise RequestError for a margin between accuracies that cannot be one."""
    if not 0 < margin < 1:
        raise RequestError(f"--margin must be above 0 and below 1, such as {MARGIN}; got {margin}")


def compare_native(cells: list[dict[str, Any]], margin: float = MARGIN) -> list[dict[str, Any]]:
    """Compare the implementations on each experiment; the result is "native" in results.json.

    `cells` are records of native trainings, ordered by experiment and dtype.
    """
    groups = groupby(cells, lambda cell: (cell["experiment"], cell["dtype"]))
    return [_compare(list(group), margin) for _, group in groups]


def different(entry: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each pair whose accuracies are shown to be beyond the margin."""
    for pair in entry["pairs"]:
        if pair["verdict"] == "different":
            names = " and ".join(pair["pair"])
            yield (
                f"{entry['experiment']}, {names}, native: the accuracies differ by "
                f"{abs(pair['difference']):.4f}, margin {entry['margin']:g}"
            )


def _compare(cells: list[dict[str, Any]], margin: float) -> dict[str, Any]:
    first, done = cells[0], [cell for cell in cells if cell["status"] == "ok"]
    runs: dict[str, list[dict[str, Any]]] = {}
    for cell in done:
        runs.setdefault(cell["implementation"], []).append(cell)
    return {
        "experiment": first["experiment"],
        "dtype": first["dtype"],
        "data": first["data"],
        "epochs": first["epochs"],
        "margin": margin,
        "seeds": {name: [cell["seed"] for cell in mine] for name, mine in runs.items()},
        "accuracies": {name: [c["test"]["accuracy"] for c in mine] for name, mine in runs.items()},
        "losses": {name: [c["history"]["loss"][-1] for c in mine] for name, mine in runs.items()},
        "pairs": list(_pairs(runs, margin)),
    }


def _pairs(runs: dict[str, list[dict[str, Any]]], margin: float) -> Iterator[dict[str, Any]]:
    """Test every two implementations that have two seeds or more."""
    for a, b in combinations(runs, 2):
        if min(len(runs[a]), len(runs[b])) < 2:
            continue
        x, y = ([cell["test"]["accuracy"] for cell in runs[name]] for name in (a, b))
        yield {"pair": [a, b], **asdict(compare_means(x, y, margin))}
