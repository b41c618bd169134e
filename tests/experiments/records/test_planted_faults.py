"""Faults that people make, planted in one implementation: each turns the verdict, for its reason.

Churn for three epochs on 95 rows in batches of ten, so that the last batch is not full.
"""

import json
from dataclasses import replace

import pytest

import frameworks.pytorch.hooks
from experiments.harness.records.agreement import compare_all
from experiments.registry import find_experiment
from frameworks.draws import Draws
from frameworks.pytorch.adapter import PyTorchAdapter

from ..planting import changed
from ..planting import train as train_experiment

pytestmark = pytest.mark.usefixtures("without_report")

CHURN, MNIST, CIRCLE = map(find_experiment, ("churn", "mnist", "circle"))
EPOCHS, ROWS = 3, 95
FIRST_EPOCH = "epoch 1: the loss differs by "
HALF_THE_RATE = """
from dataclasses import replace


def build_scratch(spec: Numbers = SPEC, good=build_scratch):
    return good(replace(spec, learning_rate=spec.learning_rate / 2))
"""


def train(implementation="pytorch", experiment=CHURN, limit=ROWS, **options):
    return train_experiment(experiment, implementation, epochs=EPOCHS, limit=limit, **options)


@pytest.fixture(scope="module")
def honest():
    return train("scratch")


def reason(one, other) -> str:
    """Return why two trainings differ, as `lockstep run` has it; nothing if they agree."""
    (entry,) = compare_all([one, other])
    assert entry.verdict == ("differ" if entry.reason else "agree")
    return entry.reason


@pytest.mark.parametrize("implementation", ["keras", "pytorch"])
def test_without_a_fault_the_verdict_is_agree(honest, implementation):
    assert reason(honest, train(implementation)) == ""


def test_epsilon_outside_the_correction_parts_the_first_epoch(monkeypatch, honest):
    monkeypatch.setattr(frameworks.pytorch.hooks, "use_epsilon_hat", lambda optimizer: optimizer)
    assert reason(honest, train()).startswith(FIRST_EPOCH)


def test_sum_for_a_mean_parts_the_first_epoch(honest):
    def change(parts):
        parts.loss.reduction = "sum"

    planted = changed(CHURN, "pytorch", change)
    assert reason(honest, train(experiment=planted)).startswith(FIRST_EPOCH)


def test_softmax_applied_twice_parts_the_first_epoch():
    from torch import nn

    def change(parts):
        return parts._replace(network=nn.Sequential(*parts.network, nn.Softmax(dim=1)))

    stock, planted = train("scratch", MNIST), changed(MNIST, "pytorch", change)
    assert reason(stock, train(experiment=MNIST)) == ""
    assert reason(stock, train(experiment=planted)).startswith(FIRST_EPOCH)


def test_missing_bias_correction_parts_the_first_epoch(honest):
    def uncorrected(optimizer, args, kwargs):
        for group in optimizer.param_groups:
            for state in (optimizer.state[p] for p in group["params"] if optimizer.state[p]):
                state["step"].fill_(10**6)  # both corrections are 1 by now

    def change(parts):
        parts.optimizer.register_step_pre_hook(uncorrected)

    planted = changed(CHURN, "pytorch", change)
    assert reason(honest, train(experiment=planted)).startswith(FIRST_EPOCH)


def test_dropped_partial_batch_parts_the_first_epoch(monkeypatch, honest):
    def train_whole_batches(self, data, orders, batch_size):
        whole = len(data.X) // batch_size * batch_size
        return original(self, data, (order[:whole] for order in orders), batch_size)

    original = PyTorchAdapter.train
    monkeypatch.setattr(PyTorchAdapter, "train", train_whole_batches)
    assert reason(honest, train()).startswith(FIRST_EPOCH)


def test_transposed_kernel_parts_the_initial_weights(monkeypatch, honest):
    def set_weights(self, weights):
        original(self, [w.T.copy() if w.shape == (6, 6) else w for w in weights])

    original = PyTorchAdapter.set_weights
    monkeypatch.setattr(PyTorchAdapter, "set_weights", set_weights)
    assert reason(honest, train()) == "the initial weights differ"


def test_kernel_transposed_both_ways_parts_the_first_epoch(monkeypatch, honest):
    def untransposed(module):
        layout = original(module)
        square = layout.own and layout.own[0].shape == (6, 6)
        return replace(layout, to_canonical=list, from_canonical=list) if square else layout

    original = frameworks.pytorch.adapter.layout_of
    monkeypatch.setattr(frameworks.pytorch.adapter, "layout_of", untransposed)
    assert reason(honest, train()).startswith(FIRST_EPOCH)


def test_another_seed_parts_the_initial_weights(honest):
    other = train(seed=1)
    told = other.record.model_copy(update={"seed": 0})  # else nobody would compare the two
    assert reason(honest, replace(other, record=told)) == "the initial weights differ"


def test_other_batches_part_the_batch_orders(monkeypatch, honest):
    def orders(self, *arguments):
        self._orders.random()
        return original(self, *arguments)

    original = Draws.orders
    monkeypatch.setattr(Draws, "orders", orders)
    assert reason(honest, train()) == "the batch orders differ"


def test_other_rows_part_the_numbers_of_training_rows(honest):
    assert reason(honest, train(limit=ROWS - 1)) == "the numbers of training rows differ"


def test_lost_last_step_parts_the_weights_only(honest):
    """An epoch's loss is measured before its last step, so no loss shows it."""
    steps = EPOCHS * -(-ROWS // CHURN.spec.batch_size)

    def change(parts):
        taken, step = iter(range(1, steps)), parts.optimizer.step
        parts.optimizer.step = lambda: next(taken, None) and step()

    planted = changed(CHURN, "pytorch", change)
    assert reason(honest, train(experiment=planted)).startswith("weights.0 differs by ")


def test_another_loss_in_the_evaluation_parts_the_test_loss_only(monkeypatch, honest):
    original = PyTorchAdapter.loss
    monkeypatch.setattr(
        PyTorchAdapter, "loss", lambda self, *arguments: 2 * original(self, *arguments)
    )
    assert reason(honest, train()) == "the test loss differs by 5.0e-01, limit 1.0e-12"


def test_threshold_of_a_logit_for_a_probability_parts_the_predictions_only(monkeypatch):
    def spoil(self, *arguments):
        original(self, *arguments)
        self.threshold = 0.0

    stock, original = train("scratch", CIRCLE), PyTorchAdapter.__init__
    assert reason(stock, train(experiment=CIRCLE)) == ""
    monkeypatch.setattr(PyTorchAdapter, "__init__", spoil)
    parted = reason(stock, train(experiment=CIRCLE))
    assert parted == "121 predictions differ, limit 0; the first in row 0"


def test_a_fault_on_a_page_turns_the_command_red(append_to_page, call, tmp_path):
    append_to_page("perceptron", HALF_THE_RATE)
    options = ("--with", "scratch,python", "--epochs", "20")
    answer = call("run", "perceptron", "circle", *options, "--out", tmp_path / "run")
    assert answer.code == 1
    assert "✗ perceptron, scratch and python, seed 0: epoch 2: the loss differs" in answer.out
    assert "4 of 4 trainings finished; 1 of 2 pairs agree." in answer.out
    agreement = json.loads((tmp_path / "run" / "results.json").read_text())["agreement"]
    assert [entry["verdict"] for entry in agreement] == ["differ", "agree"]
