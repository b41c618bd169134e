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


def functional(model, optimizer, loss, X, y):
    """Gradients of a function of the weights: none passes through the weights themselves."""
    own = {name: p.detach() for name, p in model.named_parameters()}
    value_of = lambda w: loss(torch.func.functional_call(model, w, (X,)), y)  # noqa: E731
    gradients, value = torch.func.grad_and_value(value_of)(own)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p -= RATE * gradients[name]
    return value


def in_halves(model, optimizer, loss, X, y):
    parameters, total = [*model.parameters()], torch.zeros(())
    sums = [torch.zeros_like(p) for p in parameters]
    for some in (slice(0, 4), slice(4, 8)):
        value = loss(model(X[some]), y[some]) / 2
        for whole, part in zip(sums, torch.autograd.grad(value, parameters), strict=True):
            whole += part
        total = total + value.detach()
    with torch.no_grad():
        for p, whole in zip(parameters, sums, strict=True):
            p -= RATE * whole
    return total


def clipped_beside(model, optimizer, loss, X, y):
    value, parameters = loss(model(X), y), [*model.parameters()]
    gradients = torch.autograd.grad(value, parameters)
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    with torch.no_grad():
        for p, g in zip(parameters, gradients, strict=True):
            p -= RATE * g * min(1.0, 0.125 / (float(norm) + 1e-6))
    return value


@pytest.mark.parametrize(
    ("step", "other"), [(functional, None), (in_halves, None), (clipped_beside, clipped)]
)
def test_gradients_that_nobody_sees_are_no_difference_where_all_steps_agree(step, other):
    for sides in ((step, other), (other, step)):
        report = compared(*sides)
        assert report.same, str(report)
        assert any("or not seen in a step of its own" in note for note in report.notes)


@pytest.mark.parametrize("step", [functional, in_halves])
def test_no_cause_is_sought_in_gradients_that_may_not_be_those_of_the_step(step):
    report = compared(step, by_hand(zeroed, rate=0.5 * RATE, limit=0.0625))
    assert (report.level, report.cause) == ("gradient", None)
    assert any("no cause is sought in it" in note for note in report.notes)
