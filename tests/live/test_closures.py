"""A step whose closure clears and computes the gradients goes by these, not by what was there."""

import numpy as np
import pytest
from torch import nn
from torch.optim import LBFGS, SGD, Adam

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(40, 6)), RNG.integers(3, size=40)


def by_a_closure(model, optimizer, loss, X, y, factor=1.0, named=False):
    def closure():
        optimizer.zero_grad()
        value = factor * loss(model(X), y)
        value.backward()
        return value

    value = optimizer.step(closure=closure) if named else optimizer.step(closure)
    return value / factor


def by_its_name(*handed):
    return by_a_closure(*handed, named=True)


def halved(*handed):
    return by_a_closure(*handed, factor=0.5)


def side(kind, step=None):
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    options = {"max_iter": 3} if kind is LBFGS else {}
    return training(model, optimizer=lambda p: kind(p, lr=0.0625, **options), step=step)


@pytest.mark.parametrize("kind", [SGD, Adam, LBFGS])
def test_a_step_that_is_given_a_closure_is_the_plain_step(kind):
    for step in (by_a_closure, by_its_name):
        for sides in ((side(kind), side(kind, step)), (side(kind, step), side(kind))):
            report = diverge(*sides, X, y, steps=6, batch_size=8)
            assert report.same, str(report)


def test_the_gradients_that_a_closure_computes_are_compared():
    report = diverge(side(SGD), side(SGD, halved), X, y, steps=4, batch_size=8)
    assert report.level == "gradient", str(report)
    assert report.cause.endswith("in the first pytorch is 2 times that in the second pytorch")


def test_a_factor_on_which_no_step_depends_is_no_difference():
    report = diverge(side(LBFGS), side(LBFGS, halved), X, y, steps=4, batch_size=8)
    assert report.same, str(report)
    assert any("but every step moves the weights alike" in note for note in report.notes)
