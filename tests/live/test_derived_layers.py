"""A layer that a user derives from one of PyTorch, with its `forward`, is that one."""

import keras
import numpy as np
import pytest
from keras import layers as L
from torch import nn

from frameworks.pytorch.hooks import use_biased_running_variance
from lockstep import Training, diverge

from .modules import training

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
