"""From the records of a run to its results: everything here can be rebuilt at any time."""

from typing import Any

from experiments.certified.score import score
from experiments.harness.agreement import Cell
from experiments.harness.comparison import compare_all
from experiments.harness.implementations import IMPLEMENTATIONS
from experiments.harness.native import MARGIN, compare_native, different
from experiments.harness.store import SCHEMA, Store
from experiments.registry import EXPERIMENTS

__all__ = ["DIGITS", "accepted", "build_results", "certified_digits", "objections"]

DIGITS = 12  # of every certified loss that a float64 training has to have right


def build_results(store: Store, margin: float = MARGIN) -> dict[str, Any]:
    """Compare the cells of a run; return what results.json holds.

    `margin` is that of native runs (see `native`).
    """
    records = [cell | {"certified": score(cell)} for cell in sorted(store.records(), key=_order)]
    native = [record for record in records if record["mode"] == "native"]
    lockstep = [record for record in records if record["mode"] == "lockstep"]
    return {
        "schema": SCHEMA,
        "environment": records[0]["environment"],
        "cells": records,
        "agreement": compare_all(
            _with_arrays(store, lockstep), _with_arrays(store, store.variants())
        ),
        "native": compare_native(native, margin),
    }


def objections(results: dict[str, Any]) -> list[str]:
    """Return, a line each, all that went against.

    That is failure, an accuracy out of its band, too few certified digits, and disagreement.
    """
    lines = []
    for cell in results["cells"]:
        name = f"{cell['experiment']}, {cell['implementation']}, seed {cell['seed']}"
        if cell["status"] == "failed":
            lines.append(f"{name}: failed: {cell['error']}")
        elif accepted(cell) is False:
            low, high = cell["acceptance"]
            accuracy = cell["test"]["accuracy"]
            lines.append(f"{name}: test accuracy {accuracy:.4f}, expected {low} to {high}")
        digits, where = certified_digits(cell) or (DIGITS, "")
        if digits < DIGITS:
            lines.append(f"{name}: {where}: {digits:.2f} certified digits, expected {DIGITS}")
    for entry in results["agreement"]:
        if entry["verdict"] == "differ":
            pair = " and ".join(entry["pair"])
            lines.append(f"{entry['experiment']}, {pair}, seed {entry['seed']}: {entry['reason']}")
    return lines + [line for entry in results["native"] for line in different(entry)]


def accepted(cell: dict[str, Any]) -> bool | None:
    """Say whether a cell's test accuracy is in its acceptance band; None where it has none."""
    if cell["acceptance"] is None:
        return None
    low, high = cell["acceptance"]
    return low <= cell["test"]["accuracy"] <= high


def certified_digits(cell: dict[str, Any]) -> tuple[float, str] | None:
    """Return the fewest digits of a certified loss that a cell has right, and of which loss."""
    if (certified := cell.get("certified")) is None:
        return None
    scores = [(certified["worst_lre"], f"epoch {certified['worst_epoch']}")]
    if certified["test_lre"] is not None:
        scores.append((certified["test_lre"], "test loss"))
    return min(scores)


def _with_arrays(store: Store, records: list[dict[str, Any]]) -> list[Cell]:
    """Return the finished cells."""
    return [(r, store.arrays_of(r)) for r in records if r["status"] == "ok"]


def _order(record: dict[str, Any]) -> tuple[Any, ...]:
    """Order as the lists of experiments and implementations do; unknown names come last."""

    def position(name: str, known: Any) -> tuple[int, str]:
        return ([*known].index(name) if name in known else len(known), name)

    return (
        position(record["experiment"], EXPERIMENTS),
        record["dtype"],
        record["seed"],
        position(record["implementation"], IMPLEMENTATIONS),
    )
