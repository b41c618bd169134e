"""What would be dropped without a mask of ours is an error, and nothing is drawn."""

import random
from functools import partial

import keras
import numpy as np
import pytest
import torch

import frameworks
from frameworks.global_numbers import global_numbers

from .regularized import DENSE, IMAGES, RATE, data, dense_pytorch, images_keras, images_pytorch


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


def with_another_rate_later(spec=DENSE):
    parts = dense_pytorch(spec)
    first = next(m for m in parts.network.modules() if isinstance(m, torch.nn.Dropout))

    def hook(*_):
        first.p = 0.5

    parts.optimizer.register_step_post_hook(hook)
    return parts


GLOBAL = "draws Python's or NumPy's global random numbers"
OWN = "the network draws random numbers of its own"
REFUSED = {
    "a function": ("PyTorchClassifier", with_function, "dense", OWN),
    "NumPy's global numbers": (
        "PyTorchClassifier",
        partial(with_global_numbers, lambda: np.random.rand()),  # noqa: NPY002 - likewise
        "dense",
        GLOBAL,
    ),
    "Python's global numbers": (
        "PyTorchClassifier",
        partial(with_global_numbers, lambda: random.random()),
        "dense",
        GLOBAL,
    ),
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
        r"the rate of a dropout layer has become 0\.5, but its masks are drawn for 0\.",
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
        model.fit(*data(network))
    assert not hasattr(model, "classes_")
    assert torch.equal(before, torch.get_rng_state())
    assert others == global_numbers()


def test_global_numbers_that_another_draws_meanwhile_are_no_draws_of_the_network():
    once = iter([random.random])

    def of_another():
        return 0 * next(once, int)()

    def fitted(draw):
        build = partial(with_global_numbers, draw)
        parameters = {"epochs": 2, "batch_size": 5, "dtype": "float64", "random_state": 0}
        return frameworks.PyTorchClassifier(build, **parameters).fit(*data("dense"))

    before = random.getstate()
    found, alone = fitted(of_another), fitted(int)
    assert before != random.getstate()
    assert found.draws_sha256_ == alone.draws_sha256_
    for a, b in zip(found.get_weights(), alone.get_weights(), strict=True):
        assert (a == b).all()
