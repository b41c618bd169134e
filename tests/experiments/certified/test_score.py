"""How many certified digits a training has right: the arithmetic, and which trainings count."""

from copy import deepcopy
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from experiments import certified
from experiments.certified.lre import MOST, digits, relative_error
from experiments.certified.score import score
from experiments.certified.stored import find
from experiments.harness.records.models import Results
from experiments.harness.records.results import objections
from experiments.registry import find_experiment

from ..stored_runs import FAILED, as_record, training


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
    """Return the values of a record of a training that gets xor's certified losses right."""
    certificate = find("xor", "real")
    losses = [float(loss) for loss in certificate.loss[:epochs]]
    drawn = {"initial_weights": certificate.digests.initial_weights, "batch_order": ""}
    values, _ = training(
        experiment="xor",
        data=certificate.data.model_dump(),
        epochs=epochs,
        history={"loss": losses, "accuracy": [0.5] * epochs},
        test={"loss": float(certificate.test_loss)},
        digests=drawn,
    )
    return values | {"spec": certificate.spec.model_dump() | {"epochs": epochs}}


def test_right_losses_have_all_digits():
    scored = score(as_record(xor_cell()))
    assert scored.worst_lre == scored.test_lre == 15.95
    assert (scored.epochs, len(scored.lre), scored.outdated) == (1_500, 1_500, "")


def test_worst_epoch_is_named():
    cell = xor_cell()
    cell["history"]["loss"][6] *= 1 + 2e-9
    cell["history"]["loss"][8] *= 1 + 1e-10
    scored = score(as_record(cell))
    assert (scored.worst_lre, scored.worst_epoch) == (8.69, 7)  # 9 - log10(2), cut off


def test_shorter_training_is_scored_on_its_epochs_and_not_on_the_test_rows():
    scored = score(as_record(xor_cell(epochs=20)))
    assert (scored.worst_lre, scored.epochs, scored.test_lre) == (15.95, 20, None)


def changed(field, value):
    """Return the record of xor_cell with another value."""
    cell = deepcopy(xor_cell())
    *parents, name = field.split(".")
    inner = cell
    for parent in parents:
        inner = inner[parent]
    assert inner[name] != value
    inner[name] = value
    return as_record(cell)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data.sha256", "ff"),
        ("data.source", "stand-in"),
        ("dtype", "float32"),
        ("mode", "nudged-1"),
        ("experiment", "another"),
        ("limit", 3),
        ("seed", 1),
    ],
)
def test_another_training_is_not_scored(field, value):
    assert score(changed(field, value)) is None


def test_failed_training_is_not_scored():
    assert score(as_record(xor_cell() | FAILED)) is None


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("spec.learning_rate", 0.5, "learning_rate was 1.0, and is 0.5"),
        ("spec.hidden", [5], "hidden was [4], and is [5]"),
        ("digests.initial_weights", "ff", "other initial weights are drawn"),
        ("digests.batch_order", "ff", "other batches are drawn"),
    ],
)
def test_changed_page_is_said_to_have_changed_and_not_scored(field, value, what):
    scored = score(changed(field, value))
    assert (scored.outdated, scored.worst_lre, scored.lre) == (what, None, [])


def test_numbers_that_a_page_has_besides_the_certified_ones_change_nothing():
    cell = xor_cell()
    cell["spec"] |= {"shade": 0.5}
    assert score(as_record(cell)).worst_lre == 15.95


def test_longer_training_is_not_scored():
    cell = xor_cell()
    for values in cell["history"].values():
        values.append(values[-1])
    assert score(as_record(cell | {"epochs": 1_501})) is None


BEYOND = ["autoencoder", "gan", "rbm", "sorting_transformer", "transfer", "regularisation", "dbn"]


def right_cell(name):
    """Return the values of a record that gets all losses right that are certified of a page."""
    source = "stand-in" if find(name, "stand-in") else "real"
    certificate = find(name, source)
    trained = certificate.trained or [certificate.epochs]
    named = [phase.name for phase in certificate.phases]
    done = [*trained, *[10] * (len(named) - len(trained))]  # 10 epochs of phases that follow
    losses = [float(loss) for loss in certificate.loss]
    values, _ = training(
        experiment=name,
        data=certificate.data.model_dump(),
        epochs=certificate.epochs,
        history={"loss": losses + [0.5] * (sum(done) - len(losses)), "accuracy": [0.5] * sum(done)},
        test={"loss": float(certificate.test_loss or 0.25)},
        digests={
            "initial_weights": certificate.digests.initial_weights,
            "batch_order": certificate.batch_order(done),
        },
    )
    phases = [
        {"name": phase, "epochs": epochs, "n_train": 9, "test": {"loss": 0.5, "n": 9}}
        for phase, epochs in zip(named, done, strict=bool(named))
    ]
    return values | {"spec": certificate.spec.model_dump(), "phases": phases}


@pytest.mark.parametrize("name", BEYOND)
def test_certified_losses_of_programs_and_phases_are_enforced(name):
    cell = right_cell(name)
    scored = score(as_record(cell))
    assert (scored.worst_lre, scored.outdated) == (15.95, "")
    assert certified_objections(cell) == []
    cell["history"]["loss"][scored.epochs - 1] *= 1 + 1e-10
    (objection,) = certified_objections(cell)
    assert f"epoch {scored.epochs}: " in objection
    assert objection.endswith(" certified digits, expected 12")


def test_only_the_epochs_of_the_first_phase_are_those_of_a_shorter_training():
    certificate, cell = find("transfer", "stand-in"), right_cell("transfer")
    assert certificate.trained == [5, 5, 5]
    losses = [*cell["history"]["loss"][:2], 0.1, 0.1, 0.1, 0.1]
    cell |= {"epochs": 2, "history": {"loss": losses, "accuracy": [0.5] * 6}}
    cell["phases"] = [phase | {"epochs": 2} for phase in cell["phases"]]
    cell["digests"]["batch_order"] = certificate.batch_order([2, 2, 2])
    scored = score(as_record(cell))
    assert (scored.worst_lre, scored.epochs, scored.test_lre) == (15.95, 2, None)


def test_other_batches_in_any_phase_make_another_training():
    cell = right_cell("transfer")
    cell["digests"]["batch_order"] = find("transfer", "stand-in").batch_order([5, 4, 5])
    assert score(as_record(cell)).outdated == "other batches are drawn"


@pytest.mark.parametrize("changes", [{"outputs": 4}, {"frozen": False}])
def test_a_phase_that_has_changed_is_named(monkeypatch, changes):
    page = find_experiment("transfer")
    last = page.phases[-1]
    phases = [*page.phases[:-1], replace(last, spec=replace(last.spec, **changes))]
    changed_page = replace(page, phases=phases)
    monkeypatch.setattr("experiments.certified.score.find_experiment", lambda name: changed_page)
    (name, value), *_ = changes.items()
    was = getattr(last.spec, name)
    outdated = score(as_record(right_cell("transfer"))).outdated
    assert outdated == f"5 to 9: {name} was {was}, and is {value}"


def test_first_epochs_of_a_training_that_is_certified_in_part_have_no_test_loss():
    with pytest.raises(LookupError, match="only the first epochs of 'autoencoder' are certified"):
        certified.loss_on_test_rows("autoencoder")
    assert len(certified.losses("autoencoder")) == 3


def certified_objections(cell):
    record = as_record(cell)
    scored = record.model_copy(update={"certified": score(record)})
    return objections(Results(environment=record.environment, cells=[scored], agreement=[]))


def test_twelve_digits_are_enough_and_fewer_are_an_objection():
    cell = xor_cell()
    cell["history"]["loss"][6] *= 1 + 0.9e-12
    assert certified_objections(cell) == []
    cell["history"]["loss"][6] *= 1 + 1e-11
    start = "xor, scratch, seed 0: epoch 7: 10.96 certified digits"
    assert certified_objections(cell) == [f"{start}, expected 12"]


def test_test_loss_and_losses_that_are_no_numbers_are_objections_too():
    cell = xor_cell()
    cell["test"]["loss"] *= 1 + 2e-6
    assert certified_objections(cell)[0].endswith("test loss: 5.69 certified digits, expected 12")
    cell["history"]["loss"][3] = None
    assert certified_objections(cell)[0].endswith("epoch 4: 0.00 certified digits, expected 12")


def test_losses_to_check_against_are_public():
    losses = certified.losses("xor")
    assert losses == [Decimal(text) for text in find("xor", "real").loss]
    with pytest.raises(LookupError, match="'mnits' on 'real' data"):
        certified.losses("mnits")
