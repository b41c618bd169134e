"""Optimizers: steps worked out by hand, and 100 steps beside PyTorch's and Keras' own."""

import math
from copy import deepcopy
from functools import partial

import keras
import numpy as np
import pytest
import torch

from frameworks import float32
from scratch import SGD, Adam

from .closeness import assert_close

MU, BETA_1, BETA_2 = float32(0.9), float32(0.9), float32(0.999)  # Keras rounds them to float32
ETA, EPSILON = float32(0.01), float32(1e-7)


def positions(optimizer, gradients):
    """Return θ after each step, from θ = 0."""
    theta, path = np.zeros(1), []
    for g in gradients:
        optimizer.step(theta, np.array([float(g)]))
        path.append(theta[0])
    return path


def test_sgd_steps_by_hand():
    # θ -= g/2
    assert positions(SGD(0.5), [1, 2, 4]) == [-0.5, -1.5, -3.5]


def test_sgd_with_momentum_steps_by_hand():
    # v = v/2 + g: 1, 2.5, 5.25; θ -= v/2
    assert positions(SGD(0.5, momentum=0.5), [1, 2, 4]) == [-0.5, -1.75, -4.375]


def test_sgd_with_nesterov_momentum_steps_by_hand():
    # v as above; θ -= (g + v/2)/2: g + v/2 = 1.5, 3.25, 6.625
    sgd = SGD(0.5, momentum=0.5, nesterov=True)
    assert positions(sgd, [1, 2, 4]) == [-0.75, -2.375, -5.6875]


def test_adam_steps_by_hand():
    # β₁ = 1/2, β₂ = 3/4, ε = 2, η = 6, g = 2, -2
    # t = 1: m = 1, v = 1; m̂ = 1/(1/2) = 2, v̂ = 1/(1/4) = 4; θ = -6 · 2/(2 + 2) = -3
    # t = 2: m = -1/2, v = 7/4; m̂ = -1/2/(3/4) = -2/3, v̂ = 7/4/(7/16) = 4; θ = -3 + 6 · 2/3/4 = -2
    adam = Adam(6, beta_1=0.5, beta_2=0.75, epsilon=2)
    assert positions(adam, [2, -2]) == pytest.approx([-3, -2], rel=1e-15)  # √(7/16) is rounded


def test_adam_with_epsilon_hat_steps_by_hand():
    # the same m and v; factor √(1-β₂ᵗ)/(1-β₁ᵗ) = (1/2)/(1/2) = 1, then (√7/4)/(3/4) = √7/3
    # θ = -6 · 1 · 1/(1 + 2) = -2, then + 6 · √7/3 · 1/2 / (√7/2 + 2) = √7/(√7/2 + 2)
    adam = Adam(6, beta_1=0.5, beta_2=0.75, epsilon=2, epsilon_hat=True)
    second = -2 + math.sqrt(7) / (math.sqrt(7) / 2 + 2)
    assert positions(adam, [2, -2]) == pytest.approx([-2, second], rel=1e-15)  # roots are rounded


def test_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    for g in (1e-3, 5.0, -1e6):
        step = -math.copysign(0.5, g)
        assert positions(Adam(0.5, epsilon=0), [g]) == pytest.approx([step], rel=1e-15)  # one root


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(ETA), partial(torch.optim.SGD, lr=ETA)),
        (SGD(ETA, momentum=MU), partial(torch.optim.SGD, lr=ETA, momentum=MU)),
        (
            SGD(ETA, momentum=MU, nesterov=True),
            partial(torch.optim.SGD, lr=ETA, momentum=MU, nesterov=True),
        ),
        (Adam(), torch.optim.Adam),  # the paper's numbers are the defaults of both
        (
            Adam(ETA, beta_1=0.8, beta_2=0.95, epsilon=0.1),
            partial(torch.optim.Adam, lr=ETA, betas=(0.8, 0.95), eps=0.1),
        ),
    ],
    ids=["SGD", "momentum", "Nesterov", "Adam", "Adam with a large epsilon"],
)
def test_100_steps_equal_those_of_torch(ours, theirs):
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(5, 3))
    their_theta = torch.tensor(theta, requires_grad=True)
    optimizer = theirs([their_theta])
    for g in rng.normal(size=(100, 5, 3)):
        ours.step(theta, g)
        their_theta.grad = torch.tensor(g)
        optimizer.step()
    assert_close(theta, their_theta.detach(), 1e-12)  # the suite's limit; measured: below 1e-15


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(ETA), partial(keras.optimizers.SGD, ETA)),
        (SGD(ETA, momentum=MU), partial(keras.optimizers.SGD, ETA, momentum=MU)),
        (
            SGD(ETA, momentum=MU, nesterov=True),
            partial(keras.optimizers.SGD, ETA, momentum=MU, nesterov=True),
        ),
        (
            Adam(ETA, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON, epsilon_hat=True),
            partial(keras.optimizers.Adam, ETA, BETA_1, BETA_2, EPSILON),
        ),
        (
            Adam(ETA, beta_1=BETA_1, beta_2=BETA_2, epsilon=0.5, epsilon_hat=True),
            partial(keras.optimizers.Adam, ETA, BETA_1, BETA_2, epsilon=0.5),
        ),
    ],
    ids=["SGD", "momentum", "Nesterov", "Adam", "Adam with a large epsilon"],
)
def test_100_steps_equal_those_of_keras(ours, theirs):
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(5, 3))
    their_theta, optimizer = keras.Variable(theta, dtype="float64"), theirs()
    for g in rng.normal(size=(100, 5, 3)):
        ours.step(theta, g)
        optimizer.apply([keras.ops.convert_to_tensor(g)], [their_theta])
    assert_close(theta, their_theta.numpy(), 1e-12)  # the suite's limit; measured: below 1e-15


@pytest.mark.parametrize(
    "optimizer",
    [SGD(0.1, momentum=0.5), SGD(0.1, momentum=0.5, nesterov=True), Adam(0.1)],
    ids=["momentum", "Nesterov", "Adam"],
)
def test_a_copy_goes_on_as_the_original_does(optimizer):
    theta, g = np.ones(3), np.array([1.0, -2.0, 0.5])
    optimizer.step(theta, g)
    copied, copied_theta = deepcopy(optimizer), theta.copy()
    kept = {name: value.copy() for name, value in copied.state.items()}
    optimizer.step(theta, g)
    assert all(np.array_equal(copied.state[name], value) for name, value in kept.items())
    copied.step(copied_theta, g)
    assert copied_theta.tobytes() == theta.tobytes()


def test_step_leaves_the_gradient_as_it_is():
    for optimizer in (SGD(0.1, momentum=0.5, nesterov=True), Adam()):
        g = np.array([1.0, -2.0])
        for _ in range(3):
            optimizer.step(np.zeros(2), g)
        assert g.tolist() == [1, -2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(0.0), r"learning_rate must be above 0, got 0\.0"),
        (lambda: SGD(float("nan")), "learning_rate must be above 0, got nan"),
        (lambda: SGD(0.1, momentum=1.0), r"momentum must be at least 0 and below 1, got 1\.0"),
        (lambda: SGD(0.1, momentum=-0.5), r"momentum must be at least 0 and below 1, got -0\.5"),
        (lambda: SGD(0.1, nesterov=True), r"nesterov needs a momentum above 0, got 0\.0"),
        (lambda: Adam(-1.0), r"learning_rate must be above 0, got -1\.0"),
        (lambda: Adam(beta_1=1.0), r"beta_1 must be at least 0 and below 1, got 1\.0"),
        (lambda: Adam(beta_2=1.5), r"beta_2 must be at least 0 and below 1, got 1\.5"),
        (lambda: Adam(epsilon=-1e-8), "epsilon must be at least 0, got -1e-08"),
        (lambda: Adam(epsilon=float("nan")), "epsilon must be at least 0, got nan"),
    ],
)
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()
