"""The verdict on hand-made records: what decides it, and what is named first."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from frameworks.agreement.distances import (
    FLOAT64,
    Limits,
    compare,
    measure,
    relative_error,
)

EPOCHS, ROWS = 50, 10
SIXTEENTHS = Limits(1 / 16, 1 / 16, 1 / 16, predictions=1)  # exact in binary: no rounding at them


def cell(implementation="scratch", **values):
    """Make a finished cell: its record, and its arrays."""
    record = {
        "experiment": "churn",
        "implementation": implementation,
        "dtype": "float64",
        "seed": 0,
        "status": "ok",
        "data": {"name": "churn", "source": "real", "sha256": "5a"},
        "spec": {"epochs": EPOCHS},
        "n_train": 8_000,
        "history": {"loss": [1.0] * EPOCHS},
        "test": {"loss": 1.0, "n": ROWS},
        "digests": {"initial_weights": "1b", "batch_order": "0c"},
    }
    arrays = {
        "weights.0": np.array([[-2.0, 0.5]]),
        "weights.1": np.array([1.0, 0.0]),
        "predictions": np.zeros(ROWS, int),
    }
    return record | values, arrays


@pytest.fixture
def pair():
    return cell("scratch"), cell("keras")


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
    assert FLOAT64 == Limits(loss=1e-12, weight=1e-9, test_loss=1e-12, predictions=0)


def test_equal_cells_agree_and_the_entry_has_the_fields_of_the_schema(pair):
    assert compare(*pair, FLOAT64) == {
        "experiment": "churn",
        "dtype": "float64",
        "seed": 0,
        "pair": ["scratch", "keras"],
        "max_rel_loss": 0.0,
        "max_rel_weight": 0.0,
        "rel_test_loss": 0.0,
        "prediction_mismatches": 0,
        "n_predictions": ROWS,
        "verdict": "agree",
        "tolerance": 1e-12,
        "reason": "",
    }


def part(cells, where, number):
    """Change one number of the second cell, which is 1 in both."""
    record, arrays = cells[1]
    if where == "loss":
        record["history"]["loss"] = [1.0] * 36 + [number] + [1.0] * 13
    elif where == "weight":
        arrays["weights.1"] = np.array([number, 0.0])
    else:
        record["test"]["loss"] = number


REASONS = {
    "loss": "epoch 37: the loss differs by {}, limit {}",
    "weight": "weights.1 differs by {}, limit {}",
    "test loss": "the test loss differs by {}, limit {}",
}


@pytest.mark.parametrize("where", REASONS)
def test_at_the_limit_cells_agree_and_just_above_it_they_differ(pair, where):
    part(pair, where, 15 / 16)
    assert compare(*pair, SIXTEENTHS)["verdict"] == "agree"
    part(pair, where, np.nextafter(15 / 16, 0))
    assert compare(*pair, SIXTEENTHS)["verdict"] == "differ"


@pytest.mark.parametrize("where", REASONS)
def test_the_reason_names_what_parted_how_far_and_the_limit(pair, where):
    part(pair, where, 1 - 2e-6)
    limit = "1.0e-09" if where == "weight" else "1.0e-12"
    entry = compare(*pair, FLOAT64)
    assert entry["verdict"] == "differ"
    assert entry["reason"] == REASONS[where].format("2.0e-06", limit)


def test_the_first_epoch_that_parts_is_named_and_the_farthest_is_measured(pair):
    pair[1][0]["history"]["loss"] = [1.0] * 20 + [1 - 1e-11, 1.0, 0.5] + [1.0] * 27
    entry = compare(*pair, FLOAT64)
    assert entry["reason"].startswith("epoch 21: the loss differs by 1.0e-11")
    assert entry["max_rel_loss"] == 0.5


def test_a_single_prediction_parts_and_its_row_is_named(pair):
    pair[1][1]["predictions"][7] = 1
    entry = compare(*pair, FLOAT64)
    assert (entry["verdict"], entry["prediction_mismatches"]) == ("differ", 1)
    assert entry["reason"].endswith("the first in row 7")
    assert compare(*pair, SIXTEENTHS)["verdict"] == "agree"


def test_what_comes_first_in_a_training_is_named_first(pair):
    record, arrays = pair[1]
    arrays["predictions"][:] = 1
    assert "predictions" in compare(*pair, FLOAT64)["reason"]
    part(pair, "test loss", 0.5)
    assert compare(*pair, FLOAT64)["reason"].startswith("the test loss")
    part(pair, "weight", 0.5)
    assert compare(*pair, FLOAT64)["reason"].startswith("weights.1")
    part(pair, "loss", 0.5)
    assert compare(*pair, FLOAT64)["reason"].startswith("epoch 37")
    record["digests"]["batch_order"] = "ff"
    assert compare(*pair, FLOAT64)["reason"] == "the batch orders differ"
    record["digests"]["initial_weights"] = "ff"
    assert compare(*pair, FLOAT64)["reason"] == "the initial weights differ"
    record["n_train"] = 7_999
    assert compare(*pair, FLOAT64)["reason"] == "the numbers of training rows differ"
    record["spec"] = {"epochs": 49}
    assert compare(*pair, FLOAT64)["reason"] == "the specs differ"
    record["data"] = record["data"] | {"sha256": "ff"}
    assert compare(*pair, FLOAT64)["reason"] == "the data differ"


@pytest.mark.parametrize("nothing", [np.nan, None])
@pytest.mark.parametrize("where", ["loss", "test loss"])
def test_losses_that_are_not_numbers_never_agree(pair, where, nothing):
    for record, _ in pair:
        if where == "loss":
            record["history"]["loss"][36] = nothing
        else:
            record["test"]["loss"] = nothing
    entry = compare(*pair, FLOAT64)
    assert (entry["verdict"], entry["reason"]) == (
        "differ",
        REASONS[where].format("inf", "1.0e-12"),
    )


def test_weights_that_are_not_numbers_never_agree(pair):
    for _, arrays in pair:
        arrays["weights.0"][0, 1] = np.nan
    assert compare(*pair, FLOAT64)["reason"] == "weights.0 differs by inf, limit 1.0e-09"


def test_trainings_of_different_lengths_and_shapes_differ_by_name(pair):
    record, arrays = pair[1]
    record["spec"], record["history"]["loss"] = {"epochs": 49}, [1.0] * 49
    arrays["weights.0"], arrays["predictions"] = np.ones((3, 2)), np.zeros(4, int)
    del arrays["weights.1"]
    entry = compare(*pair, FLOAT64)
    assert (entry["verdict"], entry["reason"]) == ("differ", "the specs differ")
    assert entry["max_rel_loss"] == entry["max_rel_weight"] == np.inf


def test_measuring_changes_nothing(pair):
    before = deepcopy(pair)
    measure(*pair)
    for (record, arrays), (old_record, old_arrays) in zip(pair, before, strict=True):
        assert record == old_record
        assert all(np.array_equal(arrays[name], old_arrays[name]) for name in old_arrays)


@pytest.mark.parametrize("limit", ["loss", "weight", "test_loss", "predictions"])
def test_each_limit_judges_its_own_distance(pair, limit):
    for where in REASONS:
        part(pair, where, 31 / 32)
    pair[1][1]["predictions"][3] = 1
    assert compare(*pair, SIXTEENTHS)["verdict"] == "agree"
    assert compare(*pair, replace(SIXTEENTHS, **{limit: 0}))["verdict"] == "differ"
