"""Which pairs are compared, by which limits: the fixed ones, or the noise floor."""

import numpy as np
import pytest

from frameworks.agreement.pairs import compare_all
from frameworks.agreement.noise_floor import measure_floor
from frameworks.agreement.variants import KERAS_SIGMOID, nudges

from .test_agreement import EPOCHS, ROWS, cell, part

FLOAT32 = {"dtype": "float32"}


def nudged(*losses, weight=1.0, wrong=0):
    """Make one nudged training for each of these first losses; the last one has it all."""
    cells = [cell("scratch", mode=m, **FLOAT32) for m in nudges(len(losses))]
    for (record, _), loss in zip(cells, losses, strict=True):
        record["history"] = {"loss": [loss] + [1.0] * (EPOCHS - 1)}
    cells[-1][1]["weights.1"] = np.array([weight, 0.0])
    cells[-1][1]["predictions"][:wrong] = 1
    return cells


@pytest.fixture
def pair():
    return cell("scratch", **FLOAT32), cell("keras", **FLOAT32)


def test_every_two_finished_implementations_of_one_training_are_compared():
    names = ["scratch", "keras", "pytorch"]
    groups = [{"seed": 0}, {"seed": 1}, {"dtype": "float32"}, {"experiment": "mnist"}]
    entries = compare_all(cell(name, **values) for values in groups for name in names)
    pairs = [["scratch", "keras"], ["scratch", "pytorch"], ["keras", "pytorch"]]
    assert [entry["pair"] for entry in entries] == pairs * len(groups)
    assert [entry["seed"] for entry in entries] == [0] * 3 + [1] * 3 + [0] * 6


def test_a_failed_cell_is_left_out():
    failed = cell("keras", status="failed", history=None, test=None)[0], {}
    (entry,) = compare_all([cell("scratch"), failed, cell("pytorch")])
    assert entry["pair"] == ["scratch", "pytorch"]
    assert compare_all([cell("scratch"), failed]) == []


def test_the_floor_is_the_largest_distance_of_any_two():
    floor = measure_floor(nudged(1.0, 0.75, 0.5, weight=0.875, wrong=3))
    assert floor.epochs == [0.5] + [0.0] * (EPOCHS - 1)
    assert (floor.loss, floor.weight) == (0.5, 0.125)
    assert floor.test_loss == 2.0**-23  # one unit in the last place, where they end closer
    assert (floor.predictions, floor.trainings) == (3, 3)


def test_one_training_has_no_floor():
    assert measure_floor(nudged(1.0)) is None
    assert measure_floor([]) is None


def test_without_a_floor_float32_is_judged_by_its_inputs_only(pair):
    part(pair, "loss", 0.75)
    (entry,) = compare_all(pair)
    assert (entry["verdict"], entry["tolerance"], entry["reason"]) == (None, None, "")
    assert (entry["max_rel_loss"], entry["noise_floor"]) == (0.25, None)
    pair[1][0]["digests"]["initial_weights"] = "ff"
    assert compare_all(pair)[0]["verdict"] == "differ"


def test_at_the_floor_a_pair_agrees_and_just_above_it_differs(pair):
    part(pair, "loss", 0.75)
    (entry,) = compare_all(pair, nudged(1.0, 0.75))
    assert (entry["verdict"], entry["reason"], entry["tolerance"]) == ("agree", "", 0.25)
    part(pair, "loss", np.nextafter(0.75, 0))
    (entry,) = compare_all(pair, nudged(1.0, 0.75))
    assert entry["verdict"] == "differ"
    assert entry["reason"] == "epoch 37: the loss differs by 2.5e-01, limit 2.5e-01"


def test_weights_and_predictions_have_floors_of_their_own(pair):
    part(pair, "weight", 0.875)
    pair[1][1]["predictions"][0] = 1
    for weight, wrong, verdict in [(0.875, 1, "agree"), (0.9, 1, "differ"), (0.875, 0, "differ")]:
        (entry,) = compare_all(pair, nudged(1.0, 1.0, weight=weight, wrong=wrong))
        assert entry["verdict"] == verdict


def test_an_entry_holds_its_floor(pair):
    (entry,) = compare_all(pair, nudged(1.0, 0.75, wrong=1))
    assert entry["noise_floor"] == {
        "loss": 0.25,
        "epochs": [0.25] + [0.0] * (EPOCHS - 1),
        "weight": 2.0**-23,  # the least that a floor allows
        "test_loss": 2.0**-23,
        "predictions": 1,
        "trainings": 2,
    }
    assert entry["n_predictions"] == ROWS


def test_a_floor_is_of_its_own_experiment_dtype_and_seed(pair):
    other = [(record | {"seed": 1}, arrays) for record, arrays in nudged(1.0, 0.75)]
    assert compare_all(pair, other)[0]["verdict"] is None


def test_a_failed_nudged_training_makes_no_floor(pair):
    whole, broken = nudged(1.0, 0.75)
    failed = broken[0] | {"status": "failed", "history": None}, {}
    assert compare_all(pair, [whole, failed])[0]["verdict"] is None


def test_a_control_that_agrees_with_keras_names_the_cause(pair):
    for at_keras in (0.75, 0.5):  # within the floor of the control, then beyond it
        part(pair, "loss", at_keras)
        control = cell("scratch", mode=KERAS_SIGMOID, **FLOAT32)
        part((pair[0], control), "loss", 0.75)
        cells = pair[0], pair[1], cell("pytorch", **FLOAT32)
        first, other, third = compare_all(cells, [*nudged(1.0, 0.9375), control])
        assert [each["verdict"] for each in (first, other, third)] == ["differ", "agree", "differ"]
        for entry in (first, third):
            assert entry["reason"].endswith("agrees with keras") == (at_keras == 0.75)


def test_a_control_makes_no_floor(pair):
    control = cell("scratch", mode=KERAS_SIGMOID, **FLOAT32)
    part((pair[0], control), "loss", 0.5)
    assert compare_all(pair, [*nudged(1.0, 0.75), control])[0]["tolerance"] == 0.25


def test_float64_has_its_fixed_limits_whatever_floor_there_is():
    cells = cell("scratch"), cell("keras")
    part(cells, "loss", 0.75)
    floor = [(record | {"dtype": "float64"}, arrays) for record, arrays in nudged(1.0, 0.5)]
    (entry,) = compare_all(cells, floor)
    assert (entry["verdict"], entry["tolerance"], entry["noise_floor"]) == ("differ", 1e-12, None)
