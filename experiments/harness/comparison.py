"""Every pair of a run compared: by fixed limits in float64, by the noise floor in float32."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import Any

from experiments.harness.agreement import FLOAT64, Cell, compare
from experiments.harness.noise_floor import NoiseFloor, measure_floor

__all__ = ["compare_all"]


def compare_all(cells: Iterable[Cell], nudged: Iterable[Cell] = ()) -> list[dict[str, Any]]:
    """Compare every two finished cells that differ in nothing but the implementation.

    `nudged` are the trainings that make the noise floor; without at least two of them for an
    experiment and seed, float32 is measured there, not judged.
    """
    beside, entries = _grouped(nudged), []
    for group, alike in _grouped(cells).items():
        floor = measure_floor(beside[group])
        entries += [_compare(a, b, floor) for a, b in combinations(alike, 2)]
    return entries


def _compare(a: Cell, b: Cell, floor: NoiseFloor | None) -> dict[str, Any]:
    if a[0]["dtype"] == "float64":
        return compare(a, b, FLOAT64) | {"noise_floor": None}
    if floor is None:
        return compare(a, b, None) | {"noise_floor": None}
    return compare(a, b, floor.limits) | {"noise_floor": floor.to_json()}


def _grouped(cells: Iterable[Cell]) -> dict[tuple[str, str, int], list[Cell]]:
    """Return the finished cells by experiment, dtype and seed, in the order they come in."""
    groups: dict[tuple[str, str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        record = cell[0]
        if record["status"] == "ok":
            groups[record["experiment"], record["dtype"], record["seed"]].append(cell)
    return groups
