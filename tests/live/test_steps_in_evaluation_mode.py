"""A step that runs the model as in evaluation, or leaves it so for the next one, is compared."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from keras import layers as L
from torch import nn

from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(24, 6)), RNG.integers(3, size=24)


class Evaluated(keras.Sequential):
    """Its own step says nothing of training."""

    mode = False

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=self.mode))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


class Trained(Evaluated):
    mode = True


def evaluated(model, optimizer, loss, x, y):
    with tf.GradientTape() as tape:
        value = keras.ops.mean(loss(y, model(x, training=False)))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(value, variables), variables)
    return value


def in_keras(kind=keras.Sequential, step=None):
    model = kind([L.Input((6,)), L.Dense(8, "tanh"), L.Dropout(0.25), L.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    return Training(model, step=step)


def port():
    return training(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.25), nn.Linear(8, 3)))


@pytest.mark.parametrize("side", [lambda: in_keras(Evaluated), lambda: in_keras(step=evaluated)])
def test_a_step_in_evaluation_mode_is_the_cause(side):
    report = diverge(side(), port(), X, y, steps=3, batch_size=8)
    assert report.level == "loss", str(report)
    assert "computes its loss in evaluation mode" in report.cause


def test_a_step_in_training_mode_agrees():
    report = diverge(in_keras(Trained), port(), X, y, steps=3, batch_size=8)
    assert report.same, str(report)


def validated(every, back, part=""):
    """Return a step after which the model, or a part, is looked at in evaluation mode at times."""
    taken = [0]

    def step(model, optimizer, loss, rows, labels):
        if back == "at the beginning":
            model.train()
        optimizer.zero_grad()
        value = loss(model(rows), labels)
        value.backward()
        optimizer.step()
        taken[0] += 1
        if taken[0] % every == 0:
            model.get_submodule(part).eval()
            with torch.no_grad():
                loss(model(rows), labels)
            if back == "at the end":
                model.train()
        return value

    return step


def with_states(step):
    layers = [nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.25), nn.Linear(8, 3)]
    return training(nn.Sequential(*layers), step=step)


@pytest.mark.parametrize("part", ["", "1"])
def test_the_mode_in_which_a_step_leaves_a_model_is_that_of_the_next(part):
    def compared(a, b):
        sides = (with_states(validated(2, back, part)) for back in (a, b))
        return diverge(*sides, X, y, steps=6, batch_size=8)

    assert compared("at the end", "at the beginning").same
    for backs in (("at the end", "never"), ("never", "at the end")):
        report = compared(*backs)
        assert (report.level, report.step, report.cause) == ("trajectory", 3, None), str(report)


def freezing(model, optimizer, loss, rows, labels):
    """A step that sets the modes before it runs the model, as loops do."""
    model.train()
    model[1].eval()
    optimizer.zero_grad()
    value = loss(model(rows), labels)
    value.backward()
    optimizer.step()
    return value


def test_layers_are_compared_in_the_modes_in_which_a_step_runs_them():
    given = with_states(None)
    given.model[1].eval()
    for sides in ((with_states(freezing), given), (given, with_states(freezing))):
        report = diverge(*sides, X, y, steps=4, batch_size=8)
        assert report.same, str(report)
    report = diverge(with_states(freezing), with_states(None), X, y, steps=4, batch_size=8)
    assert report.cause == "the first pytorch normalizes with the running statistics in layer 1"
