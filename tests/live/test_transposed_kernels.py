"""A kernel of one's own is handed over as it is used, whichever way round it is stored."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras import layers, ops
from torch import nn

from lockstep import Training, diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(16, 6)), RNG.integers(0, 3, 16)

PRODUCTS = {
    "x @ W.T": lambda x, W, b: x @ W.T + b,
    "a contiguous copy": lambda x, W, b: x.matmul(W.t().contiguous()) + b,
    "addmm": lambda x, W, b: torch.addmm(b, x, W.transpose(0, 1)),
    "einsum": lambda x, W, b: torch.einsum("ni,oi->no", x, W) + b,
    "heads": lambda x, W, b: torch.einsum("ni,hoi->nho", x, W.view(3, -1, 6)).flatten(1) + b,
    "columns": lambda x, W, b: (W @ x.T).T + b,
    "linear": lambda x, W, b: F.linear(x, W, b),
}


class Own(nn.Module):
    """A dense layer whose kernel is (d_out, d_in)."""

    def __init__(self, d_in, d_out, product):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(d_out, d_in) * 0.3)
        self.bias, self.product = nn.Parameter(torch.randn(d_out)), product

    def forward(self, x):
        return self.product(x, self.weight, self.bias)


class OwnLinear(nn.Linear):
    """PyTorch's parameters in a product of one's own."""

    def forward(self, x):
        return x @ self.weight.T + self.bias


def stack(dense):
    """Return a network with a square kernel, whose shape does not tell how it is stored."""
    return nn.Sequential(dense(6, 6), nn.Tanh(), dense(6, 3))


def report(a, b, X=X):
    return diverge(training(a), training(b), X, y, steps=3, batch_size=8)


@pytest.mark.parametrize("own_first", [True, False])
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_with_a_kernel_of_ones_own_is_a_dense_layer(name, own_first):
    own = stack(lambda d_in, d_out: Own(d_in, d_out, PRODUCTS[name]))
    sides = (own, stack(nn.Linear)) if own_first else (stack(nn.Linear), own)
    found = report(*sides)
    assert found.same, str(found)
    assert not any("counterpart" in note for note in found.notes)


def test_parameters_of_a_linear_may_be_multiplied_by_hand():
    found = report(stack(OwnLinear), stack(nn.Linear))
    assert found.same, str(found)


@pytest.mark.parametrize("start", [torch.eye(6), torch.zeros(6, 6)])
def test_a_symmetric_kernel_is_taken_as_it_is_given(start):
    sides = stack(OwnLinear), stack(nn.Linear)
    for side in sides:
        side[0].weight.data = start.clone()
    found = report(*sides)
    assert found.same, str(found)


def test_what_is_forgotten_after_the_product_is_found():
    own = stack(lambda d_in, d_out: Own(d_in, d_out, lambda x, W, b: x @ W.T))
    assert report(stack(nn.Linear), own).level == "forward"


def test_a_convolution_with_a_kernel_of_ones_own_has_that_of_the_layer():
    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = nn.Parameter(torch.randn(4, 3, 3, 3) * 0.3)

        def forward(self, x):
            return F.conv2d(x, self.own)

    images = RNG.normal(size=(16, 3, 5, 5))
    rest = [nn.Flatten(), nn.Linear(36, 3)]
    sides = Convolution(), nn.Conv2d(3, 4, 3, bias=False)
    found = report(*(nn.Sequential(each, *rest) for each in sides), images)
    assert found.same, str(found)


class OwnOfKeras(layers.Layer):
    """A dense layer whose kernel is (d_out, d_in), with an activation inside it."""

    def __init__(self, d_out, after=lambda z: z):
        super().__init__()
        self.d_out, self.after = d_out, after

    def build(self, shape):
        self.w = self.add_weight(shape=(self.d_out, shape[-1]), name="w")
        self.b = self.add_weight(shape=(self.d_out,), initializer="uniform", name="b")

    def call(self, x):
        return self.after(ops.matmul(x, ops.transpose(self.w)) + self.b)


@pytest.mark.parametrize("inside", [True, False])
def test_a_layer_of_keras_own_may_hold_its_kernel_transposed(inside):
    first = [OwnOfKeras(6, ops.relu)] if inside else [OwnOfKeras(6), layers.ReLU()]
    own = keras.Sequential([layers.Input((6,)), *first, OwnOfKeras(3)])
    own.compile(keras.optimizers.SGD(0.125), "mse")
    other = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    descent = torch.optim.SGD(other.parameters(), lr=0.125)
    sides = Training(own), Training(other, loss=nn.MSELoss(), optimizer=descent)
    found = diverge(*sides, X, np.eye(3)[y], steps=3, batch_size=8)
    assert found.same, str(found)
