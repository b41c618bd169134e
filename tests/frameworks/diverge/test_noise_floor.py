"""Whole trainings are held against the noise floor of scratch: float32, and float64 in chaos."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

import frameworks.diverge.floor
from experiments import churn
from frameworks.agreement.limits import FLOAT64
from frameworks.agreement.noise_floor import NoiseFloor, measure_floor
from frameworks.agreement.variants import nudges
from frameworks.diverge import LEVELS, walk
from frameworks.diverge.floor import Floor, floor_of

from ...experiments.planting import changed, narrow_floor, train
from .chaos import CHAOS
from .pairs import rate_changes, sides

pytestmark = pytest.mark.slow

CHURN = churn.EXPERIMENT
SHORT = {"dtype": "float32", "epochs": 2, "limit": 95}


def levels(found):
    return {level.name: level.verdict for level in found.levels}


def silent(what, done, total):
    pass


def planted(**settings):
    """Give PyTorch's Adam on the churn page other settings."""

    def change(parts):
        parts.optimizer.param_groups[0].update(settings)

    return sides(CHURN, "scratch,pytorch", changed(CHURN, "pytorch", change), **SHORT)


# --- float32 ---


def test_a_clean_pair_is_within_the_floor_on_every_level():
    found = walk(*sides("churn", "scratch,pytorch", **SHORT))
    assert levels(found) == dict.fromkeys(LEVELS, "same")
    assert found.floor.noise.trainings == 5
    assert found.distance.loss <= found.floor.noise.loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_floor_is_that_of_lockstep_run(dtype):
    options = SHORT | {"dtype": dtype}
    found = floor_of(sides("churn", "scratch,pytorch", **options)[0], 3, None, silent)
    outcomes = [train(CHURN, "scratch", mode, **options).outcome for mode in nudges(3)]
    assert found.noise == measure_floor(outcomes, dtype)


def test_what_exceeds_the_floor_is_held_against_more_nudged_trainings(monkeypatch):
    """At first against trainings that by chance end alike."""
    measured = []

    def lucky_at_first(trainings, dtype, breaking_ties=()):
        measured.append(len(trainings) + len(breaking_ties))
        if len(measured) == 1:
            return measure_floor(trainings[:1] * 2, dtype)
        return measure_floor(trainings, dtype, breaking_ties)

    monkeypatch.setattr("frameworks.diverge.floor.measure_floor", lucky_at_first)
    found = walk(*sides("xor", "scratch,pytorch", dtype="float32", epochs=500), floor=2)
    assert measured == [2, 6]
    assert levels(found) == dict.fromkeys(LEVELS, "same")
    assert found.floor.noise.loss > 2.0**-20


def test_a_fault_that_one_step_hides_parts_in_the_trajectory_at_a_step():
    found = walk(*planted(amsgrad=True))
    (finding,) = found.findings
    assert finding.level in ("trajectory", "result")
    assert any("tep" in detail for detail in finding.details)
    assert levels(found)["step"] == "same"  # the first step is that of Adam


def test_a_rate_that_is_wrong_in_the_fourth_digit_parts():
    assert walk(*planted(lr=1.0001e-3)).findings


def test_an_epsilon_outside_the_correction_parts_at_the_step(monkeypatch):
    monkeypatch.setattr("frameworks.pytorch.hooks.use_epsilon_hat", lambda optimizer: optimizer)
    found = walk(*sides("churn", "scratch,pytorch", **SHORT), steps=5)
    assert found.findings[0].level == "step"


def test_without_a_floor_whole_trainings_are_measured():
    found = walk(*sides("churn", "scratch,pytorch", **SHORT), floor=0)
    measured = dict.fromkeys(("trajectory", "result"), "measured")
    assert levels(found) == dict.fromkeys(LEVELS, "same") | measured
    assert found.floor is None


def test_the_sigmoid_of_tensorflow_is_named_as_the_cause(monkeypatch):
    monkeypatch.setattr("frameworks.diverge.floor.measure_floor", narrow_floor)
    options = {"dtype": "float32", "seed": 12, "epochs": 500}
    found = walk(*sides("xor", "scratch,keras", **options))
    (finding,) = found.findings
    assert finding.level in ("trajectory", "result")
    assert finding.cause.startswith("TensorFlow's sigmoid; with it scratch agrees with keras")


@pytest.mark.parametrize(
    ("dtype", "rest"),
    [("float32", "whole trainings are not judged"), ("float64", "the fixed limits hold")],
)
def test_what_is_drawn_without_a_seed_is_not_taken_for_rounding(monkeypatch, dtype, rest):
    """Late draws, as the first batch has found the early ones."""
    drawn = count(1)

    def trained(side, steps):
        outcome = train_once(side, steps)
        return replace(outcome, losses=[loss * (1 + next(drawn) / 64) for loss in outcome.losses])

    train_once = frameworks.diverge.floor._train
    monkeypatch.setattr(frameworks.diverge.floor, "_train", trained)
    other = changed(CHURN, "pytorch", rate_changes(1 + 2**-20, step=15))
    options = {"dtype": dtype, "epochs": 1, "limit": 200}
    found = walk(*sides(CHURN, "scratch,pytorch", other, **options))
    assert any(note.endswith(f"or reads the time; {rest}") for note in found.notes), found.notes
    assert found.floor is None


# --- float64, where a training amplifies rounding by more than 1e4 ---

ENOUGH = {"epochs": 340}  # for losses that differ by 1e-10, as those of the nudged trainings do


def test_chaos_is_judged_by_the_floor_and_said_to_be():
    found = walk(*sides(CHAOS, "scratch,pytorch", **ENOUGH))
    assert levels(found) == dict.fromkeys(LEVELS, "same")
    assert FLOAT64.loss < found.distance.loss <= found.floor.noise.loss
    (note,) = found.notes
    assert note.startswith("the training amplifies rounding: its losses differ by up to ")
    first = {level.name: level.worst.limit for level in found.levels[1:5]}
    assert set(first.values()) == {1e-12}  # chaos or not, what one batch comes to is the same


def test_without_a_floor_chaos_is_held_to_the_fixed_limits():
    found = walk(*sides(CHAOS, "scratch,pytorch", **ENOUGH), floor=0)
    assert found.findings[0].level == "trajectory"
    assert found.notes == [
        "no noise floor was requested: this may be a fault or amplified rounding"
    ]


def test_without_a_builder_for_scratch_chaos_is_held_to_the_fixed_limits():
    alone = replace(CHAOS, builders=CHAOS.builders[1:])
    moved = changed(alone, "pytorch", rate_changes(1 + 2**-20, step=100))
    found = walk(*sides(alone, "pytorch,pytorch", moved, epochs=110))
    assert found.findings[0].level == "trajectory"
    (note,) = found.notes
    assert note.startswith("no noise floor can be measured without a build_scratch")


@pytest.mark.parametrize(("step", "digits"), [(100, 2**-20), (200, 2**-30)])
def test_a_fault_in_chaos_parts_where_it_begins(step, digits):
    """Long before rounding has grown to what it is at the end of the training, 1e-9."""
    other = changed(CHAOS, "pytorch", rate_changes(1 + digits, step))
    found = walk(*sides(CHAOS, "scratch,pytorch", other, **ENOUGH))
    (finding,) = found.findings
    assert finding.level == "trajectory"
    assert step <= finding.difference.step <= step + 20
    assert found.notes[0].startswith("this is not rounding: 6 trainings of scratch")


def test_a_fault_in_chaos_that_the_first_step_shows_parts_there():
    other = changed(CHAOS, "pytorch", rate_changes(1 + 2**-30, step=1))
    found = walk(*sides(CHAOS, "scratch,pytorch", other, **ENOUGH))
    assert found.findings[0].level == "step"


def test_what_is_no_chaos_is_held_to_the_fixed_limits():
    other = changed(CHURN, "pytorch", rate_changes(1 + 2**-20, step=5))
    found = walk(*sides(CHURN, "scratch,pytorch", other, epochs=2, limit=95))
    assert found.findings[0].level == "trajectory"
    assert found.floor is None
    assert found.notes[0].startswith("this is not rounding: 6 trainings of scratch, nudged in")


def floor(dtype, epochs, loss):
    side = sides("churn", "scratch,pytorch", dtype=dtype)[0]
    return Floor([side], [], None, NoiseFloor(loss, epochs, 1e-15, 1e-15, 0, 5))


def test_an_epoch_of_float64_is_held_to_16_times_the_floor_so_far_but_no_more_than_all():
    grown = floor("float64", [1e-15, 1e-9, 1e-12, 1e-3, 1e-1], loss=1e-1)
    assert grown.epochs == [1e-12, 16e-9, 16e-9, 16e-3, 1e-1]


def test_an_epoch_of_float32_is_held_to_the_floor_of_all():
    assert floor("float32", [1e-7, 1e-5, 1e-6], loss=1e-5).epochs == [1e-5] * 3


def test_a_floor_that_is_not_finite_leaves_the_fixed_limits():
    assert floor("float64", [np.inf], loss=np.inf).limits == FLOAT64
