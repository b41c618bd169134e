"""What would be dropped without a mask of ours is an error, and nothing is drawn."""

import random
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

import frameworks
import scratch
from experiments import circle
from frameworks.global_numbers import global_numbers

from .cases import table
from .regularized import (
    DENSE,
    IMAGES,
    RATE,
    data,
    dense_keras,
    dense_pytorch,
    dense_scratch,
    images_keras,
    images_pytorch,
)


@pytest.fixture(autouse=True)
def unseeded():
    """Take back a seed of TensorFlow that another test has set: with it, draws are no accident."""
    tf.random.set_seed(None)


def with_function(spec=DENSE):
    class Functional(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.dropout(x, RATE, self.training)

    parts = dense_pytorch(spec)
    parts.network.insert(0, Functional())
    return parts


def with_whole_channels(spec=IMAGES):
    parts = images_pytorch(spec)
    parts.network.insert(3, torch.nn.Dropout2d(RATE))
    return parts


def keras_with(layer):
    def build(spec=IMAGES):
        parts = images_keras(spec)
        network = keras.Sequential([keras.layers.Input((60,))])
        for i, each in enumerate(parts.network.layers):
            network.add(each)
            if i == 1:
                network.add(layer())
        return parts._replace(network=network)

    return build


def in_training_only(spec=DENSE):
    class Sometimes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = torch.nn.Dropout(RATE)

        def forward(self, x):
            return self.drop(x) if self.training else x

    parts = dense_pytorch(spec)
    parts.network.append(Sometimes())
    return parts


def in_evaluation_only(spec=DENSE):
    class Sometimes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = torch.nn.Dropout(RATE)

        def forward(self, x):
            return x if self.training else self.drop(x)

    parts = dense_pytorch(spec)
    parts.network.append(Sometimes())
    return parts


def with_global_numbers(draw, spec=DENSE):
    class Noisy(torch.nn.Module):
        def forward(self, x):
            return x * (1 + draw()) if self.training else x

    parts = dense_pytorch(spec)
    parts.network.insert(0, Noisy())
    return parts


def with_a_hook_that_draws(spec=DENSE):
    parts = dense_pytorch(spec)

    def hook(optimizer, *_):
        optimizer.param_groups[0]["lr"] = 0.1 * np.random.rand()  # noqa: NPY002 - of which it is told

    parts.optimizer.register_step_post_hook(hook)
    return parts


def keras_with_global_numbers(draw, spec=DENSE):
    class Noisy(keras.layers.Layer):
        def call(self, x, training=False):
            return x * (1 + draw()) if training else x

    parts = dense_keras(spec)
    layers = [keras.layers.Input((spec.inputs,)), Noisy(), *parts.network.layers]
    return parts._replace(network=keras.Sequential(layers))


def keras_in_every_step(spec=DENSE):
    def draw():
        drawn = tf.numpy_function(lambda: np.float64(of_numpy()), [], tf.float64)
        drawn.set_shape(())
        return drawn

    return keras_with_global_numbers(draw, spec)


def keras_with_a_loss_that_draws(spec=DENSE):
    parts = dense_keras(spec)
    return parts._replace(loss=lambda y, z: parts.loss(y, z) * (1 + random.random()))


def keras_with_an_optimizer_that_draws(spec=DENSE):
    class Annealed(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate * np.random.rand())  # noqa: NPY002

    return dense_keras(spec)._replace(optimizer=Annealed(0.125))


def scratch_with_global_numbers(draw, spec=DENSE):
    class Noisy(scratch.Identity):
        def forward(self, X, training=False):
            return X * (1 + draw()) if training else X

    parts = dense_scratch(spec)
    return parts._replace(network=scratch.Sequential(Noisy(), *parts.network.layers))


def scratch_with_an_optimizer_that_draws(spec=DENSE):
    class Annealed(scratch.SGD):
        def step(self, theta, g):
            super().step(theta, g * random.random())

    return dense_scratch(spec)._replace(optimizer=Annealed(0.125))


def python_with_global_numbers(spec=circle.SPEC):
    class Noisy(scratch.NeuronNetwork):
        def step(self, X, y, learning_rate, w=None):
            return super().step(X, y, learning_rate * random.random(), w)

    parts = circle.build_python(spec)
    parts.network.__class__ = Noisy
    return parts


def augmented(build, draw, spec=DENSE):
    return build(spec)._replace(augment=lambda spec, rng, X: X * (1 + draw()))


def keras_with_another_rate_later(spec=DENSE, *, when):
    parts = dense_keras(spec)
    dropout = next(x for x in parts.network.layers if isinstance(x, keras.layers.Dropout))

    class Annealing(keras.layers.Layer):
        def call(self, x, training=False):
            if training and when == "as it is traced":
                dropout.rate = 0.5
            elif training:
                tf.py_function(lambda: setattr(dropout, "rate", 0.5), [], [])
            return x

    layers = [keras.layers.Input((spec.inputs,)), *parts.network.layers, Annealing()]
    return parts._replace(network=keras.Sequential(layers))


def scratch_with_another_rate_later(spec=DENSE):
    parts = dense_scratch(spec)
    dropout = parts.network.layers[0]

    class Annealing(scratch.Identity):
        def forward(self, X, training=False):
            dropout.rate = 0.5 if training else dropout.rate
            return X

    return parts._replace(network=scratch.Sequential(*parts.network.layers, Annealing()))


def with_another_rate_later(spec=DENSE):
    parts = dense_pytorch(spec)
    first = next(m for m in parts.network.modules() if isinstance(m, torch.nn.Dropout))

    def hook(*_):
        first.p = 0.5

    parts.optimizer.register_step_post_hook(hook)
    return parts


def of_numpy():
    return np.random.rand()  # noqa: NPY002 - what is to be refused


def of_python():
    return random.random()


def of_torch():
    return float(torch.rand(()))


GLOBAL = "draws Python's or NumPy's global random numbers"
AUGMENT = "augment draws .* draw them from the generator that it is given"
LATER = r"the rate of a dropout layer has become 0\.5, but its masks are drawn for 0\."
OWN = "the network draws random numbers of its own"
REFUSED = {
    "a function": ("PyTorchClassifier", with_function, "dense", OWN),
    "NumPy's global numbers": (
        "PyTorchClassifier",
        partial(with_global_numbers, of_numpy),
        "dense",
        GLOBAL,
    ),
    "Python's global numbers": (
        "PyTorchClassifier",
        partial(with_global_numbers, of_python),
        "dense",
        GLOBAL,
    ),
    **{
        f"{draw.__name__} in {name}": (
            f"{name}Classifier",
            partial(build, draw),
            "dense",
            GLOBAL,
        )
        for draw in (of_numpy, of_python)
        for name, build in (
            ("Keras", keras_with_global_numbers),
            ("Scratch", scratch_with_global_numbers),
        )
    },
    "every step of Keras": ("KerasClassifier", keras_in_every_step, "dense", GLOBAL),
    "the generator of Keras": (
        "KerasClassifier",
        partial(keras_with_global_numbers, lambda: keras.random.uniform((), dtype="float64")),
        "dense",
        OWN,
    ),
    "the generator of TensorFlow": (
        "KerasClassifier",
        partial(keras_with_global_numbers, lambda: tf.random.uniform((), dtype="float64")),
        "dense",
        OWN,
    ),
    "a loss of Keras": ("KerasClassifier", keras_with_a_loss_that_draws, "dense", GLOBAL),
    "an optimizer of Keras": (
        "KerasClassifier",
        keras_with_an_optimizer_that_draws,
        "dense",
        GLOBAL,
    ),
    "an optimizer of scratch": (
        "ScratchClassifier",
        scratch_with_an_optimizer_that_draws,
        "dense",
        GLOBAL,
    ),
    "a neuron": ("PythonClassifier", python_with_global_numbers, "plane", GLOBAL),
    **{
        f"{draw.__name__} by augment in {name}": (
            f"{name}Classifier",
            partial(augmented, build, draw),
            "dense",
            AUGMENT,
        )
        for draw, name, build in (
            (of_numpy, "PyTorch", dense_pytorch),
            (of_torch, "PyTorch", dense_pytorch),
            (of_python, "Keras", dense_keras),
            (of_numpy, "Scratch", dense_scratch),
        )
    },
    "a hook": ("PyTorchClassifier", with_a_hook_that_draws, "dense", GLOBAL),
    "whole channels in PyTorch": ("PyTorchClassifier", with_whole_channels, "images", OWN),
    "whole channels in Keras": (
        "KerasClassifier",
        keras_with(lambda: keras.layers.SpatialDropout2D(RATE)),
        "images",
        OWN,
    ),
    "noise": (
        "KerasClassifier",
        keras_with(lambda: keras.layers.GaussianNoise(RATE)),
        "images",
        OWN,
    ),
    "a shape of its own": (
        "KerasClassifier",
        keras_with(lambda: keras.layers.Dropout(RATE, noise_shape=(None, 1, 1, 3))),
        "images",
        "noise_shape",
    ),
    "in training only": (
        "PyTorchClassifier",
        in_training_only,
        "dense",
        "a dropout layer runs in training without a mask",
    ),
    "in evaluation only": (
        "PyTorchClassifier",
        in_evaluation_only,
        "dense",
        "1 of 3 dropout masks were not used",
    ),
    "another rate later": (
        "PyTorchClassifier",
        with_another_rate_later,
        "dense",
        LATER,
    ),
    **{
        f"another rate later in Keras, {when}": (
            "KerasClassifier",
            partial(keras_with_another_rate_later, when=when),
            "dense",
            LATER,
        )
        for when in ("as it is traced", "in a step")
    },
    "another rate later in scratch": (
        "ScratchClassifier",
        scratch_with_another_rate_later,
        "dense",
        LATER,
    ),
    "a rate of 1": (
        "PyTorchClassifier",
        partial(dense_pytorch, rate=1.0),
        "dense",
        "rate of a dropout layer must be at least 0 and below 1, got 1",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_dropped_without_a_mask_is_an_error(kind):
    name, build, network, message = REFUSED[kind]
    before, others = torch.get_rng_state(), global_numbers()
    model = getattr(frameworks, name)(build, epochs=1, batch_size=5, dtype="float64")
    with pytest.raises((RuntimeError, TypeError, ValueError), match=message):
        model.fit(*(table(d=2) if network == "plane" else data(network)))
    assert not hasattr(model, "classes_")
    assert torch.equal(before, torch.get_rng_state())
    assert others == global_numbers()


ANOTHER = {
    "Python's in PyTorch": ("PyTorchClassifier", with_global_numbers, of_python),
    "PyTorch's in PyTorch": ("PyTorchClassifier", with_global_numbers, of_torch),
    "NumPy's in Keras": ("KerasClassifier", keras_with_global_numbers, of_numpy),
    "NumPy's in scratch": ("ScratchClassifier", scratch_with_global_numbers, of_numpy),
}


@pytest.mark.parametrize("kind", ANOTHER)
def test_numbers_that_another_thread_draws_meanwhile_are_no_draws_of_the_network(kind):
    name, build, draw = ANOTHER[kind]
    once = iter([draw])

    def of_another():
        return 0 * next(once, int)()

    def fitted(draw):
        parameters = {"epochs": 2, "batch_size": 5, "dtype": "float64", "random_state": 0}
        return getattr(frameworks, name)(partial(build, draw), **parameters).fit(*data("dense"))

    found, alone = fitted(of_another), fitted(int)
    assert next(once, None) is None
    assert found.draws_sha256_ == alone.draws_sha256_
    for a, b in zip(found.get_weights(), alone.get_weights(), strict=True):
        assert (a == b).all()
