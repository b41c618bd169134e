"""The last batch of an epoch may have fewer rows: what a loss makes of their number is compared."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
import torch.nn.functional as F
from torch import nn

from frameworks.errors import RequestError
from lockstep import Training, diverge

from .modules import training

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))


def by_eight(z, y):
    return ((z - y) ** 2).sum() / 16  # two numbers in each of 8 rows


def by_eight_in_keras(y, z):
    return keras.ops.sum((z - y) ** 2) / 16


def linear(loss, layer=None, rate=2**-4, **options):
    descent = lambda p: torch.optim.SGD(p, lr=rate)  # noqa: E731 - as `training` takes one
    return training(layer or nn.Linear(3, 2), loss=loss, optimizer=descent, **options)


def dense(loss):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(2**-4), loss)
    return Training(model)


def compared(one, other, **options):
    return diverge(one, other, X, Y, steps=1, batch_size=8, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("sides", "odd"),
    [
        (lambda: (linear(nn.MSELoss()), linear(by_eight)), "the second pytorch"),
        (lambda: (dense(by_eight_in_keras), linear(nn.MSELoss())), "keras"),
    ],
)
def test_a_loss_that_is_divided_by_a_fixed_number_differs_in_a_shorter_batch(sides, odd, dtype):
    report = compared(*sides(), dtype=dtype)
    assert report.level == "loss", str(report)
    assert report.difference.where == "the loss of a batch of 7 rows"
    assert report.cause == f"{odd} divides its loss by 8, however many rows a batch has"


class MeanOfSixteen(torch.autograd.Function):
    """A mean whose derivative is that of one of sixteen numbers, however many there are."""

    @staticmethod
    def forward(ctx, x):
        ctx.shape = x.shape
        return x.mean()

    @staticmethod
    def backward(ctx, gradient):
        return gradient.expand(ctx.shape) / 16


def of_sixteen(z, y):
    return MeanOfSixteen.apply((z - y) ** 2)


@pytest.mark.parametrize("other", [lambda: linear(nn.MSELoss()), lambda: dense("mse")])
@pytest.mark.parametrize("first", [True, False])
def test_a_gradient_that_is_divided_by_a_fixed_number_differs_in_a_shorter_batch(other, first):
    sides = linear(of_sixteen), other()
    report = compared(*(sides if first else sides[::-1]))
    assert report.level == "gradient", str(report)
    assert report.difference.where.endswith("in a batch of 7 rows")
    assert report.cause is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_two_gradients_that_are_divided_by_the_same_number_agree(dtype):
    assert compared(linear(of_sixteen), linear(of_sixteen), dtype=dtype).same


def test_two_losses_that_are_divided_by_the_same_number_agree():
    assert compared(dense(by_eight_in_keras), linear(by_eight)).same


@pytest.mark.parametrize(("factor", "said"), [(2.0, False), (None, True)])
def test_of_a_loss_that_is_written_differently_another_ratio_is_said(factor, said):
    """A sum over the 8 rows and 2 outputs with a sixteenth of the rate trains as the mean does."""
    loss = nn.MSELoss(reduction="sum") if factor is None else lambda z, y: factor * F.mse_loss(z, y)
    other = linear(loss, rate=2**-4 / (factor or 16))
    report = compared(linear(nn.MSELoss()), other)
    assert report.same
    assert any("by another factor" in note for note in report.notes) == said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.PoissonNLLLoss(), nn.PoissonNLLLoss(full=True)),
        (lambda z, y: F.kl_div(z.log_softmax(1), y, reduction="batchmean"), nn.CrossEntropyLoss()),
    ],
)
def test_a_term_of_the_targets_is_no_other_factor(one, other):
    targets = RNG.dirichlet([1.0, 1.0], 8) + (3 if isinstance(one, nn.Module) else 0)
    report = diverge(linear(one), linear(other), X, targets, steps=2, batch_size=8)
    assert report.same, str(report)
    assert any("the losses or their gradients differ" in note for note in report.notes)
    assert not any("by another factor" in note for note in report.notes)


class OfEight(nn.Linear):
    """Takes eight rows, no others."""

    def forward(self, x):
        return super().forward(x.view(8, 3))


class BackOfEight(nn.Linear):
    """Takes any number of rows, but the gradients of eight alone."""

    def forward(self, x):
        z = super().forward(x)
        if z.requires_grad:
            z.register_hook(lambda gradient: gradient.view(8, 2))
        return z


@tf.custom_gradient
def back_of_eight(y, z):
    error = z - y
    return tf.reduce_mean(error**2), lambda g: (None, g * tf.reshape(error, (8, 2)) / 8)


@pytest.mark.parametrize(
    ("side", "says"),
    [
        (lambda: linear(nn.MSELoss(), OfEight(3, 2)), "the PyTorch model fails"),
        (lambda: linear(nn.MSELoss(), BackOfEight(3, 2)), "the backward pass of the PyTorch side"),
        (lambda: dense(back_of_eight), "the backward pass of the Keras side fails"),
    ],
)
def test_what_takes_a_fixed_number_of_rows_is_said_not_to_be_compared_in_others(side, says):
    report = compared(side(), linear(nn.MSELoss()))
    assert report.same, str(report)
    assert any(f"a shorter batch is not compared: {says}" in note for note in report.notes)


def test_a_backward_pass_that_fails_is_refused_in_a_sentence():
    side = linear(lambda z, y: z.exp_().sum() + z.add_(1).sum())
    with pytest.raises(RequestError, match="the backward pass of the PyTorch side fails: one of"):
        compared(side, linear(nn.MSELoss()))
