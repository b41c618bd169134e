"""Flat rows that a model views as images are the rows that it is given, however it views them."""

import keras
import numpy as np
import pytest
from keras import layers as L
from torch import nn

from lockstep import Training, diverge

from .modules import training

RNG = np.random.default_rng(0)
LAST = RNG.normal(size=(40, 5, 5, 3))
FLAT_LAST = LAST.reshape(40, -1)
FLAT_FIRST = np.moveaxis(LAST, -1, 1).reshape(40, -1)
y = RNG.integers(4, size=40)


class Viewing(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.conv, self.fc, self.last = nn.Conv2d(3, 4, 3), nn.Linear(36, 4), last

    def forward(self, x):
        x = 2 * x
        x = x.view(-1, 5, 5, 3).permute(0, 3, 1, 2) if self.last else x.view(-1, 3, 5, 5)
        return self.fc(self.conv(x).relu().flatten(1))


def viewing_in_keras(last):
    view = [L.Reshape((5, 5, 3))] if last else [L.Reshape((3, 5, 5)), L.Permute((2, 3, 1))]
    rest = L.Conv2D(4, 3), L.ReLU(), L.Flatten(), L.Dense(4)
    model = keras.Sequential([L.Input((75,)), L.Rescaling(2.0), *view, *rest])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    return Training(model)


def viewing(last):
    return training(Viewing(last))


@pytest.mark.parametrize("last", [True, False])
def test_models_that_view_flat_rows_as_the_same_images_agree(last):
    for one, other in ((viewing_in_keras, viewing), (viewing, viewing)):
        report = diverge(one(last), other(last), FLAT_LAST if last else FLAT_FIRST, y, steps=3)
        assert report.same, str(report)


def test_each_may_be_given_rows_in_the_order_of_its_view():
    own = FLAT_LAST, FLAT_FIRST
    report = diverge(viewing_in_keras(True), viewing(False), FLAT_LAST, y, inputs=own, steps=3)
    assert report.same, str(report)


def test_rows_that_one_views_wrongly_are_no_other_inputs():
    for last in (True, False):
        report = diverge(viewing(last), viewing(not last), FLAT_LAST, y, steps=3)
        assert (report.level, "conv" in report.place) == ("forward", True), str(report)


def test_other_rows_are_other_inputs():
    own = FLAT_LAST, FLAT_LAST[:, ::-1]
    assert diverge(viewing(True), viewing(True), FLAT_LAST, y, inputs=own).level == "inputs"
