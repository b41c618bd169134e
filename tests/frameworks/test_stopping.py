"""Early stopping, rows changed at random, and codes, in every implementation."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import frameworks
from experiments import autoencoder, regularisation

from .cases import NAMES

ROWS = np.random.default_rng(0)
X, Y = ROWS.random((40, 784)), ROWS.integers(10, size=40)
SMALL = replace(regularisation.SPEC, hidden=(8,), learning_rate=0.25)  # so that it soon overfits


def fitted(name, spec, epochs=12, **data):
    page = getattr(regularisation, f"build_{name.removesuffix('Classifier').lower()}")

    def build(spec=spec):
        return page(spec)

    model = getattr(frameworks, name)(
        build=build, epochs=epochs, batch_size=10, dtype="float64", random_state=0
    )
    return model.fit(X[:30], Y[:30], **data)


@pytest.fixture(scope="module", params=NAMES)
def stopped(request):
    held_out = X[30:], Y[30:]
    return fitted(request.param, replace(SMALL, patience=2), validation_data=held_out)


@pytest.fixture(scope="module")
def reference():
    return fitted("ScratchClassifier", replace(SMALL, patience=2), validation_data=(X[30:], Y[30:]))


def test_training_stops_two_epochs_after_the_best(stopped, reference):
    losses = [epoch["val_loss"] for epoch in stopped.history_]
    assert len(losses) < 12
    assert np.argmin(losses) == len(losses) - 3
    assert len(losses) == len(reference.history_)


def test_the_best_weights_are_restored(stopped, reference):
    losses = [epoch["val_loss"] for epoch in stopped.history_]
    assert stopped.evaluate(X[30:], Y[30:])["loss"] == min(losses)  # the same rows and weights
    for own, w in zip(stopped.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(own, w, rtol=0, atol=1e-12 * abs(w).max())  # a few steps


def test_early_stopping_without_validation_data_is_refused():
    with pytest.raises(ValueError, match="validation_data: the builder's early stopping needs"):
        fitted("ScratchClassifier", replace(SMALL, patience=2))


def stopping_in_keras(stopping):
    def build(spec=SMALL):
        return regularisation.build_keras(spec)._replace(stopping=stopping)

    model = frameworks.KerasClassifier(build=build, epochs=3, dtype="float64", random_state=0)
    return model.fit(X[:30], Y[:30], validation_data=(X[30:], Y[30:]))


@pytest.mark.parametrize("monitor", ["loss", "val_accuracy"])
def test_a_stopping_rule_of_keras_that_monitors_something_else_is_refused(monitor):
    rule = keras.callbacks.EarlyStopping(monitor=monitor)
    with pytest.raises(ValueError, match=f"stopping: expected monitor='val_loss', .*'{monitor}'"):
        stopping_in_keras(rule)


def test_a_callback_of_keras_is_told_the_validation_loss_alone():
    class Told(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            told.append(logs)

    told = []
    model = stopping_in_keras(Told())
    assert told == [{"val_loss": epoch["val_loss"]} for epoch in model.history_]


def test_shifts_are_drawn_anew_in_every_epoch_and_equal_in_all_implementations():
    spec = replace(SMALL, pixels=2, learning_rate=2**-60)  # the weights do not move
    one, other = (fitted(n, spec, epochs=3) for n in ("ScratchClassifier", "PyTorchClassifier"))
    losses = [epoch["loss"] for epoch in one.history_]
    assert len(set(losses)) == 3
    assert one.draws_sha256_ == other.draws_sha256_ != ""
    theirs = [epoch["loss"] for epoch in other.history_]
    np.testing.assert_allclose(losses, theirs, rtol=1e-12)  # the limit of every loss in float64


@pytest.mark.parametrize("name", ["Scratch", "PyTorch"])
def test_codes_are_the_outputs_of_the_hidden_layer(name):
    spec = replace(autoencoder.SPEC, hidden=(5,))
    page = getattr(autoencoder, f"build_{name.lower()}")

    def build(spec=spec):
        return page(spec)

    model = getattr(frameworks, f"{name}Regressor")(build=build, epochs=1, dtype="float64")
    W, b, *_ = model.fit(X, X).get_weights()
    codes = np.maximum(X @ W + b, 0)
    np.testing.assert_allclose(model.transform(X), codes, rtol=0, atol=1e-12)  # of sums of 784


def test_a_network_without_a_code_says_so():
    with pytest.raises(TypeError, match="says of none of its layers that it computes a code"):
        fitted("ScratchClassifier", SMALL, epochs=1).transform(X)
