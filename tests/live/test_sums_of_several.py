"""Keras adds several tensors in one layer, PyTorch in several sums: the same, if it is the same."""

import keras
import numpy as np
import pytest
from keras import layers as L
from torch import nn

from lockstep import Training, diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(24, 6)), RNG.integers(3, size=24)


class Summed(nn.Module):
    def __init__(self, total):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(6, 8)
        self.out, self.total = nn.Linear(8, 3), total

    def forward(self, x):
        return self.out(self.total(self.a(x).relu(), self.b(x).tanh(), self.c(x)))


def in_keras():
    x = L.Input((6,))
    total = L.Add()([L.Dense(8, "relu")(x), L.Dense(8, "tanh")(x), L.Dense(8)(x)])
    model = keras.Model(x, L.Dense(3)(total))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    return Training(model)


def compared(total):
    one, other = in_keras(), training(Summed(total))
    reports = [diverge(*sides, X, y, steps=3, batch_size=8)
               for sides in ((one, other), (other, one))]  # fmt: skip
    assert reports[0].same == reports[1].same
    return reports[0]


@pytest.mark.parametrize(
    "total", [lambda u, v, w: u + v + w, lambda u, v, w: u + (v + w), lambda *all_: sum(all_)]
)
def test_one_layer_that_adds_three_is_two_sums(total):
    report = compared(total)
    assert report.same, str(report)


@pytest.mark.parametrize(
    "total", [lambda u, v, w: u + v, lambda u, v, w: u + v - w, lambda u, v, w: (u + v) * w]
)
def test_another_sum_is_the_place(total):
    report = compared(total)
    assert (report.level, "add" in report.place) == ("forward", True), str(report)
