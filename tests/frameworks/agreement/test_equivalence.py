"""Two one-sided tests, against numbers worked by hand and tables of Student's t."""

import math
from statistics import fmean, variance

import pytest
from scipy.stats import t

from frameworks.agreement.equivalence import compare_means

# Means 4 and 3, variances 10/3 and 10/3, n = 4: SE² = 2 · (10/3)/4 = 5/3, and 6 degrees of freedom.
A, B = [2.0, 3.0, 5.0, 6.0], [1.0, 2.0, 4.0, 5.0]
T_6 = 1.9432  # Student's t, 95 %, 6 degrees of freedom, from any table


def test_the_difference_and_its_errors_are_those_worked_by_hand():
    result = compare_means(A, B, margin=1.0, paired=[1.0] * 4)
    assert result.difference == 1.0
    assert result.standard_error == pytest.approx(math.sqrt(5 / 3), rel=1e-15)  # one rounding
    assert result.degrees_of_freedom == pytest.approx(6, rel=1e-15)  # a few roundings
    assert result.paired_standard_error == 0.0  # every pair differs by 1


def test_the_interval_is_that_of_the_table():
    low, high = compare_means(A, B, margin=1.0).interval
    width = T_6 * math.sqrt(5 / 3)
    assert (low, high) == pytest.approx((1 - width, 1 + width), abs=1e-4)  # the table's digits


def test_welch_takes_unequal_variances_and_sizes():
    """u = 1/2 of n = 2, v = 10/12 of n = 4: (4/3)² / ((1/2)²/1 + (5/6)²/3) = 3.6923."""
    result = compare_means([0.0, math.sqrt(2)], A, margin=1.0)
    assert result.degrees_of_freedom == pytest.approx(192 / 52, rel=1e-14)  # a few roundings
    assert result.paired_standard_error is None


def test_the_p_value_is_five_percent_where_the_interval_touches_the_margin():
    high = compare_means(A, B, margin=1.0).interval[1]
    assert compare_means(A, B, margin=high).p_value == pytest.approx(0.05, rel=1e-9)  # t's inverse


@pytest.mark.parametrize(
    ("shift", "margin", "verdict"),
    [
        (0.0, 3.6, "equivalent"),  # 1 ± 2.51 lies inside ± 3.6
        (0.0, 3.5, "not shown"),  # and reaches out of ± 3.5
        (0.0, 0.1, "not shown"),  # nor does it lie beyond 0.1
        (3.0, 1.4, "different"),  # 4 ± 2.51 lies beyond 1.4
        (3.0, 1.6, "not shown"),
        (-5.0, 1.4, "different"),  # −4 ± 2.51
    ],
)
def test_the_verdict_follows_from_where_the_interval_lies(shift, margin, verdict):
    assert compare_means([a + shift for a in A], B, margin).verdict == verdict


def test_no_significant_difference_is_not_equivalence():
    assert compare_means([0.80, 0.90], [0.81, 0.89], margin=0.01).verdict == "not shown"


def test_without_spread_the_difference_alone_decides():
    same, other = [0.5, 0.5], [0.75, 0.75]
    assert compare_means(same, same, margin=0.1).verdict == "equivalent"
    assert compare_means(same, same, margin=0.1).p_value == 0
    assert compare_means(same, other, margin=0.1).verdict == "different"
    assert compare_means(same, other, margin=0.1).p_value == 1


@pytest.mark.parametrize("k", [*range(1, 99)])
def test_rounding_decides_nothing_where_the_difference_is_the_margin(k):
    a, b = [(k + 1) / 100] * 2, [k / 100] * 2
    found = [compare_means(a, b, margin=0.01), compare_means(b, a, margin=0.01)]
    assert [each.verdict for each in found] == ["not shown", "not shown"]
    assert [each.p_value for each in found] == [1, 1]


@pytest.mark.parametrize(
    ("a", "b", "margin", "message"),
    [([1.0], [1.0, 2.0], 0.1, "got 1 and 2"), ([1.0, 2.0], [1.0, 2.0], 0.0, "above 0, got 0")],
)
def test_what_cannot_be_tested_is_refused(a, b, margin, message):
    with pytest.raises(ValueError, match=message):
        compare_means(a, b, margin)


def by_hand(a, b, margin):
    """Welch's degrees of freedom and both tests, from the formulas of the module's docstring."""
    u, v = variance(a) / len(a), variance(b) / len(b)
    difference, error = fmean(a) - fmean(b), math.sqrt(u + v)
    freedom = (u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1))
    p_value = t.sf((margin - abs(difference)) / error, freedom)
    width = t.ppf(0.95, freedom) * error
    return freedom, p_value, (difference - width, difference + width)


SAMPLES = {
    "accuracies": ([0.8435, 0.8525, 0.8505, 0.849], [0.8415, 0.855, 0.8445]),
    "far apart": ([0.8435, 0.8525, 0.8505], [0.7435, 0.7525, 0.7505]),
    "one does not vary": ([0.84, 0.84, 0.84], [0.83, 0.86, 0.85, 0.84]),
    "the other does not vary": ([0.7, 0.8], [0.1] * 9),
    "hardly any spread": ([0.84, 0.84 + 1e-6], [0.85, 0.85]),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_scipy_gives_the_numbers_of_the_formulas(case):
    a, b = SAMPLES[case]
    for x, y in ((a, b), (b, a)):
        found = compare_means(x, y, margin=0.01)
        freedom, p_value, interval = by_hand(x, y, margin=0.01)
        assert found.degrees_of_freedom == pytest.approx(freedom, rel=1e-12)  # sums in another
        assert found.p_value == pytest.approx(p_value, abs=1e-12)  # order, and t's inverse
        assert found.interval == pytest.approx(interval, abs=1e-12)
