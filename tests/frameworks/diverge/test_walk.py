"""The walk through the levels: where it ends, what it leaves alone; faults: tests/faults."""

from dataclasses import replace

import numpy as np
import pytest

from experiments import churn, circle, diabetes, digits_autoencoder
from frameworks.diverge import LEVELS, walk
from frameworks.diverge.first_batch import First
from frameworks.pytorch.adapter import PyTorchAdapter

from ...experiments.planting import changed
from .pairs import rate_changes, sides

CHURN, SHORT = churn.EXPERIMENT, {"epochs": 1, "limit": 95}


def levels(found):
    return {level.name: level.verdict for level in found.levels}


def test_equal_implementations_reach_every_level():
    found = walk(*sides("churn", "scratch,pytorch", **SHORT))
    assert levels(found) == dict.fromkeys(LEVELS, "same")
    assert (found.parts, found.notes, found.floor) == (False, [], None)


def test_steps_end_the_training_where_they_are_told_to():
    found = walk(*sides("churn", "scratch,pytorch", **SHORT), steps=3)
    trajectory = next(level for level in found.levels if level.name == "trajectory")
    assert (trajectory.verdict, trajectory.compared) == ("same", 1)


@pytest.fixture
def moved_weights(monkeypatch):
    """Move a weight of PyTorch by 1e-6 after its third and fifth step of a training."""

    def move(self, data, orders, batch_size):
        for result in train(self, data, orders, batch_size):
            count.append(1)
            if len(count) in (4, 6):  # after that of the level `step`
                self.layouts.own[0].data.add_(1e-6)
            yield result

    count, train = [], PyTorchAdapter.train
    monkeypatch.setattr(PyTorchAdapter, "train", move)


@pytest.mark.usefixtures("moved_weights")
def test_single_steps_show_a_later_fault_behind_an_earlier_one():
    found = walk(*sides("churn", "scratch,pytorch", **SHORT), single=True)
    assert found.single is not None
    assert [each.step for each in found.single.parted] == [3, 5]
    assert found.single.steps == 10


def test_looking_leaves_a_training_as_it_was():
    """Two walks in a row end in the same bytes."""
    options = {"epochs": 1, "limit": 45}
    one, other = (walk(*sides("churn", "pytorch,keras", **options)) for _ in range(2))
    assert [level.worst for level in one.levels] == [level.worst for level in other.levels]
    assert one.levels[-1].name == "result"


def test_gradient_whose_terms_cancel_is_held_to_the_terms():
    """With seed 141 the last bias's gradient is what 10 terms of ± 0.05 leave: almost nothing."""
    a, b = (First(side) for side in sides("churn", "scratch,pytorch", seed=141, limit=95))
    ours, theirs = a.loss_and_gradients[1][-1], b.loss_and_gradients[1][-1]
    assert abs(ours - theirs).max() > 1e-12 * abs(ours).max()
    assert a.gradient_terms[-1] > 1e4 * abs(ours).max()
    assert levels(walk(a.side, b.side, steps=1)) == dict.fromkeys(LEVELS, "same")


def test_networks_with_other_numbers_of_weights_part_at_the_inputs():
    def without_a_bias(parts):
        from torch import nn

        parts.network[-1] = nn.Linear(6, 1, bias=False)
        parts.optimizer.param_groups[0]["params"] = [*parts.network.parameters()]
        draw = parts.initial_weights
        return parts._replace(initial_weights=lambda spec, rng: draw(spec, rng)[:-1])

    other = changed(CHURN, "pytorch", without_a_bias)
    (finding,) = walk(*sides(CHURN, "scratch,pytorch", other, **SHORT)).findings
    assert (finding.level, finding.difference.where) == ("inputs", "the number of weight arrays")
    assert (finding.difference.values, finding.cause) == (("6", "5"), None)


# --- tasks without answers ---


@pytest.mark.parametrize("page", [diabetes, digits_autoencoder])
@pytest.mark.parametrize("other", ["keras", "pytorch"])
def test_a_task_without_answers_has_its_outputs_compared(page, other):
    found = walk(*sides(page.EXPERIMENT, f"scratch,{other}", epochs=3))
    assert levels(found) == dict.fromkeys(LEVELS, "same")
    weights = len(found.a.open()[1].initial_weights)
    assert found.levels[-1].compared == 3 * weights + 2  # weights, outputs, and the test loss


def test_outputs_that_differ_part_at_the_result(monkeypatch):
    outputs = PyTorchAdapter.outputs

    def wrong_at_the_end(self, X, network=0):
        found = outputs(self, X, network)
        return found + 1e-6 * (len(X) == 89)  # the test rows alone

    monkeypatch.setattr(PyTorchAdapter, "outputs", wrong_at_the_end)
    (finding,) = walk(*sides("diabetes", "scratch,pytorch", epochs=3)).findings
    assert finding.level == "result"
    assert finding.difference.where == "the outputs on the test rows"


def test_a_squared_error_of_another_reduction_is_named():
    def change(parts):
        parts.loss.reduction = "sum"

    other = changed(diabetes.EXPERIMENT, "pytorch", change)
    (finding,) = walk(*sides("diabetes", "scratch,pytorch", other, epochs=3)).findings
    assert finding.level == "loss"
    assert "a sum over" in finding.cause


def test_an_absolute_error_is_named():
    def change(parts):
        from torch import nn

        return parts._replace(loss=nn.L1Loss())

    other = changed(digits_autoencoder.EXPERIMENT, "pytorch", change)
    found = walk(*sides("digits_autoencoder", "scratch,pytorch", other, epochs=3))
    assert found.findings[0].cause == (
        "pytorch has a loss that is a mean absolute error; "
        "scratch has a loss that is a mean squared error"
    )


def test_targets_shifted_by_a_row_are_named():
    a, b = sides("diabetes", "scratch,pytorch", epochs=3)
    shifted = replace(b, data=replace(b.data, y_train=np.roll(b.data.y_train, 1)))
    (finding,) = walk(a, shifted).findings
    assert finding.difference.where == "training targets"
    assert (
        finding.cause == "each row has its neighbour's target: the targets are shifted by one row"
    )


# --- gradients at the step that parts ---


def test_gradients_are_compared_at_the_same_weights():
    """A rate that is wrong in its eleventh digit lets weights drift, until a loss shows it.

    At their own weights the two have other gradients by then, though both compute them alike.
    """
    other = changed(circle.EXPERIMENT, "pytorch", rate_changes(1 + 2**-34, step=2))
    a, b = sides("circle", "scratch,pytorch", other, epochs=60)
    (finding,) = walk(a, b).findings
    assert finding.level == "trajectory"
    (detail,) = finding.details
    assert detail.startswith("at equal weights all gradients agree, to ")
