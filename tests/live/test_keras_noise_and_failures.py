"""Noise that Keras layers draw is compared as it is stated; what they raise is one sentence."""

import re

import keras
import numpy as np
import pytest

from frameworks.keras.facts import layer_facts
from frameworks.keras.live import KerasLive
from frameworks.live.model import Rows
from lockstep import RequestError, Training, diverge

pytestmark = pytest.mark.slow

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


def test_a_layer_that_is_rematerialized_takes_one_mask():
    with keras.RematScope():
        again = L.Dropout(0.5)
    report = compared(training(again), training(L.Dropout(0.5)))
    assert report.same, str(report)
    assert any("nothing is rematerialized" in note for note in report.notes)


class Growing(L.Layer):
    """Multiplies by the number of its call, which it keeps in a number and in a list."""

    def __init__(self):
        super().__init__()
        self.calls, self.seen = 0, []

    def call(self, x):
        self.calls += 1
        self.seen.append(self.calls)
        return x * float(self.calls + len(self.seen))


def test_a_layer_that_counts_its_calls_counts_those_of_steps_alone():
    model = keras.Sequential([L.Input((4, 4, 1)), L.Flatten(), Growing(), L.Dense(2)])
    model.compile(keras.optimizers.SGD(2**-9), "mse", run_eagerly=True)
    (layer,) = (each for each in model.layers if isinstance(each, Growing))
    layer.calls = 0
    layer.seen.clear()
    live = KerasLive(Training(model), rows := Rows((X,), (Y,)), "float64")
    first = live.outputs(rows)[0]
    live.loss_and_gradients(rows)
    np.testing.assert_array_equal(live.outputs(rows)[0], first)
    live.step(rows)
    kernel = live.weights()[0].values
    np.testing.assert_allclose(
        live.outputs(rows)[0],
        4 * X.reshape(8, -1) @ kernel + live.weights()[1].values,
        rtol=1e-12,  # sums of 16 products are rounded in another order
    )


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
    layer = L.RNN(L.LSTMCell(3))
    assert layer_facts(layer).kind == "rnn of LSTMCell"
    assert layer_facts(L.Bidirectional(layer)).kind == "bidirectional rnn of LSTMCell"


def test_a_recurrent_layer_of_several_cells_has_the_weights_of_all():
    side = training(L.Reshape((4, 4)), L.RNN([L.SimpleRNNCell(2), L.SimpleRNNCell(2)]), L.Dense(2))
    live = KerasLive(side, Rows((X,), (Y,)), "float64")
    assert len({weight.name for weight in live.weights()[:6]}) == 6


def dense(loss="mse", **options):
    model = keras.Sequential([L.Input((3,)), L.Dense(1)])
    model.compile(keras.optimizers.SGD(2**-5, **options), loss)
    return Training(model)


class Squared(keras.losses.Loss):
    """Subtracts what it is given, and so broadcasts (n,) with (n, 1) to (n, n)."""

    def call(self, y_true, y_pred):
        return keras.ops.square(y_pred - y_true)


def test_averages_of_weights_are_put_in_their_places_at_the_end_as_by_fit():
    rows = RNG.normal(size=(8, 3)), RNG.normal(size=8)
    sides = [dense(use_ema=True, ema_momentum=keep) for keep in (0.5, 0.75)]
    report = diverge(*sides, *rows, steps=2, batch_size=8)
    assert report.level == "result", str(report)
    assert "kernel" in report.place


def test_a_loss_of_ones_own_is_given_targets_as_fit_hands_them_over():
    X, y = RNG.normal(size=(8, 3)), RNG.normal(size=8)
    assert diverge(dense(), dense(Squared()), X, y, steps=1, batch_size=8).level == "loss"
    assert diverge(dense(), dense(Squared()), X, y[:, None], steps=1, batch_size=8).same


class Noisy(keras.Model):
    """Calls its noise with options of its own, before a dense layer."""

    def __init__(self, noise, **options):
        super().__init__()
        self.noise, self.flat, self.out, self.options = noise, L.Flatten(), L.Dense(2), options

    def call(self, inputs, training=False):
        return self.out(self.flat(self.noise(inputs, **{"training": training, **self.options})))


@pytest.mark.parametrize("noise", [L.Dropout, L.GaussianNoise])
def test_noise_that_is_not_switched_off_in_evaluation_is_a_difference(noise):
    def side(**options):
        model = Noisy(noise(0.25), **options)
        model.compile(keras.optimizers.SGD(2**-5), "mse")
        return Training(model)

    report = compared(side(training=True), side())
    assert report.level == "forward", str(report)
    assert "its noise" in report.difference.where
    assert compared(side(training=True), side(training=True)).same


def test_a_kernel_that_a_pass_normalizes_in_place_is_that_of_the_start_again():
    sides = [training(L.Flatten(), L.SpectralNormalization(L.Dense(2), power_iterations=k))
             for k in (1, 2)]  # fmt: skip
    report = compared(*sides)
    assert report.level == "forward", str(report)
    assert report.difference.where.endswith("in training mode")
