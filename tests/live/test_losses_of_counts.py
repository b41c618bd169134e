"""Losses of counts: a Poisson loss of rates, and of their logarithms, are one."""

import copy

import keras
import numpy as np
import pytest
import torch
from torch import nn

from lockstep import Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(96, 6)), RNG.poisson(2.0, size=(96, 1)).astype(float)
EXACT = nn.PoissonNLLLoss(log_input=False, eps=0)


class Rates(nn.Module):
    def __init__(self, logarithms):
        super().__init__()
        self.logarithms = logarithms

    def forward(self, x):
        return torch.exp(self.logarithms(x))


def of_pytorch(loss, rates):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    model = Rates(model) if rates else model
    return Training(model, loss, torch.optim.SGD(model.parameters(), lr=0.0625))


def of_keras(loss):
    last = keras.layers.Dense(1, activation="exponential")
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(8, "relu"), last])
    model.compile(keras.optimizers.SGD(0.0625), loss)
    return Training(model)


def compared(*sides):
    """Compare both ways; return both reports."""
    return [diverge(*copy.copy(sides)[::k], X, y, steps=8, batch_size=32) for k in (1, -1)]


def by_hand(rates, targets):
    return (rates - targets * torch.log(rates)).mean()


def by_hand_in_keras(targets, rates):
    return keras.ops.mean(rates - targets * keras.ops.log(rates))


RATES = {
    "stock": lambda: of_pytorch(EXACT, rates=True),
    "by hand": lambda: of_pytorch(by_hand, rates=True),
    "keras, by hand": lambda: of_keras(by_hand_in_keras),
}


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
def test_a_loss_of_rates_is_that_of_their_logarithms(rates):
    for report in compared(rates(), of_pytorch(nn.PoissonNLLLoss(), rates=False)):
        assert report.same, str(report)
        assert any("outputs are compared as rates" in note for note in report.notes)


@pytest.mark.parametrize(
    "make",
    [lambda: of_keras("poisson"), lambda: of_pytorch(nn.PoissonNLLLoss(log_input=False), True)],
)
def test_what_is_added_to_rates_is_a_difference_of_the_losses_alone(make):
    for report in compared(make(), of_pytorch(nn.PoissonNLLLoss(), rates=False)):
        assert (report.level, report.cause) == ("loss", None)


def test_what_two_add_to_rates_is_named():
    stock = of_pytorch(nn.PoissonNLLLoss(log_input=False), rates=True)
    for report in compared(of_keras("poisson"), stock):
        assert report.cause == "keras has log(p + 1e-07) in its loss, pytorch eps=1e-08 in its loss"


def test_rates_that_are_taken_for_logarithms_are_found():
    wrong = of_pytorch(nn.PoissonNLLLoss(), rates=True)
    for report in compared(wrong, of_pytorch(nn.PoissonNLLLoss(), rates=False)):
        assert "ends in an exponential" in report.cause
