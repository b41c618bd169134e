"""What training changes is set by initial weights and restored by early stopping, or refused."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune, spectral_norm, weight_norm

import frameworks
from frameworks import Parts, Program, Spec
from frameworks.callbacks import EarlyStopping
from scratch import KerasEarlyStopping

from .cases import table

SPEC = Spec(inputs=3, outputs=1)
X, Y = table(n=60)
OTHERS = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2  # nothing to learn


def weights(spec, rng):
    return [rng.normal(size=(3, 1)), np.zeros(1)]


def of_pytorch(first: Callable[[], nn.Module], further: Callable[[], list[Any]] = list) -> Any:
    def build(spec: Spec = SPEC) -> Parts:
        network = nn.Sequential(first())
        trained = [*network.parameters(), *further()]
        return Parts(network, nn.BCEWithLogitsLoss(), torch.optim.SGD(trained, lr=0.5), weights)

    return frameworks.PyTorchClassifier(build, epochs=15, dtype="float64", random_state=0)


def of_keras(make: Callable[[], keras.Model]) -> Any:
    def build(spec: Spec = SPEC) -> Parts:
        network = make()
        network.build((None, 3))
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        return Parts(network, loss, keras.optimizers.SGD(0.5), weights)

    return frameworks.KerasClassifier(build, epochs=15, dtype="float64", random_state=0)


class Scaled(nn.Linear):
    def __init__(self) -> None:
        super().__init__(3, 1)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return super().forward(x) * self.scale


class ScaledDense(keras.layers.Dense):
    def build(self, shape):
        super().build(shape)
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, x):
        return super().call(x) * self.scale


class ScaledModel(keras.Model):
    def build(self, shape):
        self.dense = keras.layers.Dense(1)
        self.dense.build(shape)
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")
        self.built = True

    def call(self, x):
        return self.dense(x) * self.scale


def with_lora():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    network.layers[0].enable_lora(1)
    return network


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: of_pytorch(lambda: weight_norm(nn.Linear(3, 1))), r"0\.weight_g"),
        (lambda: of_pytorch(lambda: spectral_norm(nn.Linear(3, 1))), r"0\.weight_orig"),
        (
            lambda: of_pytorch(lambda: prune.l1_unstructured(nn.Linear(3, 1), "weight", 1)),
            r"0\.weight_orig",
        ),
        (lambda: of_pytorch(Scaled), r"0\.scale"),
        (
            lambda: of_pytorch(lambda: nn.Linear(3, 1), lambda: [nn.Parameter(torch.ones(1))]),
            "a parameter of an optimizer that is none of the network's",
        ),
        (lambda: of_keras(with_lora), ".*lora_kernel_a"),
        (lambda: of_keras(lambda: keras.Sequential([ScaledDense(1)])), ".*scale"),
        (lambda: of_keras(ScaledModel), ".*scale"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_what_is_trained_beside_the_canonical_weights_is_refused(make, name):
    with pytest.raises(TypeError, match=f"^build: {name} is trained, but its canonical layout is"):
        make().fit(X, Y)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_weight_that_is_computed_from_frozen_ones_is_refused():
    def first():
        return nn.Sequential(weight_norm(nn.Linear(3, 3)).requires_grad_(False), nn.Linear(3, 1))

    with pytest.raises(TypeError, match=r"^build: the weight of shape \(3, 3\) is computed from"):
        of_pytorch(first).fit(X, Y)


class Centred(nn.Module):
    """Subtracts a running mean of the rows; a buffer keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return x - self.mean


class CentredInKeras(keras.Layer):
    """The same; a weight that is not trained keeps it."""

    def build(self, shape):
        self.mean = self.add_weight(shape=(3,), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * keras.ops.mean(x, 0))
        return x - self.mean


class NormalizedInKeras(keras.Layer):
    """A layer of one's own that holds one of Keras' with moving statistics."""

    def build(self, shape):
        self.inner = keras.layers.BatchNormalization(center=False, scale=False)
        self.inner.build(shape)

    def call(self, x, training=False):
        return self.inner(x, training=training)


def instances():
    normalization = nn.InstanceNorm1d(1, track_running_stats=True)
    return nn.Sequential(nn.Unflatten(1, (1, 3)), normalization, nn.Flatten(), nn.Linear(3, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: of_pytorch(instances),
        lambda: of_pytorch(lambda: nn.Sequential(Centred(), nn.Linear(3, 1))),
        lambda: of_keras(lambda: keras.Sequential([CentredInKeras(), keras.layers.Dense(1)])),
        lambda: of_keras(lambda: keras.Sequential([NormalizedInKeras(), keras.layers.Dense(1)])),
    ],
    ids=["InstanceNorm1d", "buffer", "weight that is not trained", "layer within"],
)
def test_early_stopping_restores_what_layers_keep_beside_weights_and_states(make):
    estimator = make().set_params(callbacks=[EarlyStopping(rule=KerasEarlyStopping(patience=3))])
    estimator.fit(X + [0, 5, 0], Y, validation_data=OTHERS)
    losses = [epoch["val_loss"] for epoch in estimator.history_]
    assert np.argmin(losses) < len(losses) - 1
    assert estimator.evaluate(*OTHERS)["loss"] == min(losses)  # the same rows, weights and states


def with_lbfgs(spec=SPEC):
    network = nn.Linear(3, 1)
    return Parts(network, nn.MSELoss(), torch.optim.LBFGS(network.parameters(), 0.1), weights)


def program_with_lbfgs(spec=SPEC):
    network, loss, optimizer, _ = with_lbfgs()[:4]

    def step(batch, draws):
        def closure():
            optimizer.zero_grad()
            value = loss(network(batch.X), batch.y)
            value.backward()
            return value

        return {"loss": optimizer.step(closure)}

    return Program((network,), (optimizer,), step, weights, loss=loss)


def test_an_optimizer_whose_step_needs_a_closure_is_one_of_programs():
    parameters = {"epochs": 2, "dtype": "float64", "random_state": 0}
    with pytest.raises(TypeError, match=r"^build: with_lbfgs has LBFGS as its optimizer, whose"):
        frameworks.PyTorchRegressor(with_lbfgs, **parameters).fit(X, Y)
    found = frameworks.PyTorchTrainer(program_with_lbfgs, **parameters).fit(X, Y[:, None])
    assert found.history_[1]["loss"] < found.history_[0]["loss"]
