"""Averages of the weights that are kept beside a model are compared, or named."""

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lockstep import Training, diverge, record

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(64, 6)), RNG.integers(5, size=64)


def network():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 5))


def trained(model, optimizer, after=None):
    def step(model, optimizer, loss, X, y):
        optimizer.zero_grad()
        value = loss(model(X), y)
        value.backward()
        optimizer.step()
        after(model)
        return value

    return Training(
        model, loss=nn.CrossEntropyLoss(), optimizer=optimizer, step=step if after else None
    )


def in_a_model(decay):
    model = network()
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    return trained(model, SGD(model.parameters(), lr=0.1), mean.update_parameters)


def in_its_buffers(decay):
    model = network()
    own = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=decay == 0.5)
    return trained(model, SGD(model.parameters(), lr=0.1), own.update_parameters)


def by_a_hook(decay):
    model = network()
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    optimizer = SGD(model.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda *_: mean.update_parameters(model))
    return trained(model, optimizer)


def in_a_dictionary(decay):
    model = network()
    shadow = {name: x.clone() for name, x in model.state_dict().items()}

    def after(model):
        for name, x in model.state_dict().items():
            shadow[name] = decay * shadow[name] + (1 - decay) * x

    return trained(model, SGD(model.parameters(), lr=0.1), after)


def from_the_first_step(decay):
    model, mean = network(), []

    def after(model):
        own = [p.detach().clone() for p in model.parameters()]
        mean[:] = [decay * m + (1 - decay) * p for m, p in zip(mean or own, own, strict=True)]

    return trained(model, SGD(model.parameters(), lr=0.1), after)


def in_one_vector(decay):
    model = network()
    mean = nn.utils.parameters_to_vector(model.parameters()).detach().clone()

    def after(model):
        mean.lerp_(nn.utils.parameters_to_vector(model.parameters()).detach(), 1 - decay)

    return trained(model, SGD(model.parameters(), lr=0.1), after)


class Averaging(SGD):
    def __init__(self, parameters, decay):
        super().__init__(parameters, lr=0.1)
        self.decay, self.weights = decay, [p for g in self.param_groups for p in g["params"]]
        self.start()

    def start(self):
        self.means = [p.detach().clone() for p in self.weights]

    def mean_of(self, k):
        return self.means[k]

    @torch.no_grad()
    def step(self, closure=None):
        super().step(closure)
        for k, p in enumerate(self.weights):
            self.mean_of(k).lerp_(p, 1 - self.decay)


class AveragingInState(Averaging):
    def start(self):
        for p in self.weights:
            self.state[p]["mean"] = p.detach().clone()

    def mean_of(self, k):
        return self.state[self.weights[k]]["mean"]


def by_an_optimizer(decay):
    model = network()
    return trained(model, Averaging(model.parameters(), decay))


def in_its_state(decay):
    model = network()
    return trained(model, AveragingInState(model.parameters(), decay))


PYTORCH = (
    *(in_a_model, in_its_buffers, by_a_hook, in_a_dictionary, from_the_first_step),
    *(in_one_vector, by_an_optimizer, in_its_state),
)


@pytest.mark.parametrize("side", PYTORCH)
def test_averages_that_differ_are_found_and_equal_ones_agree(side):
    found = diverge(side(0.5), side(0.75), X, y, steps=4)
    assert (found.same, found.level) == (False, "result")
    assert "averaged in" in str(found)
    assert found.cause is None
    same = diverge(side(0.5), side(0.5), X, y, steps=4)  # from other initial weights
    assert same.same
    assert not any("kept" in note or "keeps" in note for note in same.notes)


def keras_network():
    layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(5)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.125), loss)
    return model


def keras_trained(model, after):
    def step(model, optimizer, loss, X, y):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss(y, model(X, training=True))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(value, weights), weights)
        after(model)
        return value

    return Training(model, step=step)


def in_variables(decay):
    model = keras_network()
    means = [keras.Variable(v) for v in model.trainable_variables]

    def after(model):
        for mean, v in zip(means, model.trainable_variables, strict=True):
            mean.assign(decay * mean + (1 - decay) * v)

    return keras_trained(model, after)


def in_variables_of_tensorflow(decay):
    import tensorflow as tf

    model = keras_network()
    means = [tf.Variable(w, dtype="float64") for w in model.get_weights()]

    def after(model):
        for mean, w in zip(means, model.weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * w)

    return keras_trained(model, after)


def in_arrays(decay):
    model = keras_network()
    means = model.get_weights()

    def after(model):
        own = model.get_weights()
        means[:] = [decay * m + (1 - decay) * v for m, v in zip(means, own, strict=True)]

    return keras_trained(model, after)


def in_tensors(decay):
    model = keras_network()
    means = {v.path: keras.ops.copy(v) for v in model.trainable_variables}

    def after(model):
        pairs = zip([*means], model.trainable_variables, strict=True)
        means.update({name: decay * means[name] + (1 - decay) * v for name, v in pairs})

    return keras_trained(model, after)


def in_a_clone(decay):
    model = keras_network()
    mean = keras.models.clone_model(model)
    mean.set_weights(model.get_weights())

    def after(model):
        for m, v in zip(mean.weights, model.weights, strict=True):
            m.assign(decay * m + (1 - decay) * v)

    return keras_trained(model, after)


class AveragingSGD(keras.optimizers.SGD):
    def __init__(self, decay):
        super().__init__(0.125)
        self.decay = decay

    def build(self, variables):
        super().build(variables)
        self.means = [keras.Variable(v) for v in variables]

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        for mean, v in zip(self.means, self._trainable_variables, strict=True):
            mean.assign(self.decay * mean + (1 - self.decay) * v)


def by_a_keras_optimizer(decay):
    model = keras_network()
    model.compile(AveragingSGD(decay), model.loss)
    return Training(model)


KERAS = (
    *(in_variables, in_variables_of_tensorflow, in_arrays, in_tensors, in_a_clone),
    by_a_keras_optimizer,
)


@pytest.mark.parametrize("side", KERAS)
def test_averages_beside_a_keras_model_are_compared(side):
    found = diverge(side(0.5), side(0.75), X, y, steps=4)
    assert (found.same, found.level) == (False, "result")
    assert "averaged in" in str(found)
    assert diverge(side(0.5), side(0.5), X, y, steps=4).same  # from other initial weights


def test_single_averages_of_other_names_are_compared():
    assert diverge(in_a_dictionary(0.5), by_an_optimizer(0.5), X, y, steps=4).same
    found = diverge(in_a_dictionary(0.5), by_an_optimizer(0.75), X, y, steps=4)
    assert "averaged in shadow / means" in str(found)


def test_averages_that_one_side_alone_keeps_are_named():
    model = network()
    plain = trained(model, SGD(model.parameters(), lr=0.1))
    found = diverge(plain, in_a_dictionary(0.5), X, y, steps=4)
    assert found.same
    assert "keeps averages of its weights in shadow" in str(found)


def test_what_is_kept_and_is_no_average_is_named():
    def side(share):
        model = network()
        sums = [torch.zeros_like(p) for p in model.parameters()]

        def after(model):
            for x, p in zip(sums, model.parameters(), strict=True):
                x.add_(p.grad, alpha=share)

        return trained(model, SGD(model.parameters(), lr=0.1), after)

    found = diverge(side(1), side(2), X, y, steps=4)
    assert found.same
    assert any("in sums is not compared" in note for note in found.notes)


def test_averages_in_less_precision_are_named_and_not_compared():
    def side(decay):
        model = network()
        means = [p.detach().numpy().copy() for p in model.parameters()]  # in float32

        def after(model):
            for mean, p in zip(means, model.parameters(), strict=True):
                mean += (1 - decay) * (p.detach().numpy() - mean)

        return trained(model, SGD(model.parameters(), lr=0.1), after)

    found = diverge(side(0.5), side(0.75), X, y, steps=4)
    assert found.same
    assert any("in means is not compared" in note for note in found.notes)


def test_the_averages_of_asgd_are_compared():
    def side(start):
        model = network()
        return trained(model, torch.optim.ASGD(model.parameters(), lr=0.1, t0=start))

    assert diverge(side(2), side(2), X, y, steps=8).same
    found = diverge(side(2), side(5), X, y, steps=8)
    assert (found.level, "averaged in ax" in str(found)) == ("result", True)


def test_averages_are_recorded(tmp_path):
    def side(decay):
        torch.manual_seed(1)
        return in_a_dictionary(decay)

    record(side(0.5), X, y, path=tmp_path / "a.trace", steps=4)
    record(side(0.75), X, y, path=tmp_path / "b.trace", steps=4)
    found = diverge(tmp_path / "a.trace", tmp_path / "b.trace")
    assert (found.level, "averaged in shadow" in str(found)) == ("result", True)
    assert diverge(tmp_path / "a.trace", in_a_dictionary(0.5), X, y).same
