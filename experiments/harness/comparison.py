"""Every pair of a run compared: by fixed limits in float64, by the noise floor in float32."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import Any

from experiments.harness.agreement import FLOAT64, Cell, compare
from experiments.harness.noise_floor import NoiseFloor, measure_floor
from experiments.harness.variants import KERAS_SIGMOID

__all__ = ["compare_all"]


def compare_all(cells: Iterable[Cell], variants: Iterable[Cell] = ()) -> list[dict[str, Any]]:
    """Compare every two finished cells that differ in nothing but the implementation.

    `variants` are the trainings by which float32 is judged; without at least two nudged ones for
    an experiment and seed, float32 is measured there, not judged.
    """
    beside, entries = _grouped(variants), []
    for group, alike in _grouped(cells).items():
        controls = [cell for cell in beside[group] if cell[0]["mode"] == KERAS_SIGMOID]
        floor = measure_floor([cell for cell in beside[group] if cell[0]["mode"] != KERAS_SIGMOID])
        entries += [_compare(a, b, floor, controls) for a, b in combinations(alike, 2)]
    return entries


def _compare(a: Cell, b: Cell, floor: NoiseFloor | None, controls: list[Cell]) -> dict[str, Any]:
    if a[0]["dtype"] == "float64":
        return compare(a, b, FLOAT64) | {"noise_floor": None}
    if floor is None:
        return compare(a, b, None) | {"noise_floor": None}
    entry = compare(a, b, floor.limits)
    if entry["verdict"] == "differ":
        entry["reason"] += _explanation(a, b, floor, controls)
    return entry | {"noise_floor": floor.to_json()}


def _explanation(a: Cell, b: Cell, floor: NoiseFloor, controls: list[Cell]) -> str:
    """Say why a pair with Keras differs, if a control shows it, or return an empty string."""
    for keras in (cell for cell in (a, b) if cell[0]["implementation"] == "keras"):
        if any(compare(keras, each, floor.limits)["verdict"] == "agree" for each in controls):
            return "; the cause is TensorFlow's sigmoid: scratch with it agrees with keras"
    return ""


def _grouped(cells: Iterable[Cell]) -> dict[tuple[str, str, int], list[Cell]]:
    """Return the finished cells by experiment, dtype and seed, in the order they come in."""
    groups: dict[tuple[str, str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        record = cell[0]
        if record["status"] == "ok":
            groups[record["experiment"], record["dtype"], record["seed"]].append(cell)
    return groups
