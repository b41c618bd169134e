"""Whether two means are equal for practical purposes: two one-sided tests (TOST).

    d = mean(a) − mean(b),   s² = s_a²/n_a + s_b²/n_b,   t₊ = (d + m)/s,   t₋ = (d − m)/s

With a margin m, the hypotheses to be rejected are d ≤ −m and d ≥ m. Rejecting both at the level α
shows |d| < m, and is equivalent to the 1 − 2α confidence interval of d lying inside (−m, m). The
absence of a significant difference shows nothing: with few seeds no difference is significant.

Source: Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", J.
Pharmacokinetics and Biopharmaceutics 15, 1987; the degrees of freedom are Welch's (Biometrika 34,
1947).
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import Literal

__all__ = ["ALPHA", "Equivalence", "compare_means"]

ALPHA = 0.05  # of each one-sided test

_ROUNDED = 1e-9  # of the margin: how far rounding may move a difference

Conclusion = Literal["equivalent", "not shown", "different"]


@dataclass(frozen=True)
class Equivalence:
    """The result of the tests on the difference of two means."""

    difference: float  # mean(a) − mean(b)
    standard_error: float  # of the difference, of independent samples
    paired_standard_error: float | None  # of the difference within pairs; None for fewer than two
    degrees_of_freedom: float
    p_value: float  # the larger of the two: below ALPHA, the means are equivalent
    interval: tuple[float, float]  # 1 − 2 ALPHA confidence for the difference
    verdict: Conclusion


def compare_means(
    a: Sequence[float], b: Sequence[float], margin: float, paired: Sequence[float] = ()
) -> Equivalence:
    """Test whether the means of two independent samples are within `margin` of each other.

    `paired` are the differences within pairs, such as those of equal seeds; they decide nothing.

    "equivalent": the interval lies within the margin; "different": wholly beyond it. "not shown":
    neither. Raises ValueError for a sample of fewer than two numbers, and for a margin ≤ 0.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a sample must hold two numbers or more, got {len(a)} and {len(b)}")
    if not margin > 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    difference = fmean(a) - fmean(b)
    error = math.sqrt(variance(a) / len(a) + variance(b) / len(b))
    if error:
        freedom, p_value, interval = _two_one_sided_tests(a, b, margin)
    else:  # without spread, the difference itself decides, and no rounding of it
        at_margin = math.isclose(abs(difference), margin, rel_tol=_ROUNDED)
        end = math.copysign(margin, difference) if at_margin else difference
        freedom, interval = len(a) + len(b) - 2.0, (end, end)
        p_value = float(abs(end) >= margin)
    return Equivalence(
        difference=difference,
        standard_error=error,
        paired_standard_error=(stdev(paired) / math.sqrt(len(paired)) if len(paired) > 1 else None),
        degrees_of_freedom=freedom,
        p_value=p_value,
        interval=interval,
        verdict=_conclusion(*interval, margin),
    )


def _two_one_sided_tests(
    a: Sequence[float], b: Sequence[float], margin: float
) -> tuple[float, float, tuple[float, float]]:
    """Return Welch's degrees of freedom, the larger p-value, and the interval of the difference."""
    from scipy.stats import ttest_ind, ttest_ind_from_stats

    d, spread = fmean(a) - fmean(b), {"std1": stdev(a), "std2": stdev(b)}
    sizes = {"nobs1": len(a), "nobs2": len(b), "equal_var": False}
    above = ttest_ind_from_stats(d, mean2=-margin, **spread, **sizes, alternative="greater")
    below = ttest_ind_from_stats(d, mean2=margin, **spread, **sizes, alternative="less")
    with warnings.catch_warnings():  # scipy warns where one of the samples does not vary
        warnings.simplefilter("ignore", RuntimeWarning)
        welch = ttest_ind(a, b, equal_var=False)
    low, high = welch.confidence_interval(1 - 2 * ALPHA)
    return float(welch.df), float(max(above.pvalue, below.pvalue)), (float(low), float(high))


def _conclusion(low: float, high: float, margin: float) -> Conclusion:
    if -margin < low and high < margin:
        return "equivalent"
    return "different" if low > margin or high < -margin else "not shown"
