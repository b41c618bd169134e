"""What Keras layers, losses and schedules keep in plain Python is each training's own."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import nn

from lockstep import Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)
SHARED = {"n": 0}


def compiled(*inner, rate=0.125, loss=None):
    model = keras.Sequential([keras.Input((6,)), *inner, layers.Dense(3)])
    model.compile(
        keras.optimizers.SGD(rate),
        loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    return Training(model)


def reported(a, b):
    return diverge(a, b, X, y, steps=8, batch_size=16)


def by_a_list():
    n = [0]

    def count():
        n[0] += 1
        return n[0]

    return count


def by_a_number():
    n = 0

    def count():
        nonlocal n
        n += 1
        return n

    return count


def by_a_default():
    def count(held={"n": 0}):  # noqa: B006 - as users write it
        held["n"] += 1
        return held["n"]

    count.__defaults__ = ({"n": 0},)
    return count


def by_an_object():
    held = SimpleNamespace(n=np.zeros(1))

    def count():
        held.n[0] += 1
        return float(held.n[0])

    return count


def by_an_iterator():
    n = itertools.count(1)
    return lambda: next(n)


class Counting(layers.Layer):
    """A layer whose factor grows with the passes of the training."""

    def __init__(self, count, k):
        super().__init__()
        self.count, self.k = count, k

    def call(self, x, training=False):
        return x * (1 + self.count() // self.k) if training else x


class WithADict(Counting):
    def __init__(self, count, k):
        super().__init__(count, k)
        self.held = {"n": 0}

    def call(self, x, training=False):
        if training:
            self.held["n"] += 1
        return x * (1 + self.held["n"] // self.k)


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, count, k):
        self.count, self.k = count, k

    def __call__(self, step):
        return 0.1 / (1 + self.count() // self.k)


def in_a_loss(count, k):
    def loss(y, z):
        value = ops.mean(keras.losses.sparse_categorical_crossentropy(y, z, from_logits=True))
        return value * (1 + count() // k)

    return compiled(loss=loss)


def in_a_regularizer(count, k):
    return compiled(
        layers.Dense(5, kernel_regularizer=lambda w: ops.sum(w**2) * (1 + count() // k))
    )


def in_a_schedule_by_epochs(count, k):
    scheduled = compiled()
    return Training(
        scheduled.model, scheduler=lambda epoch: 0.1 / (1 + 2 * count() // k), step_on="epoch"
    )


HOLDERS = {
    "layer": lambda count, k: compiled(Counting(count, k)),
    "layer with a dict": lambda count, k: compiled(WithADict(count, k)),
    "Lambda": lambda count, k: compiled(
        layers.Dense(5), layers.Lambda(lambda x: x * (1 + count() // k))
    ),
    "rate": lambda count, k: compiled(rate=lambda: 0.1 / (1 + count() // k)),
    "schedule": lambda count, k: compiled(rate=Falling(count, k)),
    "loss": in_a_loss,
    "regularizer": in_a_regularizer,
}


def check(held, make):
    def side(k):
        counts.append(make())
        made = held(counts[-1], k)
        counts[-1]()
        return made

    counts: list = []
    one = side(5)
    for _ in range(2):
        assert reported(one, side(5)).same
    report = reported(one, side(7))
    assert report.level == "trajectory", str(report)
    assert len({count() for count in counts}) == 1


@pytest.mark.parametrize("held", HOLDERS.values(), ids=HOLDERS)
def test_a_count_around_a_function_begins_anew_in_every_training(held):
    check(held, by_a_list)


@pytest.mark.parametrize("make", [by_a_number, by_a_default, by_an_object, by_an_iterator])
def test_counts_of_every_kind_begin_anew(make):
    check(HOLDERS["layer"], make)


def test_a_schedule_by_epochs_counts_for_each_training():
    check(in_a_schedule_by_epochs, by_a_list)


def test_a_global_count_is_that_of_each_training():
    def count():
        SHARED["n"] += 1
        return SHARED["n"]

    one = HOLDERS["rate"](count, 5)
    for _ in range(2):
        assert reported(one, HOLDERS["rate"](by_a_list(), 5)).same
    assert SHARED == {"n": 0}


class Port(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.inner, self.last, self.k, self.held = nn.Linear(6, 5), nn.Linear(5, 3), k, {"n": 0}

    def forward(self, x):
        h = self.inner(x)
        if self.training:
            self.held["n"] += 1
        return self.last(h * (1 + self.held["n"] // self.k))


def test_a_layer_counts_the_steps_that_a_module_of_pytorch_counts():
    def port(k):
        model = Port(k)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.125)
        return Training(model, loss=nn.CrossEntropyLoss(), optimizer=optimizer)

    one = compiled(layers.Dense(5), WithADict(None, 5))
    assert reported(one, port(5)).same
    assert reported(one, port(7)).level == "trajectory"
