"""From timings to the figures that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from experiments.harness.bench.measure import Measured
from experiments.harness.bench.variants import VARIANTS

__all__ = ["Figures", "Ratio", "best_of_families", "figures", "paired"]


@dataclass(frozen=True)
class Ratio:
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
    ratio: Ratio | None  # of its time and the reference's, where that was timed
    gflops: float | None  # 10⁹ counted operations a second, at the median time
    share: float | None  # of the rate of a large matrix product
    start: float  # seconds: what the first training took more than its steps
    overhead: Ratio | None  # of `fit` and its plain loop; None for a peer


def paired(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """Return the median, the smallest and the largest of the ratios round by round.

    >>> paired([1.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    Ratio(median=2.0, min=1.0, max=3.0)
    """
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios))


def figures(measured: Measured) -> list[Figures]:
    """Return a row for each variant, in the order in which they were timed."""
    limit, flops = median(measured.limit), measured.flops
    per_step = {
        name: [t.train / t.steps for t in timings] for name, timings in measured.timings.items()
    }
    base = per_step.get(measured.reference)
    rows = []
    for name, timings in measured.timings.items():
        seconds = median(per_step[name])
        rate = None if flops is None else flops.step / seconds
        fits = [(t.fit, t.plain) for t in timings if t.fit and t.plain]
        rows.append(
            Figures(
                name=name,
                family=VARIANTS[name].family,
                us_per_step=seconds * 1e6,
                ratio=paired(per_step[name], base) if base else None,
                gflops=rate and rate / 1e9,
                share=rate and rate / limit,
                start=max(0.0, measured.whole[name] - seconds * timings[0].trained),
                overhead=paired(*zip(*fits, strict=True)) if fits else None,
            )
        )
    return rows


def best_of_families(measured: Measured, rows: list[Figures]) -> list[Figures]:
    """Return the fastest of each family but the reference, in the order of the families."""
    families: dict[str, list[Figures]] = {}
    for row in rows:
        if row.name != measured.reference:
            families.setdefault(row.family, []).append(row)
    return [min(each, key=lambda row: row.us_per_step) for each in families.values()]
