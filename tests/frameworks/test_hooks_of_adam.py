"""Keras' ε and rates in PyTorch's Adam, also where the first parameter is frozen."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from frameworks import Parts, PyTorchRegressor
from frameworks.pytorch.hooks import use_epsilon_hat, use_rate
from frameworks.spec import Spec
from scratch import Adam

SPEC = Spec(inputs=3, outputs=1)
RATE = {"lr": 0.125, "eps": 0.25}  # an ε that matters


def gradients(count=4):
    return np.random.default_rng(0).normal(size=(count, 2))


def trained(hook, *, frozen):
    """Return a parameter after some steps, behind another one that may be frozen."""
    first, p = (nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2))
    first.requires_grad_(not frozen)
    optimizer = hook(torch.optim.Adam([first, p], **RATE))
    for g in gradients():
        for each in (p,) if frozen else (first, p):
            each.grad = torch.tensor(g)
        optimizer.step()
    return p.detach().numpy()


def test_epsilon_is_that_of_keras_behind_a_frozen_parameter():
    theta, adam = np.ones(2), Adam(0.125, epsilon=0.25, epsilon_hat=True)
    for g in gradients():
        adam.step(theta, g)
    for frozen in (False, True):
        # 1e-14: PyTorch rounds the bias corrections elsewhere
        assert trained(use_epsilon_hat, frozen=frozen) == pytest.approx(theta, rel=1e-14, abs=0)


def test_rate_follows_the_steps_behind_a_frozen_parameter():
    hook = partial(use_rate, rate=lambda k: 0.125 / (1 + k))
    assert trained(hook, frozen=True).tolist() == trained(hook, frozen=False).tolist()


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_optimizer_that_counts_no_steps_is_refused_for_a_rate_by_their_number(momentum):
    def build(spec=SPEC):
        network = nn.Linear(3, 1)
        sgd = torch.optim.SGD(network.parameters(), 0.1, momentum=momentum)
        first = [np.ones((3, 1)), np.zeros(1)]
        return Parts(network, nn.MSELoss(), use_rate(sgd, lambda k: 0.1), lambda *_: first)

    X = gradients(6).reshape(4, 3)
    with pytest.raises(TypeError, match="SGD does not count its steps, as Adam does; let a"):
        PyTorchRegressor(build, epochs=2, dtype="float64").fit(X, X[:, 0])
