"""How the seconds of two runs compare: a ratio for each training, and their band."""

from collections import defaultdict
from statistics import median
from typing import Any

__all__ = ["FEWEST", "compare_times"]

FEWEST = (
    6  # trainings: that so many are all slower has chance 2 / 2**6 = 3 %, if time did not change
)


def compare_times(trainings: list[dict[str, Any]], same_machine: bool) -> list[dict[str, Any]]:
    """Return for each implementation the ratios of its seconds, after / before, and a verdict.

    "slower" or "faster" where at least FEWEST trainings are, every one of them, on the same
    processor with the same threads; with as many and some of each, "unchanged"; otherwise None.
    """
    ratios: dict[str, list[float]] = defaultdict(list)
    for training in trainings:
        ratios[training["implementation"]].append(training["seconds"]["ratio"])
    return [
        {
            "implementation": name,
            "trainings": len(mine),
            "median": median(mine),
            "lowest": min(mine),
            "highest": max(mine),
            "verdict": _judge(mine) if same_machine and len(mine) >= FEWEST else None,
        }
        for name, mine in ratios.items()
    ]


def _judge(ratios: list[float]) -> str:
    if min(ratios) > 1:
        return "slower"
    return "faster" if max(ratios) < 1 else "unchanged"
