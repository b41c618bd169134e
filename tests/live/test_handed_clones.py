"""Clones of the weights that are kept beside a model follow the weights that are handed over."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


class Lookahead(SGD):
    """Moves slow weights, clones of those given, towards the others at every second step."""

    def __init__(self, parameters, lr, share=0.5):
        super().__init__(parameters, lr)
        self.share, self.steps, self.slow = share, 0, {}
        self.slow = self.clones([p for group in self.param_groups for p in group["params"]])

    def clones(self, parameters):
        return [p.detach().clone() for p in parameters]

    def slow_of(self, k, p):
        return self.slow[k]

    @torch.no_grad()
    def step(self, closure=None):
        super().step(closure)
        self.steps += 1
        if self.steps % 2 == 0:
            for k, p in enumerate(p for group in self.param_groups for p in group["params"]):
                p.copy_(self.slow_of(k, p).lerp_(p, self.share))


class InState(Lookahead):
    def clones(self, parameters):
        for p in parameters:
            self.state[p]["slow"] = p.detach().clone()

    def slow_of(self, k, p):
        return self.state[p]["slow"]


class InGroups(Lookahead):
    def clones(self, parameters):
        return {group: [p.detach().clone()] for group, p in enumerate(parameters)}

    def slow_of(self, k, p):
        return self.slow[k][0]


def grouped(model):
    return [{"params": [p]} for p in model.parameters()]


def side(optimizer=Lookahead, share=0.5):
    model = nn.Linear(6, 3)
    nn.init.normal_(model.bias)
    given = grouped(model) if optimizer is InGroups else model.parameters()
    return training(model, optimizer=lambda _: optimizer(given, 0.1, share=share))


@pytest.mark.parametrize("optimizer", [Lookahead, InState, InGroups])
def test_slow_weights_are_those_of_the_weights_handed_over(optimizer):
    assert diverge(side(optimizer), side(optimizer), X, y, steps=8, batch_size=16).same
    other = side(optimizer, share=0.25)
    assert not diverge(side(optimizer), other, X, y, steps=8, batch_size=16).same


def taught(share):
    """A step that draws a model to its teacher, which begins as its copy."""
    model = nn.Linear(6, 3)
    teacher = copy.deepcopy(model)

    def step(model, optimizer, loss, X, y):
        optimizer.zero_grad()
        value = loss(model(X), y) + (model(X) - teacher(X).detach()).square().mean()
        value.backward()
        optimizer.step()
        with torch.no_grad():
            for mean, p in zip(teacher.parameters(), model.parameters(), strict=True):
                mean.lerp_(p, share)
        return value

    return training(model, step=step)


def test_a_teacher_begins_as_the_model_that_is_handed_over():
    assert diverge(taught(0.25), taught(0.25), X, y, steps=8, batch_size=16).same
    assert not diverge(taught(0.25), taught(0.5), X, y, steps=8, batch_size=16).same
