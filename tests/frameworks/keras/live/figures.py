"""What live Keras models compute on the backend of this process; a program that prints it."""

import json
import sys

import keras
import numpy as np
from keras import layers

from frameworks.keras.live import KerasLive
from frameworks.live.model import Rows, Training
from lockstep import diverge

from .models import MODELS, rows_for

__all__ = ["figures"]


def images():
    """Return a convolution with its channels first where the backend can; then a dense layer."""
    first = keras.config.backend() != "tensorflow"
    form = "channels_first" if first else "channels_last"
    return keras.Sequential(
        [
            keras.Input((2, 5, 4) if first else (5, 4, 2)),
            layers.Conv2D(3, 2, data_format=form, activation="tanh", name="conv"),
            layers.Flatten(data_format=form, name="flatten"),
            layers.Dense(3, activation="softmax", name="out"),
        ]
    )


def figures(name):
    """Return numbers of every level: layers, loss, gradients, three steps, weights, states."""
    rng, rows = np.random.default_rng(5), rows_for(name)
    if name == "images":
        rows = Rows((rng.normal(size=(8, 5, 4, 2)),), rows.y)
    model = images() if name == "images" else MODELS[name]()
    optimizer = keras.optimizers.SGD(0.125, momentum=0.5)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for layer in model.layers:  # a softmax is no logits, and only TensorFlow finds those behind it
        if getattr(layer, "activation", None) is keras.activations.softmax:
            layer.activation = keras.activations.tanh
    before = [keras.ops.copy(v.value) for v in model.variables]
    training = Training(model)
    live = KerasLive(training, Rows(KerasLive.adapt(training, rows.X), rows.y), "float64")
    rows = Rows(KerasLive.adapt(training, rows.X), rows.y)
    live.set_weights([rng.normal(size=w.values.shape) for w in live.weights()])
    dropped = live.dropped(rows)
    live.hand_masks([(rng.random((8, *shape)) < 0.75) / 0.75 for _, shape, _ in dropped] or None)
    traced, outputs = live.trace_layers(rows)
    loss, gradients = live.loss_and_gradients(rows)
    losses = [live.step(rows) for _ in range(3)]
    pairs = zip(before, model.variables, strict=True)
    return {
        "untouched": all(bool(keras.ops.all(keras.ops.equal(a, b.value))) for a, b in pairs),
        "takes the stated rates": name != "mlp" or takes_stated_rates(),
        "takes a fitted model": name != "mlp" or takes_a_fitted_model(),
        "kinds": [layer.facts.kind for layer in traced],
        "layers": [summary(layer.training_output) for layer in traced],
        "inputs": [summary(x) for x in live.canonical_inputs(rows.X)],
        "outputs": summary(outputs[0]),
        "loss": loss,
        "gradients": [summary(g) for g in gradients],
        "losses": losses,
        "weights": [summary(w.values) for w in live.weights()],
        "states": [summary(w.values) for w in live.states()],
    }


def takes_stated_rates():
    """Return whether the second step is as long as the schedule says of itself, to 1e-15."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, use_bias=False)])
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.7)
    model.compile(keras.optimizers.SGD(schedule), "mse", run_eagerly=True)
    rng = np.random.default_rng(6)
    rows = Rows((rng.normal(size=(8, 5)),), (rng.normal(size=(8, 1)),))
    live = KerasLive(Training(model), rows, "float64")
    live.step(rows)
    before, (g,) = live.weights()[0].values, live.loss_and_gradients(rows)[1]
    live.step(rows)
    rate = live.schedule_facts.values["first_rates"][1]
    error = np.abs(before - rate * g - live.weights()[0].values).max()
    return bool(error <= 1e-15)  # a rounding of numbers of about 1


def takes_a_fitted_model():
    """Return whether a model that Keras has fitted and evaluated agrees with itself."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    descent = keras.optimizers.SGD(0.125)
    model.compile(descent, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(16, 5)), rng.integers(0, 3, 16)
    model.fit(X, y, verbose=0)
    model.evaluate(X, y, verbose=0)
    return diverge(Training(model), Training(model), X, y, steps=2, batch_size=8).same


def summary(array):
    """Return the sum, weighted by position, of an array: another for each order of its numbers."""
    return float(array.reshape(-1) @ np.cos(np.arange(array.size)))


if __name__ == "__main__":
    print(json.dumps({name: figures(name) for name in sys.argv[1:]}))
