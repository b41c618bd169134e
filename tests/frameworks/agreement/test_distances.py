"""How far apart two trainings are: what exceeds the limits, and what is named first."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from frameworks.agreement.distances import Outcome, measure, relative_error, too_far
from frameworks.agreement.limits import FLOAT64, Limits

EPOCHS, ROWS = 50, 10
SIXTEENTHS = Limits(1 / 16, 1 / 16, 1 / 16, 1, 1 / 16)  # exact in binary: no rounding at them


def outcome():
    """Return what a training came to: losses of 1, and ten rows of class 0."""
    weights = {"weights.0": np.array([[-2.0, 0.5]]), "weights.1": np.array([1.0, 0.0])}
    others = {"generator_loss": [1.0] * EPOCHS}
    return Outcome([1.0] * EPOCHS, weights, 1.0, answers=np.zeros(ROWS, int), others=others)


@pytest.fixture
def pair():
    return [outcome(), outcome()]


def judged(pair, limits):
    """Return where two trainings first exceed the limits; an empty string if they agree."""
    return too_far(measure(*pair), limits)


def test_relative_error_is_the_largest_difference_over_the_largest_magnitude():
    assert relative_error([4.0, 2.0, 1.0], [4.0, 2.0, 0.0]) == 1 / 4
    assert relative_error([0.0, 8.0], [-4.0, 8.0]) == 1 / 2
    assert relative_error(-1.0, 3.0) == 4 / 3


def test_relative_error_does_not_fade_in_a_large_array():
    a, b = np.ones(10**6), np.ones(10**6)
    b[123_456] = 0.5
    assert relative_error(a, b) == relative_error(b, a) == 0.5


def test_relative_error_of_equal_arrays_is_zero_for_zeros_too():
    assert relative_error([0.1, -3.0], [0.1, -3.0]) == 0
    assert relative_error(np.zeros(3), np.zeros(3)) == 0


@pytest.mark.parametrize("nothing", [np.nan, None, np.inf, -np.inf])
def test_what_is_not_a_number_equals_nothing_not_even_itself(nothing):
    assert relative_error(nothing, nothing) == np.inf
    assert relative_error([1.0, nothing], [1.0, nothing]) == np.inf
    assert relative_error([1.0, nothing], [1.0, 1.0]) == np.inf


def test_arrays_of_different_shapes_are_infinitely_far_apart():
    assert relative_error(np.ones((2, 3)), np.ones((3, 2))) == np.inf
    assert relative_error(np.ones(1), np.ones(())) == np.inf


def test_float64_has_the_limits_of_the_design():
    assert FLOAT64 == Limits(1e-12, weight=1e-9, test_loss=1e-12, predictions=0, outputs=1e-9)


def test_equal_trainings_are_no_distance_apart(pair):
    distance = measure(*pair)
    assert (distance.loss, distance.weight, distance.test_loss) == (0, 0, 0)
    assert len(distance.mismatches) == 0
    assert judged(pair, FLOAT64) == ""


def part(pair, where, number):
    """Change one number of the second training, which is 1 in both."""
    if where == "loss":
        pair[1] = replace(pair[1], losses=[1.0] * 36 + [number] + [1.0] * 13)
    elif where == "other loss":
        pair[1] = replace(pair[1], others={"generator_loss": [1.0] * 36 + [number] + [1.0] * 13})
    elif where == "weight":
        pair[1].weights["weights.1"] = np.array([number, 0.0])
    else:
        pair[1] = replace(pair[1], test_loss=number)


REASONS = {
    "loss": "epoch 37: the loss differs by {}, limit {}",
    "other loss": "epoch 37: the generator loss differs by {}, limit {}",
    "weight": "weights.1 differs by {}, limit {}",
    "test loss": "the test loss differs by {}, limit {}",
}


@pytest.mark.parametrize("where", REASONS)
def test_at_the_limit_they_agree_and_just_above_it_they_differ(pair, where):
    part(pair, where, 15 / 16)
    assert judged(pair, SIXTEENTHS) == ""
    part(pair, where, np.nextafter(15 / 16, 0))
    assert judged(pair, SIXTEENTHS) != ""


@pytest.mark.parametrize("where", REASONS)
def test_the_reason_names_what_parted_how_far_and_the_limit(pair, where):
    part(pair, where, 1 - 2e-6)
    limit = "1.0e-09" if where == "weight" else "1.0e-12"
    assert judged(pair, FLOAT64) == REASONS[where].format("2.0e-06", limit)


def test_the_first_epoch_that_parts_is_named_and_the_farthest_is_measured(pair):
    pair[1] = replace(pair[1], losses=[1.0] * 20 + [1 - 1e-11, 1.0, 0.5] + [1.0] * 27)
    assert judged(pair, FLOAT64).startswith("epoch 21: the loss differs by 1.0e-11")
    assert measure(*pair).loss == 0.5


def test_a_loss_that_one_side_lacks_is_infinitely_far(pair):
    pair[1] = replace(pair[1], others={})
    assert measure(*pair).loss == np.inf
    assert judged(pair, SIXTEENTHS).startswith("epoch 1: the generator loss differs by inf")


def test_a_single_prediction_parts_and_its_row_is_named(pair):
    pair[1].answers[7] = 1
    assert measure(*pair).mismatches.tolist() == [7]
    assert judged(pair, FLOAT64) == "1 prediction differs, limit 0; the first in row 7"
    assert judged(pair, SIXTEENTHS) == ""


def test_what_comes_first_in_a_training_is_named_first(pair):
    pair[1].answers[:] = 1
    assert "predictions" in judged(pair, FLOAT64)
    part(pair, "test loss", 0.5)
    assert judged(pair, FLOAT64).startswith("the test loss")
    part(pair, "weight", 0.5)
    assert judged(pair, FLOAT64).startswith("weights.1")
    part(pair, "loss", 0.5)
    assert judged(pair, FLOAT64).startswith("epoch 37")


@pytest.mark.parametrize("nothing", [np.nan, None])
@pytest.mark.parametrize("where", ["loss", "other loss", "test loss"])
def test_losses_that_are_not_numbers_never_agree(pair, where, nothing):
    for _ in range(2):
        part(pair, where, nothing)
        pair.reverse()
    assert judged(pair, FLOAT64) == REASONS[where].format("inf", "1.0e-12")


def test_weights_that_are_not_numbers_never_agree(pair):
    for each in pair:
        each.weights["weights.0"][0, 1] = np.nan
    assert judged(pair, FLOAT64) == "weights.0 differs by inf, limit 1.0e-09"


def test_trainings_of_different_lengths_and_shapes_are_infinitely_far_apart(pair):
    weights = {"weights.0": np.ones((3, 2))}
    pair[1] = Outcome([1.0] * 49, weights, test_loss=1.0, answers=np.zeros(4, int))
    distance = measure(*pair)
    assert distance.loss == distance.weight == np.inf
    assert distance.mismatches.tolist() == [4, 5, 6, 7, 8, 9]


def test_outputs_are_judged_and_infinitely_far_from_none(pair):
    kept = np.array([[4.0], [2.0]])
    assert measure(*pair).outputs is None
    pair[0] = replace(pair[0], answers=None, outputs=kept)
    pair[1] = replace(pair[1], answers=None)
    assert measure(*pair).outputs == np.inf
    assert judged(pair, FLOAT64) == "the outputs differ by inf, limit 1.0e-09"
    pair[1] = replace(pair[1], outputs=kept - 1)
    assert measure(*pair).outputs == 0.25
    assert judged(pair, FLOAT64) == "the outputs differ by 2.5e-01, limit 1.0e-09"
    assert len(measure(*pair).mismatches) == 0


def test_answers_that_one_side_lacks_all_differ(pair):
    pair[1] = replace(pair[1], answers=None)
    assert len(measure(*pair).mismatches) == ROWS


def test_what_is_not_finite_is_within_no_limit(pair):
    infinite = Limits(np.inf, np.inf, np.inf, predictions=ROWS, outputs=np.inf)
    pair[1] = replace(pair[1], losses=[None] * EPOCHS)
    assert judged(pair, infinite) == "epoch 1: the loss differs by inf, limit inf"


def test_measuring_changes_nothing(pair):
    before = deepcopy(pair)
    measure(*pair)
    for now, old in zip(pair, before, strict=True):
        assert (now.losses, now.test_loss) == (old.losses, old.test_loss)
        np.testing.assert_array_equal(now.answers, old.answers)
        assert all(np.array_equal(now.weights[name], old.weights[name]) for name in old.weights)


@pytest.mark.parametrize("limit", ["loss", "weight", "test_loss", "predictions"])
def test_each_limit_judges_its_own_distance(pair, limit):
    for where in REASONS:
        part(pair, where, 31 / 32)
    pair[1].answers[3] = 1
    assert judged(pair, SIXTEENTHS) == ""
    assert judged(pair, replace(SIXTEENTHS, **{limit: 0})) != ""
