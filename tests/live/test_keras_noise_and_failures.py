"""Noise that Keras layers draw is compared as it is stated; what they raise is one sentence."""

import re

import keras
import numpy as np
import pytest

from frameworks.keras.facts import layer_facts
from lockstep import RequestError, Training, diverge

L = keras.layers
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 4, 4, 1)), RNG.normal(size=(8, 2))


def training(*layers, **options):
    model = keras.Sequential([L.Input((4, 4, 1)), *layers, L.Flatten(), L.Dense(2)])
    model.compile(keras.optimizers.SGD(2**-5), "mse")
    return Training(model, **options)


def compared(*sides):
    return diverge(*sides, X, Y, steps=1, batch_size=8)


def test_noise_without_a_rate_is_compared_as_it_is_stated():
    report = compared(training(L.RandomFlip("vertical", name="flip")), training())
    assert report.place == "flip", str(report)
    assert report.cause.startswith("the first keras has RandomFlip(mode=vertical) in flip")
    assert compared(training(L.RandomFlip()), training(L.RandomFlip())).same


class FailsInTraining(L.Layer):
    """A layer that divides by zero in training mode."""

    def call(self, x, training=False):
        return 1 / 0 if training else x


def fails(*_):
    raise KeyError("rate")


@pytest.mark.parametrize(
    ("says", "layers", "options"),
    [
        ("fails in training mode on rows of shape (4, 4, 1): ", [FailsInTraining], {}),
        ("the step of the Keras side fails: 'rate'", [], {"step": fails}),
    ],
)
def test_what_fails_in_a_keras_training_is_refused_in_a_sentence(says, layers, options):
    side = training(*(layer() for layer in layers), **options)
    with pytest.raises(RequestError, match=re.escape(says)):
        compared(training(), side)


def test_a_recurrent_layer_of_any_cell_is_called_after_its_cell():
    assert layer_facts(L.RNN(L.LSTMCell(3))).kind == "rnn of LSTMCell"
