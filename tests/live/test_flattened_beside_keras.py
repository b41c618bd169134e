"""Keras models that exchange axes before they flatten, as one that was ported has to."""

import keras
import numpy as np
import pytest
import torch.nn.functional as F
from keras import layers as L
from torch import nn

from lockstep import Training, diverge, record

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
IMAGES, CODES = RNG.normal(size=(24, 6, 6, 3)), RNG.normal(size=(24, 5))
LABELS = RNG.integers(3, size=24)


def in_keras(*layers, rate=0.0625):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Training(keras.Sequential([*layers]), loss, keras.optimizers.SGD(rate, momentum=0.5))


def classifier_in_keras(axes, **options):
    return in_keras(
        *(L.Input((6, 6, 3)), L.Conv2D(4, 3, activation="relu")),
        *([L.Permute(axes)] if axes else []),
        *(L.Flatten(), L.Dense(8), L.ReLU(), L.Dense(3)),
        **options,
    )


def generator_in_keras(permutes):
    images = [L.Reshape((2, 6, 6)), L.Permute((2, 3, 1))] if permutes else [L.Reshape((6, 6, 2))]
    return in_keras(
        *(L.Input((5,)), L.Dense(72), *images, L.Conv2D(4, 3, activation="relu")),
        *(L.GlobalAveragePooling2D(), L.Dense(3)),
    )


class Classifier(nn.Module):
    def __init__(self, axes=None):
        super().__init__()
        self.conv, self.dense, self.out = nn.Conv2d(3, 4, 3), nn.Linear(64, 8), nn.Linear(8, 3)
        self.axes = axes

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = x if self.axes is None else x.permute(self.axes)
        return self.out(F.relu(self.dense(x.flatten(1))))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense, self.conv, self.out = nn.Linear(5, 72), nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(F.relu(self.conv(self.dense(x).view(-1, 2, 6, 6))).mean((2, 3)))


def compared(a, b, X=IMAGES):
    a, b = (training(each) if isinstance(each, nn.Module) else each for each in (a, b))
    return diverge(a, b, X, LABELS, steps=3, batch_size=8)


@pytest.mark.parametrize(
    ("of_keras", "of_pytorch"),
    [(None, None), ((3, 1, 2), None), (None, (0, 2, 3, 1)), ((3, 2, 1), (0, 1, 3, 2))],
)
def test_features_may_be_channels_first_on_both_sides(of_keras, of_pytorch):
    for k in (1, -1):
        report = compared(*(classifier_in_keras(of_keras), Classifier(of_pytorch))[::k])
        assert report.same, str(report)
        note = "features of images are compared in the order that both sides have, channels first"
        assert (note in report.notes) == (of_keras is not None)


@pytest.mark.parametrize("permutes", [False, True])
def test_so_may_those_that_become_images(permutes):
    for k in (1, -1):
        report = compared(*(generator_in_keras(permutes), Generator())[::k], CODES)
        assert report.same, str(report)


def test_another_order_is_still_the_cause():
    report = compared(classifier_in_keras((3, 2, 1)), Classifier())
    assert report.cause is not None, str(report)
    assert "the same features in another order" in report.cause


def test_what_else_differs_is_the_cause_with_the_axes_exchanged():
    report = compared(classifier_in_keras((3, 1, 2), rate=0.125), Classifier())
    assert report.cause == "keras has learning_rate=0.125, pytorch lr=0.0625"


def test_a_recording_of_keras_is_compared_so_too(tmp_path):
    path = tmp_path / "permuted.trace"
    side = classifier_in_keras((3, 1, 2))
    record(side, IMAGES, LABELS, steps=3, batch_size=8, path=path)
    report = compared(path, Classifier())
    assert report.same, str(report)
