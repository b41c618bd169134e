"""Whether two means are equal for practical purposes: two one-sided tests (TOST).

    d = mean(a) − mean(b),   s² = s_a²/n_a + s_b²/n_b,   t₊ = (d + m)/s,   t₋ = (d − m)/s

With a margin m, the hypotheses to be rejected are d ≤ −m and d ≥ m. Rejecting both at the level α
shows |d| < m, and is the same as the 1 − 2α confidence interval of d lying inside (−m, m). That no
difference is significant shows nothing: with few seeds nothing ever is.

Source: Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", J.
Pharmacokinetics and Biopharmaceutics 15, 1987; the degrees of freedom are Welch's (Biometrika 34,
1947).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance

__all__ = ["ALPHA", "Equivalence", "compare_means"]

ALPHA = 0.05  # of each one-sided test


@dataclass(frozen=True)
class Equivalence:
    """What two samples say about the difference of their means."""

    difference: float  # mean(a) − mean(b)
    standard_error: float  # of the difference, of independent samples
    paired_standard_error: float | None  # of the difference within pairs; None for other sizes
    degrees_of_freedom: float
    p_value: float  # the larger of the two tests': below ALPHA, the means are equivalent
    interval: tuple[float, float]  # 1 − 2 ALPHA confidence for the difference
    verdict: str  # "equivalent" | "not shown" | "different"


def compare_means(a: Sequence[float], b: Sequence[float], margin: float) -> Equivalence:
    """Test whether the means of two independent samples are within `margin` of each other.

    "different": the interval lies wholly beyond the margin. "not shown": it does neither.
    Raises ValueError for fewer than two numbers in a sample, and for a margin that is not above 0.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a sample must hold two numbers or more, got {len(a)} and {len(b)}")
    if not margin > 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    difference = fmean(a) - fmean(b)
    u, v = variance(a) / len(a), variance(b) / len(b)
    error, freedom = math.sqrt(u + v), _welch(u, len(a), v, len(b))
    p_value, width = _tost(difference, error, freedom, margin)
    low, high = difference - width, difference + width
    paired = [x - y for x, y in zip(a, b, strict=False)]
    return Equivalence(
        difference=difference,
        standard_error=error,
        paired_standard_error=(
            stdev(paired) / math.sqrt(len(paired)) if len(a) == len(b) else None
        ),
        degrees_of_freedom=freedom,
        p_value=p_value,
        interval=(low, high),
        verdict=_verdict(low, high, margin),
    )


def _welch(u: float, n: int, v: float, m: int) -> float:
    """Return the degrees of freedom for means with the variances u (of n) and v (of m)."""
    return (u + v) ** 2 / (u**2 / (n - 1) + v**2 / (m - 1)) if u + v else float(n + m - 2)


def _tost(difference: float, error: float, freedom: float, margin: float) -> tuple[float, float]:
    """Return the larger p-value and half the width of the interval; without spread, 0 or 1."""
    from scipy.stats import t

    if not error:
        return (0.0 if abs(difference) < margin else 1.0), 0.0
    p_value = t.sf((margin - abs(difference)) / error, freedom)
    return float(p_value), float(t.ppf(1 - ALPHA, freedom)) * error


def _verdict(low: float, high: float, margin: float) -> str:
    if -margin < low and high < margin:
        return "equivalent"
    return "different" if low >= margin or high <= -margin else "not shown"
