"""How many certified digits a training has right: the arithmetic, and which trainings count."""

import json
from copy import deepcopy
from decimal import Decimal

import numpy as np
import pytest

from experiments import certified
from experiments.certified.lre import MOST, digits, relative_error
from experiments.certified.score import score
from experiments.certified.stored import find
from experiments.harness.records.results import objections


@pytest.mark.parametrize(
    ("q", "c", "expected"),
    [
        (1.0078125, "1", 2.11),  # -log10(2**-7) = 2.107
        (4.0, "4.00000000004", 11.0),
        (-3.0, "-3.0003", 4.0),
        (1.5e-300, "1.50000015e-300", 7.0),  # neither underflows nor divides by zero
    ],
)
def test_log_relative_error_by_hand(q, c, expected):
    assert digits(q, c) == pytest.approx(expected, abs=0.005)  # given to two decimals


def test_nearest_float64_has_all_digits_and_its_neighbour_fewer():
    c = "0.1428571428571428571428571"
    assert digits(1 / 7, c) == MOST
    assert digits(np.nextafter(1 / 7, 1), c) < MOST
    assert pytest.approx(-np.log10(2.0**-53)) == MOST


@pytest.mark.parametrize("q", [None, float("nan"), float("inf"), -float("inf"), 0.0, 2.0, -1.0])
def test_what_is_no_number_or_not_even_one_digit_scores_nothing(q):
    assert digits(q, "1.0") == 0.0


def test_certified_zero_is_compared_absolutely():
    assert relative_error(1e-13, "0") == 1e-13
    assert digits(0.0, "0") == MOST


def test_float64_is_taken_for_what_it_is_not_for_how_it_is_printed():
    exactly = Decimal(0.1)
    assert relative_error(0.1, exactly) == 0.0
    assert relative_error(0.1, "0.1") == pytest.approx(5.55e-17, rel=1e-3)  # to three digits


def xor_cell(epochs=1_500):
    """Return the record of a training that gets xor's certified losses right."""
    certificate = find("xor", "real")
    return {
        "experiment": "xor",
        "implementation": "scratch",
        "dtype": "float64",
        "seed": 0,
        "status": "ok",
        "acceptance": None,
        "data": certificate["data"],
        "spec": certificate["spec"] | {"epochs": epochs},
        "epochs": epochs,
        "limit": None,
        "history": {"loss": [float(loss) for loss in certificate["loss"][:epochs]]},
        "test": {"loss": float(certificate["test_loss"])},
        "digests": {
            "initial_weights": certificate["digests"]["initial_weights"],
            "batch_order": "",
        },
    }


def test_right_losses_have_all_digits():
    scored = score(xor_cell())
    assert scored["worst_lre"] == scored["test_lre"] == 15.95
    assert (scored["epochs"], len(scored["lre"])) == (1_500, 1_500)


def test_worst_epoch_is_named_and_json_holds_it():
    cell = xor_cell()
    cell["history"]["loss"][6] *= 1 + 2e-9
    cell["history"]["loss"][8] *= 1 + 1e-10
    scored = json.loads(json.dumps(score(cell)))
    assert (scored["worst_lre"], scored["worst_epoch"]) == (8.69, 7)  # 9 - log10(2), cut off


def test_shorter_training_is_scored_on_its_epochs_and_not_on_the_test_rows():
    scored = score(xor_cell(epochs=20))
    assert (scored["worst_lre"], scored["epochs"], scored["test_lre"]) == (15.95, 20, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data.sha256", "ff"),
        ("data.source", "stand-in"),
        ("digests.initial_weights", "ff"),
        ("digests.batch_order", "ff"),
        ("spec.learning_rate", 0.5),
        ("dtype", "float32"),
        ("experiment", "another"),
        ("limit", 3),
        ("seed", 1),
        ("status", "failed"),
    ],
)
def test_another_training_is_not_scored(field, value):
    cell = deepcopy(xor_cell())
    *parents, name = field.split(".")
    inner = cell
    for parent in parents:
        inner = inner[parent]
    assert inner[name] != value
    inner[name] = value
    assert score(cell) is None


def test_longer_training_is_not_scored():
    cell = xor_cell(epochs=1_501)
    assert cell["spec"]["epochs"] == 1_501
    assert score(cell) is None


def objections_to(cell):
    cells = [cell | {"certified": score(cell)}]
    return objections({"cells": cells, "agreement": [], "native": []})


def test_twelve_digits_are_enough_and_fewer_are_an_objection():
    cell = xor_cell()
    cell["history"]["loss"][6] *= 1 + 0.9e-12
    assert objections_to(cell) == []
    cell["history"]["loss"][6] *= 1 + 1e-11
    start = "xor, scratch, seed 0: epoch 7: 10.96 certified digits"
    assert objections_to(cell) == [f"{start}, expected 12"]


def test_test_loss_and_losses_that_are_no_numbers_are_objections_too():
    cell = xor_cell()
    cell["test"]["loss"] *= 1 + 2e-6
    assert objections_to(cell)[0].endswith("test loss: 5.69 certified digits, expected 12")
    cell["history"]["loss"][3] = None
    assert objections_to(cell)[0].endswith("epoch 4: 0.00 certified digits, expected 12")


def test_losses_to_check_against_are_public():
    losses = certified.losses("xor")
    assert losses == [Decimal(text) for text in find("xor", "real")["loss"]]
    with pytest.raises(LookupError, match="'mnits' on 'real' data"):
        certified.losses("mnits")
