"""Native trainings of every task: what is measured on the test rows, and by whose loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.harness.cell import Cell, Job
from experiments.harness.plan import plan
from experiments.harness.request import Request
from experiments.harness.workers.native_training import train_natively
from experiments.harness.workers.training import load_data
from experiments.registry import find_experiment

pytestmark = pytest.mark.slow


def train(name, implementation, **options):
    """Train natively for two epochs; return the record, the arrays, and the data."""
    options |= {"implementations": (implementation,), "epochs": 2, "policy": "stand-in"}
    (item,) = plan(Request(experiments=(name,), native=True, **options)).heads.items()
    cell, head = item
    data = load_data(cell.find(), cell.policy, cell.data_dir)
    return *train_natively(Job(cell, head, None), data, 0.0, lambda epoch, loss: None), data


@pytest.mark.parametrize("implementation", ["scratch", "pytorch"])
def test_a_regression_is_measured_in_the_unit_of_its_quantity(implementation):
    record, arrays, data = train("diabetes", implementation)
    outputs = arrays["outputs"].astype(float)[:, 0]
    error = data.in_units(outputs) - data.in_units(data.y_test)
    assert record.test.mse == pytest.approx(np.mean(error**2), rel=1e-12)  # a sum's order
    assert record.test.rmse == pytest.approx(np.mean(error**2) ** 0.5, rel=1e-12)  # the same
    loss = np.mean((outputs - data.y_test) ** 2)  # in standard deviations, as it is trained
    assert record.test.loss == pytest.approx(loss, rel=1e-12)  # the same
    assert (record.history.accuracy, record.test.accuracy, record.test.confusion) == (None,) * 3
    assert "predictions" not in arrays


def test_a_reconstruction_is_held_against_the_inputs():
    record, arrays, data = train("digits_autoencoder", "pytorch")
    expected = np.mean((arrays["outputs"].astype(float) - data.X_test) ** 2)
    assert record.test.mse == pytest.approx(expected, rel=1e-12)  # a sum's order
    assert len(record.history.loss) == 2


@pytest.mark.parametrize("name", ["circle", "churn", "mnist", "diabetes"])
def test_without_scratch_the_frameworks_own_loss_measures_the_same(monkeypatch, name):
    measured, _, _ = train(name, "pytorch")
    whole = find_experiment(name)
    builders = [build for build in whole.builders if build.__name__ == "build_pytorch"]
    monkeypatch.setattr(Cell, "find", lambda self: replace(whole, builders=builders))
    own, _, _ = train(name, "pytorch")
    assert own.test.loss == pytest.approx(measured.test.loss, rel=1e-12)  # a sum's order
    assert own.test.accuracy == measured.test.accuracy


@pytest.mark.parametrize("implementation", ["scratch", "pytorch"])
def test_tokens_remain_whole_numbers(implementation):
    record, arrays, data = train("sorting_transformer", implementation)
    answered = data.y_test != -1
    right = (arrays["outputs"].argmax(axis=2) == data.y_test)[answered]
    assert record.test.metric("token_accuracy") == right.mean()


def test_without_scratch_a_loss_has_weights_of_its_own_dtype(monkeypatch):
    whole = find_experiment("mnist")
    (build,) = [build for build in whole.builders if build.__name__ == "build_pytorch"]

    def build_pytorch(spec=whole.spec):
        weighted = torch.nn.CrossEntropyLoss(weight=torch.ones(10))
        return build(spec=spec)._replace(loss=weighted)

    monkeypatch.setattr(Cell, "find", lambda self: replace(whole, builders=[build_pytorch]))
    weighted, _, _ = train("mnist", "pytorch", dtype="float32")
    monkeypatch.undo()
    plain, _, _ = train("mnist", "pytorch", dtype="float32")
    assert weighted.test.loss == pytest.approx(plain.test.loss, rel=1e-6)  # float32's rounding
