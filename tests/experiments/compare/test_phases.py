"""Trainings of several phases: each is compared, with its outputs, its figures and its end."""

import numpy as np
import pytest

from ..stored_runs import ROWS, training, verdicts

OUTPUTS = np.linspace(-1, 1, ROWS)[:, None]


def of_phases(epochs=(2, 1), outputs=OUTPUTS, loss=0.5, losses=None, **values):
    """Make a training of two phases, of which the second follows from the first."""
    known = {"n_train": 100, "test": {"loss": loss, "n": ROWS}}
    phases = [{"name": name, "epochs": count} | known
              for name, count in zip(("first", "second"), epochs, strict=True)]  # fmt: skip
    count = sum(epochs)
    history = {"loss": [1 / (1 + k) for k in range(count)], "accuracy": [0.5] * count}
    history |= losses or {}
    record, arrays = training(phases=phases, history=history, **values)
    return record, arrays | {"outputs.0": outputs}


def test_equal_ones_are_unchanged(compare):
    code, found = compare(of_phases(), of_phases())
    assert (code, verdicts(found)) == (0, ["unchanged"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"outputs": OUTPUTS * 1.0625}, "outputs.0 differs by"),
        ({"loss": 0.53125}, "the test loss of phase 'first' differs by"),
    ],
)
def test_what_an_earlier_phase_came_to_is_compared(compare, change, reason):
    _, found = compare(of_phases(), of_phases(**change))
    assert verdicts(found) == ["changed"]
    assert found["trainings"][0]["reasons"][0].startswith(reason)


@pytest.mark.parametrize("lost", [{"loss": None}, {"losses": {"generator_loss": [1.0, None, 1.0]}}])
def test_a_loss_of_any_phase_or_network_that_is_no_longer_finite_is_worse(compare, lost):
    code, found = compare(of_phases(losses={"generator_loss": [1.0] * 3}), of_phases(**lost))
    assert (code, verdicts(found)) == (1, ["worse"])
    assert found["trainings"][0]["reasons"] == ["a loss is not finite"]


def test_outputs_that_were_not_kept_are_not_passed_over(compare, call, tmp_path):
    compare(of_phases(), of_phases(outputs=OUTPUTS * 1.0625))
    assert call("baseline", "save", tmp_path / "before").code == 0
    answer = call("compare", tmp_path / "baseline.json", tmp_path / "after")
    assert "1 not judged" in answer.out


@pytest.mark.parametrize("epochs", [(1, 1), (3, 1), (2, 3)])
def test_one_that_stops_at_another_epoch_is_changed_and_has_drawn_nothing_else(compare, epochs):
    """What it did not take of the orders is no other order."""
    before, after = of_phases(epochs=(2, 1)), of_phases(epochs, digests={"batch_order": "b1"})
    code, found = compare(before, after)
    assert (code, found["not_comparable"], verdicts(found)) == (0, [], ["changed"])
    phase, old, new = ("second", 1, 3) if epochs[0] == 2 else ("first", 2, epochs[0])
    counted = f"{new} epoch{'s' if new > 1 else ''}"
    assert found["trainings"][0]["reasons"] == [
        f"phase {phase!r} ended after {counted}, {old} before"
    ]


def test_other_batches_of_as_many_epochs_are_not_comparable(compare):
    code, said = compare(of_phases(), of_phases(digests={"batch_order": "b1"}))
    assert code == 2
    assert "different batches were drawn" in said


def test_outputs_are_compared_though_losses_and_predictions_are_the_same(compare):
    """A softmax, and so the loss, does not see what is added to all of a row's outputs."""
    (before, arrays), (after, others) = training(), training()
    shifted = before, arrays | {"outputs": OUTPUTS}
    _, found = compare(shifted, (after, others | {"outputs": OUTPUTS + 1}))
    assert verdicts(found) == ["changed"]
    assert found["trainings"][0]["reasons"][0].startswith("the outputs differ by")
