"""From timings to the figures that are shown."""

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, NamedTuple

from experiments.harness.bench.measure import Measured
from experiments.harness.bench.variants import VARIANTS

__all__ = ["Figures", "Ratio", "best_of_families", "figures", "paired"]

_BASE = "scratch"


class Ratio(NamedTuple):
    """Of what was timed in the same round."""

    median: float
    min: float
    max: float


@dataclass(frozen=True)
class Figures:
    """One variant's row."""

    name: str
    family: str
    us_per_step: float  # the median of the rounds, in microseconds
    ratio: Ratio | None  # of its time and scratch's, where that was timed
    gflops: float  # 10⁹ counted operations a second, at the median time
    share: float  # of the rate of a large matrix product
    start: float  # seconds: what the first training took more than its steps
    overhead: Ratio | None  # of `fit` and its plain loop; None for a peer

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON's types."""
        record = asdict(self)
        for name, value in record.items():
            if isinstance(value, Ratio):
                record[name] = value._asdict()
        return record


def paired(a: list[float], b: list[float]) -> Ratio:
    """Return the median, the smallest and the largest of the ratios round by round.

    >>> paired([1.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    Ratio(median=2.0, min=1.0, max=3.0)
    """
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios))


def figures(measured: Measured) -> list[Figures]:
    """Return a row for each variant, in the order in which they were timed."""
    limit = median(measured.limit)
    per_step = {
        name: [t["train"] / t["steps"] for t in timings]
        for name, timings in measured.timings.items()
    }
    rows = []
    for name, timings in measured.timings.items():
        seconds = median(per_step[name])
        rate = measured.flops.step / seconds
        fits = [t["fit"] for t in timings if "fit" in t]
        rows.append(
            Figures(
                name=name,
                family=VARIANTS[name].family,
                us_per_step=seconds * 1e6,
                ratio=paired(per_step[name], per_step[_BASE]) if _BASE in per_step else None,
                gflops=rate / 1e9,
                share=rate / limit,
                start=max(0.0, measured.whole[name] - seconds * timings[0]["trained"]),
                overhead=paired(fits, [t["plain"] for t in timings]) if fits else None,
            )
        )
    return rows


def best_of_families(rows: list[Figures]) -> list[Figures]:
    """Return the fastest of each family but scratch's own, in the order of the families."""
    families: dict[str, list[Figures]] = {}
    for row in rows:
        if row.name != _BASE:
            families.setdefault(row.family, []).append(row)
    return [min(each, key=lambda row: row.us_per_step) for each in families.values()]
