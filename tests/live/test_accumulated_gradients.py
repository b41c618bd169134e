"""Gradients of several steps, averaged by an optimizer of Keras or in a step of one's own."""

import keras
import numpy as np
import pytest
import torch
from torch import nn

from frameworks.pytorch.hooks import use_epsilon_hat
from lockstep import Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(5)
X, LABELS = RNG.normal(size=(40, 6)), RNG.integers(0, 3, 40)
RATE = 0.125
BETAS = 0.875, 0.96875  # float32 holds them, in which Keras corrects its bias


def in_the_optimizer(rule, every):
    layers = [keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)]
    own = {"beta_1": BETAS[0], "beta_2": BETAS[1]} if rule == "Adam" else {}
    optimizer = getattr(keras.optimizers, rule)(RATE, gradient_accumulation_steps=every, **own)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Training(keras.Sequential(layers), loss, optimizer)


def in_a_step(rule, every):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    own = {"betas": BETAS, "eps": 1e-7} if rule == "Adam" else {}
    optimizer = getattr(torch.optim, rule)(model.parameters(), lr=RATE, **own)
    if rule == "Adam":
        use_epsilon_hat(optimizer)
    taken = [0]

    def step(model, optimizer, loss, inputs, targets):
        value = loss(model(inputs), targets)
        (value / every).backward()
        taken[0] += 1
        if taken[0] % every == 0:
            optimizer.step()
            optimizer.zero_grad()
        return value

    return Training(model, nn.CrossEntropyLoss(), optimizer, step=step)


def compared(a, b):
    return diverge(a, b, X, LABELS, steps=7, batch_size=8)


@pytest.mark.parametrize("rule", ["SGD", "Adam"])
def test_accumulated_at_another_place_they_move_the_weights_alike(rule):
    for pair in (
        (in_the_optimizer(rule, 2), in_a_step(rule, 2)),
        (in_a_step(rule, 3), in_the_optimizer(rule, 3)),
    ):
        report = compared(*pair)
        assert report.same, str(report)
        assert any("clipped, accumulated or decayed at another" in note for note in report.notes)


@pytest.mark.parametrize("counts", [(2, 4), (4, 2), (2, 3)])
def test_those_of_other_numbers_of_steps_differ(counts):
    inside, own = counts
    assert not compared(in_the_optimizer("SGD", inside), in_a_step("SGD", own)).same
    assert not compared(in_a_step("SGD", own), in_the_optimizer("SGD", inside)).same


def in_a_list(rule, every):
    """The same step, with the gradients of each batch in a list instead of in the parameters."""
    model = in_a_step(rule, every).model
    own = {"betas": BETAS, "eps": 1e-7} if rule == "Adam" else {}
    optimizer = getattr(torch.optim, rule)(model.parameters(), lr=RATE, **own)
    kept = []

    def step(model, optimizer, loss, inputs, targets):
        value, weights = loss(model(inputs), targets), [*model.parameters()]
        kept.append(torch.autograd.grad(value, weights))
        if len(kept) == every:
            for p, gradients in zip(weights, zip(*kept, strict=True), strict=True):
                p.grad = sum(gradients) / every
            optimizer.step()
            kept.clear()
        return value

    return Training(model, nn.CrossEntropyLoss(), optimizer, step=step)


@pytest.mark.parametrize("order", [1, -1])
def test_no_cause_is_that_an_optimizer_waits_where_both_do(order):
    assert compared(*[in_a_step("SGD", 2), in_a_list("SGD", 2)][::order]).same
    report = compared(*[in_a_step("SGD", 3), in_a_list("SGD", 2)][::order])
    assert "takes its first step" in str(report.cause)
    slower = in_a_step("SGD", 2)
    slower.optimizer.param_groups[0]["lr"] = RATE / 2
    report = compared(*[slower, in_a_list("SGD", 2)][::order])
    assert not report.same
    assert "takes its first step" not in str(report.cause)
