"""The test rows that are predicted differently, and whether more were lost than chance explains."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Flips", "chance", "count_flips"]

Record = dict[str, Any]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Flips:
    """Counts of test rows; None where what was stored does not tell."""

    n: int | None  # predicted differently
    lost: int | None  # right before, wrong after
    gained: int | None  # wrong before, right after
    other: int | None  # wrong in another way
    chance: float  # see `chance`, of `lost` and `gained`, or of the most that they can be


def chance(lost: int, gained: int) -> float:
    """Return how likely a difference as large as this is if rows are lost and gained alike.

    p = min(1, 2 P[B ≤ min(lost, gained)]), B ~ Binomial(lost + gained, ½): the exact test of
    McNemar, Psychometrika 12, 1947, two-sided. Rows that stay right, or wrong, do not count.

    >>> chance(5, 5), chance(10, 0) == 2 / 2**10, chance(0, 0)
    (1.0, True, 1.0)
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(lost, gained), lost + gained, 0.5)))


def count_flips(before: Record, after: Record, arrays: tuple[Arrays, Arrays] | None) -> Flips:
    """Compare the predictions of two finished trainings on the same test rows."""
    if before["digests"]["predictions"] == after["digests"]["predictions"]:
        return Flips(0, 0, 0, 0, 1.0)
    if arrays is None:
        return _bounded(before, after, None)
    old, new = (each["predictions"] for each in arrays)
    flipped = old != new
    labels = arrays[1].get("labels", arrays[0].get("labels"))
    if labels is None:  # they are stored by newer versions
        return _bounded(before, after, int(flipped.sum()))
    lost, gained = int((flipped & (old == labels)).sum()), int((flipped & (new == labels)).sum())
    n = int(flipped.sum())
    return Flips(n, lost, gained, n - lost - gained, chance(lost, gained))


def _bounded(before: Record, after: Record, n: int | None) -> Flips:
    """Assume the most rows lost and gained that fit, so that chance is not underrated.

    What is known is how many were right, before and after; `n` at most were lost or gained.
    """
    rows, right, right_after = before["test"]["n"], _right(before), _right(after)
    net, most = right - right_after, rows if n is None else n
    gained = min(rows - right, right_after, (most - net) // 2)
    return Flips(n, None, None, None, chance(gained + net, gained))


def _right(record: Record) -> int:
    confusion = record["test"]["confusion"]
    return sum(row[i] for i, row in enumerate(confusion))
