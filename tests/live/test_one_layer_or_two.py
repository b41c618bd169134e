"""What one side computes in one layer, and the other in two, agrees, and hides no mistake."""

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn

from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(16, 6)), RNG.integers(0, 3, 16)
SEQUENCES, IMAGES = RNG.normal(size=(16, 5, 6)), RNG.normal(size=(16, 2, 4, 4))


class Own(nn.Module):
    """A dense layer by hand: x W + b."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class BiasFirst(Own):
    def forward(self, x):
        return torch.addmm(self.bias, x, self.weight)


class Added(nn.Module):
    """A layer without a bias, to which one is added."""

    def __init__(self, layer, *shape):
        super().__init__()
        self.layer, self.bias = layer, nn.Parameter(torch.randn(*shape))

    def forward(self, x):
        return self.layer(x) + self.bias


def network(first, second, between=nn.ReLU):
    return nn.Sequential(first, between(), second)


def stock(between=nn.ReLU):
    return network(nn.Linear(6, 5), nn.Linear(5, 3), between)


DENSE = {
    "a product and a sum": lambda **o: network(Own(6, 5), Own(5, 3), **o),
    "the bias before the kernel": lambda **o: network(BiasFirst(6, 5), BiasFirst(5, 3), **o),
    "a layer without a bias": lambda **o: network(
        Added(nn.Linear(6, 5, bias=False), 5), Added(nn.Linear(5, 3, bias=False), 3), **o
    ),
}


def compared(a, b, X=X):
    return diverge(a, b, X, y, steps=3, batch_size=8)


@pytest.mark.parametrize("make", DENSE.values(), ids=DENSE)
def test_a_dense_layer_is_a_product_to_which_a_bias_is_added(make):
    for pair in ((make(), stock()), (stock(), make())):
        report = compared(*map(training, pair))
        assert report.same, str(report)


@pytest.mark.parametrize("make", DENSE.values(), ids=DENSE)
def test_another_activation_after_it_is_the_place(make):
    report = compared(training(stock()), training(make(between=nn.Tanh)))
    assert (report.level, report.place) == ("forward", "layer 1")


def test_a_convolution_may_have_its_bias_added_in_any_shape():
    def small(layer):
        return nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))

    pair = nn.Conv2d(2, 3, 3), Added(nn.Conv2d(2, 3, 3, bias=False), 3, 1, 1)
    for a, b in (pair, pair[::-1]):
        report = compared(training(small(a)), training(small(b)), IMAGES)
        assert report.same, str(report)


class Summed(nn.Module):
    """The sum of what a GRU ends with, both ways."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 4, bidirectional=True, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        ends = self.gru(x)[1]
        return self.out(ends[0] + ends[1])


class Largest(nn.Module):
    def forward(self, x):
        return x.amax(1)


def of_keras(*own):
    model = keras.Sequential([keras.Input((5, 6)), *own, layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    return Training(model)


@pytest.mark.parametrize(
    ("own", "module"),
    [
        (
            lambda: [
                layers.TimeDistributed(layers.Dense(5, activation="relu")),
                layers.GlobalMaxPooling1D(),
            ],
            lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), Largest(), nn.Linear(5, 3)),
        ),
        (lambda: [layers.Bidirectional(layers.GRU(4), merge_mode="sum")], Summed),
    ],
    ids=["activation", "sum"],
)
def test_a_layer_of_keras_may_hold_what_stands_after_that_of_pytorch(own, module):
    pair = of_keras(*own()), training(module())
    for sides in (pair, pair[::-1]):
        report = compared(*sides, SEQUENCES)
        assert report.same, str(report)
