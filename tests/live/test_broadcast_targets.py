"""Outputs (n, 1) and targets (n,): PyTorch's losses broadcast them, here as in the user's loop."""

import numpy as np
import pytest
import torch
from torch import nn

from lockstep import Training, diverge
from scratch import SGD, Dense, MeanSquaredError, Sequential

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(16, 3)), RNG.normal(size=16)
WARNED = pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")  # of PyTorch


class Flat(nn.Module):
    """A dense layer whose outputs have no column."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(3, 1)

    def forward(self, x):
        return self.dense(x)[:, 0]


def ours():
    network = Sequential(Dense(3, 1)).initialize(np.random.default_rng(0))
    return Training(network, MeanSquaredError(), SGD(learning_rate=0.125))


def theirs(model=None, loss=None, **options):
    model = model or nn.Linear(3, 1)
    descent = torch.optim.SGD(model.parameters(), lr=0.125)
    return Training(model, loss or nn.MSELoss(), descent, **options)


def own_step(model, optimizer, loss, inputs, targets):
    optimizer.zero_grad()
    value = loss(model(inputs), targets)
    value.backward()
    optimizer.step()
    return value


def compared(a, b, y):
    return diverge(a, b, X, y, steps=3, batch_size=8)


@WARNED
@pytest.mark.parametrize(
    "step", [None, own_step], ids=["the step of diverge", "a step of one's own"]
)
def test_a_loss_that_broadcasts_is_named_with_its_remedy(step):
    report = compared(ours(), theirs(step=step), Y)
    assert (report.level, report.odd) == ("loss", "pytorch")
    assert (
        report.cause == "pytorch broadcasts outputs (8, 1) with targets (8,) to (8, 8) in its loss"
    )
    assert "y=(y, y[:, None])" in report.causes[0].advice
    assert compared(ours(), theirs(step=step), (Y, Y[:, None])).same
    swapped = compared(theirs(step=step), ours(), Y)
    assert "y=(y[:, None], y)" in swapped.causes[0].advice


@WARNED
def test_targets_with_a_column_that_outputs_lack_are_broadcast_too():
    report = compared(ours(), theirs(Flat()), Y[:, None])
    assert (
        report.cause == "pytorch broadcasts outputs (8,) with targets (8, 1) to (8, 8) in its loss"
    )
    assert "without a column, y[:, 0]" in report.causes[0].advice
    assert compared(ours(), theirs(Flat()), (Y[:, None], Y)).same


@WARNED
@pytest.mark.parametrize("loss", [nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss(beta=0.5)])
def test_every_loss_of_numbers_broadcasts(loss):
    report = compared(theirs(loss=loss), theirs(loss=loss), (Y[:, None], Y))
    assert "broadcasts outputs (8, 1) with targets (8,)" in report.cause


def test_a_function_of_the_users_own_is_given_the_targets_as_they_are():
    def of_columns(output, y):
        return nn.functional.mse_loss(output[:, 0], y)

    assert compared(ours(), theirs(loss=of_columns), Y).same


def test_targets_that_the_loss_would_refuse_are_shaped_as_the_outputs_and_that_is_noted():
    both = [theirs(loss=nn.BCEWithLogitsLoss()) for _ in range(2)]
    report = compared(*both, (Y > 0).astype(float))
    assert report.same
    assert "targets (n,) are taken as (n, 1), as the outputs are" in report.notes
