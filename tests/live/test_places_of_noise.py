"""Noise of whole channels, of alpha dropout and of Gaussians is handed over, as masks are."""

import re

import keras
import numpy as np
import pytest
import torch.nn.functional as F
from keras import layers as L
from torch import nn

from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(24, 8, 8, 3)), RNG.integers(3, size=24)


class Noisy(nn.Module):
    """Two convolutions of images (n, c, h, w), with noise somewhere, or called in some mode."""

    def __init__(self, place="between", kind=nn.Dropout2d, called=None):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.noise, self.out = kind(0.25), nn.Linear(4, 3)
        self.place, self.called = place, called

    def forward(self, x):
        x = self.drop(x) if self.place == "before" else x
        x = self.first(x)
        x = F.relu(self.drop(x)) if self.place == "before its activation" else F.relu(x)
        x = self.drop(x) if self.place == "between" else x
        x = F.relu(self.second(x))
        x = self.drop(x) if self.place == "behind" else x
        return self.out(x.mean((2, 3)))

    def drop(self, x):
        if self.called is None:
            return self.noise(x)
        if self.called == "where it trains":
            return F.dropout2d(x, 0.25) if self.training else x
        if self.called == "by a rate":
            return F.dropout2d(x, 0.25 if self.training else 0.0)
        modes = {"as it trains": self.training, "always": True, "never": False}
        return F.dropout2d(x, 0.25, modes[self.called])


def in_keras(place, kind):
    def noise(here):
        return [kind(0.25)] if here == place else []

    convolution = {"padding": "same", "activation": "relu"}
    model = keras.Sequential([
        L.Input((8, 8, 3)), *noise("before"), L.Conv2D(4, 3, **convolution), *noise("between"),
        L.Conv2D(4, 3, **convolution), *noise("behind"), L.GlobalAveragePooling2D(), L.Dense(3),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Training(model, loss, keras.optimizers.SGD(2**-4, momentum=0.5))


def compared(a, b):
    a, b = (training(each) if isinstance(each, nn.Module) else each for each in (a, b))
    return diverge(a, b, X, y, steps=3, batch_size=8)


@pytest.mark.parametrize("kind", [nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout])
@pytest.mark.parametrize("place", ["before", "behind"])
def test_noise_before_another_layer_differs(place, kind):
    for sides in ((Noisy(kind=kind), Noisy(place, kind)), (Noisy(place, kind), Noisy(kind=kind))):
        report = compared(*sides)
        assert report.level == "forward", str(report)
        assert re.search("has an? (alpha )?dropout .noise. before (first|second), ", report.cause)


def test_noise_before_an_activation_or_behind_it_agrees():
    assert compared(Noisy(), Noisy("before its activation")).same
    assert compared(Noisy("before its activation"), Noisy()).same


@pytest.mark.parametrize("kind", [L.SpatialDropout2D, L.GaussianNoise, L.GaussianDropout])
def test_so_it_is_in_keras(kind):
    assert compared(in_keras("between", kind), in_keras("between", kind)).same
    report = compared(in_keras("between", kind), in_keras("before", kind))
    assert report.level == "forward", str(report)
    assert re.search(r"has an? (gaussian )?\w+ .*before conv2d", report.cause)


def test_a_layer_of_keras_and_one_of_pytorch_have_places():
    assert compared(in_keras("between", L.SpatialDropout2D), Noisy()).same
    assert compared(in_keras("behind", L.SpatialDropout2D), Noisy()).level == "forward"


@pytest.mark.parametrize(
    ("called", "cause"),
    [("always", "drops in evaluation mode, too"), ("never", "drops nothing")],
)
def test_noise_that_is_called_in_another_mode_is_the_cause(called, cause):
    report = compared(Noisy(called=called), Noisy(called="as it trains"))
    assert report.level == "forward", str(report)
    assert cause in report.cause


@pytest.mark.parametrize("called", ["as it trains", "where it trains", "by a rate"])
def test_however_a_model_says_that_noise_is_for_training_its_place_is_compared(called):
    for sides in ((Noisy(called=called), Noisy()), (Noisy(), Noisy(called=called))):
        report = compared(*sides)
        assert report.same, str(report)
    assert not compared(Noisy(called=called), Noisy("behind", called=called)).same
