"""A step that moves the weights without the optimizer goes by the gradients it computed last."""

import numpy as np
import pytest
import torch
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(40, 6)), RNG.integers(3, size=40)
RATE = 2**-4


def zeroed(p, rate):
    p -= rate * p.grad
    p.grad.zero_()


def forgotten(p, rate):
    p.sub_(p.grad, alpha=rate)
    p.grad = None


def replaced(p, rate):
    p.data = p.data - rate * p.grad
    p.grad.zero_()


def by_hand(update, rate=RATE, limit=None):
    def step(model, optimizer, loss, X, y):
        value = loss(model(X), y)
        value.backward()
        if limit:
            nn.utils.clip_grad_norm_(model.parameters(), limit)
        with torch.no_grad():
            for p in model.parameters():
                update(p, rate)
        return value

    return step


def returned(model, optimizer, loss, X, y):
    value, parameters = loss(model(X), y), [*model.parameters()]
    with torch.no_grad():
        for p, g in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
            p -= RATE * g
    return value


def clipped(model, optimizer, loss, X, y):
    optimizer.zero_grad()
    value = loss(model(X), y)
    value.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.125)
    optimizer.step()
    return value


def descending(step=None):
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    return training(model, optimizer=lambda p: torch.optim.SGD(p, lr=RATE), step=step)


def compared(step, other=None):
    return diverge(descending(other), descending(step), X, y, steps=4, batch_size=8)


BY_HAND = {
    "zeroed": by_hand(zeroed),
    "forgotten": by_hand(forgotten),
    "replaced": by_hand(replaced),
    "returned": returned,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_plain_update_by_hand_is_plain_gradient_descent(name):
    report = compared(BY_HAND[name])
    assert report.same, str(report)


def test_gradients_clipped_by_hand_are_those_of_the_step():
    step = by_hand(forgotten, limit=0.125)
    report = compared(step, clipped)
    assert report.same, str(report)
    assert compared(step).level == "gradient"


@pytest.mark.parametrize("update", [zeroed, forgotten, replaced])
def test_another_rate_by_hand_is_the_cause(update):
    report = compared(by_hand(update, rate=0.8 * RATE))
    assert report.level == "step", str(report)
    assert "the learning rate is 0.8 times the one that is stated" in report.cause


def test_a_step_that_moves_nothing_hands_over_no_gradient():
    def cleared(model, optimizer, loss, X, y):
        value = loss(model(X), y)
        value.backward()
        model.zero_grad()
        return value

    assert compared(cleared, cleared).same
    assert compared(cleared).level == "gradient"
