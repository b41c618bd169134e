"""The last results of each experiment, from the runs that are stored; loads JSON and no more."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.harness.records.models import read_results
from frameworks.errors import RequestError

__all__ = ["describe_last", "last_results"]


def last_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Return for each experiment what the newest run says that holds it.

    A run that was not finished has no results.json yet, and is passed over, as a damaged one is.
    """
    found: dict[str, dict[str, Any]] = {}
    paths = folder.glob("*/results.json")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True):
        if _experiments(path.parent) <= found.keys():
            continue  # nothing in it that a newer run has not: spare reading it
        try:
            results = read_results(path)
            summaries = {
                name: _summary(path, results, name)
                for name in {cell["experiment"] for cell in results["cells"]}
            }
        except (OSError, RequestError):
            continue
        found = summaries | found
    return found


def describe_last(last: dict[str, Any]) -> str:
    """Return a summary in words.

    >>> describe_last({"date": "2026-01-31", "source": "real", "epochs": 50, "agree": 1,
    ...                "pairs": 1, "accuracy": {"scratch": [0.84], "keras": [0.84, 0.86]}})
    '2026-01-31, real data, 50 epochs: test accuracy 0.8400..0.8600, 1 of 1 pairs agree'
    """
    accuracies = sorted(value for values in last["accuracy"].values() for value in values)
    ends = dict.fromkeys(f"{value:.4f}" for value in (*accuracies[:1], *accuracies[-1:]))
    reached = f"test accuracy {'..'.join(ends)}" if ends else "every training failed"
    pairs = f", {last['agree']} of {last['pairs']} pairs agree" if last["pairs"] else ""
    epochs = f"{last['epochs']} epoch{'s' if last['epochs'] > 1 else ''}"
    data = "stand-in" if last["source"] == "stand-in" else f"{last['source']} data"
    return f"{last['date']}, {data}, {epochs}: {reached}{pairs}"


def _experiments(run: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in (run / "cells").glob("*.json")}


def _summary(path: Path, results: dict[str, Any], experiment: str) -> dict[str, Any]:
    cells = [cell for cell in results["cells"] if cell["experiment"] == experiment]
    verdicts = [
        entry["verdict"]
        for entry in results["agreement"]
        if entry["experiment"] == experiment and entry["verdict"]
    ]
    accuracy: dict[str, list[float]] = {}
    for cell in cells:
        if cell["status"] == "ok":
            accuracy.setdefault(cell["implementation"], []).append(cell["test"]["accuracy"])
    return {
        "run": str(path.parent),
        "date": datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat(),
        "source": cells[0]["data"]["source"],
        "epochs": cells[0]["epochs"],
        "accuracy": accuracy,
        "agree": verdicts.count("agree"),
        "pairs": len(verdicts),
    }
