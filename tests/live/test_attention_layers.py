"""Layers of attention whose queries, memories and outputs are of several widths."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras import layers as L
from torch import nn

from lockstep import Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
Q, MEMORY, y = (RNG.normal(size=size) for size in [(16, 5, 4), (16, 6, 3), (16, 5, 2)])


class ByHand(nn.Module):
    """Attention over a memory, written out."""

    def __init__(self, size, heads=1, scale=None):
        super().__init__()
        inner = size * heads
        self.q, self.k, self.v = nn.Linear(4, inner), nn.Linear(3, inner), nn.Linear(3, inner)
        self.o, self.out = nn.Linear(inner, 7), nn.Linear(7, 2)
        self.heads, self.scale = heads, scale

    def forward(self, x, memory):
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for z in (self.q(x), self.k(memory), self.v(memory)))  # fmt: skip
        z = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return self.out(self.o(z.transpose(1, 2).flatten(2)))


class ByModule(nn.Module):
    """Attention over a memory, by PyTorch's module."""

    def __init__(self, bias):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 1, bias=bias, kdim=3, vdim=3, batch_first=True)
        self.out = nn.Linear(4, 2)

    def forward(self, x, memory):
        return self.out(self.attention(x, memory, memory)[0])


def in_keras(size, heads=1, width=7, bias=True):
    x, memory = L.Input((5, 4)), L.Input((6, 3))
    attention = L.MultiHeadAttention(heads, size, use_bias=bias, output_shape=width, name="attend")
    model = keras.Model([x, memory], L.Dense(2)(attention(x, memory)))
    model.compile(keras.optimizers.SGD(2**-4), "mse")
    return Training(model)


def compared(theirs, ours):
    sgd = torch.optim.SGD(theirs.parameters(), lr=2**-4)
    theirs = Training(theirs, loss=nn.MSELoss(), optimizer=sgd)
    return diverge(ours, theirs, [Q, MEMORY], y, steps=3, batch_size=8)


@pytest.mark.parametrize("bias", [True, False])
def test_the_memory_may_have_another_width(bias):
    report = compared(ByModule(bias), in_keras(4, width=None, bias=bias))
    assert report.same, str(report)
    assert report.levels[3].compared >= (10 if bias else 6)  # the gradients of all weights


def test_the_output_may_have_another_width():
    report = compared(ByHand(4), in_keras(4))
    assert report.same, str(report)


def test_a_scale_that_keras_rounds_is_said_and_can_be_given():
    report = compared(ByHand(2, heads=2), in_keras(2, heads=2))
    assert not report.same
    rounded = float(np.float32(2**-0.5))
    assert any(f"by 1/√2 as float32 has it, {rounded!r}" in note for note in report.notes)
    report = compared(ByHand(2, heads=2, scale=rounded), in_keras(2, heads=2))
    assert report.same, str(report)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(L.ConvLSTM1D, (3, 6, 2)), (L.ConvLSTM2D, (3, 6, 6, 2)), (L.ConvLSTM3D, (2, 4, 4, 4, 2))],
)
def test_recurrent_convolutions_are_compared_by_their_numbers(layer, shape):
    def training(**options):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([L.Input(shape), layer(2, 2, **options), L.Flatten(), L.Dense(2)])
        model.compile(keras.optimizers.SGD(2**-4), "mse")
        return Training(model)

    X, targets = RNG.normal(size=(8, *shape)), RNG.normal(size=(8, 2))
    options = {"steps": 2, "batch_size": 4}
    report = diverge(training(), training(), X, targets, **options)
    assert report.same, str(report)
    other = diverge(training(), training(activation="relu"), X, targets, **options)
    assert not other.same
    assert other.level == "forward"


class Itself(nn.Module):
    """Attention of a module, called, or written out over its own packed weights."""

    def __init__(self, written=False, order=(0, 1, 2)):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        nn.init.normal_(self.attention.in_proj_bias)
        self.out = nn.Linear(4, 2)
        self.written, self.order = written, order

    def forward(self, x):
        module = self.attention
        if not self.written:
            return self.out(module(x, x, x)[0])
        packed = F.linear(x, module.in_proj_weight, module.in_proj_bias).chunk(3, -1)
        q, k, v = (packed[i].unflatten(-1, (2, -1)).transpose(1, 2) for i in self.order)
        z = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.out(module.out_proj(z))


def alone(model):
    return Training(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.125))


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
@pytest.mark.parametrize("swapped", [False, True])
def test_an_attention_written_out_over_its_own_weights_takes_them_in_their_order(swapped, order):
    sides = [alone(Itself()), alone(Itself(written=True, order=order))]
    report = diverge(*reversed(sides) if swapped else sides, Q, y, steps=4, batch_size=8)
    assert report.same == (order == (0, 1, 2))
