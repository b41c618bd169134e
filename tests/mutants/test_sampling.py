import math

import pytest

from .operators import mutants
from .sampling import draw, wilson


def mutants_of(file, lines):
    source = "\n".join(f"x{i} = {i} + a" for i in range(1, lines + 1))
    return [mutant for mutant, _, _ in mutants(file, source)]


SMALL, LARGE = mutants_of("small.py", 20), mutants_of("large.py", 180)


def test_sample_is_the_same_again_and_another_with_another_seed():
    assert draw(SMALL, 10, seed=1) == draw(SMALL[::-1], 10, seed=1) != draw(SMALL, 10, seed=2)


def test_larger_sample_contains_the_smaller_one():
    assert draw(LARGE, 50, seed=1)[:20] == draw(LARGE, 20, seed=1)


def test_change_to_one_file_leaves_the_order_of_the_others():
    with_both = draw(SMALL + LARGE, len(SMALL + LARGE), seed=1)
    assert [m for m in with_both if m.file == "large.py"] == draw(LARGE, len(LARGE), seed=1)


def test_files_take_part_by_their_number_of_mutants():
    found = sum(m.file == "small.py" for m in draw(SMALL + LARGE, 400, seed=1))
    assert found == pytest.approx(400 / 10, abs=3 * math.sqrt(400 * 0.1 * 0.9))  # 3 deviations


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_is_the_published_one(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)  # given to four digits


def test_interval_ends_at_one_where_all_are_killed_and_says_nothing_without_a_trial():
    assert wilson(20, 20)[1] == 1
    assert wilson(0, 0) == (0, 1)
