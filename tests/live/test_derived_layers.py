"""A layer that a user derives from one of PyTorch, with its `forward`, is that one."""

import keras
import numpy as np
import pytest
import torch
from keras import layers as L
from torch import nn

from frameworks.pytorch.hooks import use_biased_running_variance, use_one_bias
from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(24, 6, 6, 3)), RNG.integers(4, size=24)
KINDS = nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.Dropout, nn.BatchNorm1d, nn.Linear


def derived(kind):
    return type("Own", (kind,), {})


def port(own):
    """A network in which these kinds of layers are derived ones."""
    conv, images, pool, drop, rows, linear = (derived(k) if k in own else k for k in KINDS)
    options = {"eps": 2**-10, "momentum": 0.125}
    model = nn.Sequential(
        conv(3, 4, 3), images(4, **options), pool(2), drop(0.25), nn.Flatten(), rows(16, **options),
        linear(16, 4),
    )  # fmt: skip
    return training(use_biased_running_variance(model))


def in_keras():
    norms = [L.BatchNormalization(momentum=0.875, epsilon=2**-10) for _ in range(2)]
    model = keras.Sequential(
        [L.Input((6, 6, 3)), L.Conv2D(4, 3), norms[0], L.MaxPooling2D(2), L.Dropout(0.25),
         L.Flatten(), norms[1], L.Dense(4)]
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    return Training(model)


@pytest.mark.parametrize("own", [*((kind,) for kind in KINDS), KINDS])
def test_derived_layers_are_those_they_derive_from(own):
    report = diverge(in_keras(), port(own), X, y, steps=3, batch_size=8)
    assert report.same, str(report)
    assert not report.settings, str(report)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("state", [0.0, 0.5])
def test_a_recurrent_layer_with_a_forward_of_its_own_is_that_one(kind, state):
    def last(call, x):
        first = torch.full((1, len(x), 6), state)
        return call(x, (first, first) if kind is nn.LSTM else first)[0][:, -1]

    class Last(kind):
        def forward(self, x):
            return last(super().forward, x)

    class Reading(nn.Module):
        def __init__(self, derived):
            super().__init__()
            self.rnn = (Last if derived else kind)(3, 6, batch_first=True)
            self.out = nn.Linear(6, 4)

        def forward(self, x):
            return self.out(self.rnn(x) if isinstance(self.rnn, Last) else last(self.rnn, x))

    for order in ((True, False), (False, True)):
        sides = (training(Reading(derived)) for derived in order)
        report = diverge(*sides, X[:, 0], y, steps=3, batch_size=8)
        assert report.same, str(report)
        assert not report.settings, str(report)


def test_a_recurrent_layer_with_a_forward_of_its_own_is_one_of_keras():
    class Last(nn.LSTM):
        def forward(self, x):
            return super().forward(x)[0][:, -1]

    def side(activation):
        model = keras.Sequential([L.Input((6, 3)), L.LSTM(6, activation=activation), L.Dense(4)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
        return Training(model)

    port = use_one_bias(nn.Sequential(Last(3, 6, batch_first=True), nn.Linear(6, 4)))
    for activation in ("tanh", "relu"):
        report = diverge(side(activation), training(port), X[:, 0], y, steps=3, batch_size=8)
        assert report.level == ("" if activation == "tanh" else "forward"), str(report)


@pytest.mark.parametrize("kind", [nn.LayerNorm, nn.GroupNorm])
def test_a_normalization_with_a_forward_of_its_own_states_what_that_one_does(kind):
    class Cast(kind):
        def forward(self, x):
            return super().forward(x.double()).to(x.dtype)

    def side(own, eps=1e-5):
        shape = (4,) if kind is nn.LayerNorm else (2, 4)
        norm = own(shape, eps=eps) if kind is nn.LayerNorm else own(*shape, eps=eps)
        layers = [nn.Conv2d(3, 4, 3, padding=1), norm, nn.Flatten(), nn.Linear(144, 4)]
        if kind is nn.LayerNorm:
            layers = [nn.Linear(3, 4), norm, nn.Flatten(), nn.Linear(144, 4)]
        return training(nn.Sequential(*layers))

    rows = X if kind is nn.LayerNorm else X.transpose(0, 3, 1, 2)
    report = diverge(side(kind), side(Cast), rows, y, steps=2, batch_size=8)
    assert report.same, str(report)
    assert not report.settings, str(report)
    report = diverge(side(kind), side(Cast, 0.25), rows, y, steps=2, batch_size=8)
    assert "eps=0.25" in str(report.cause), str(report)
