"""Differences of optimizers, one test for each row of `docs/framework-differences.md`."""

import inspect
import math

import keras
import numpy as np
import pytest
import torch

from .comparing import (
    assert_apart,
    assert_same,
    constant,
    random,
    step_of_keras,
    step_of_pytorch,
    tensor,
)

THETA, G = random(5), random(5, seed=1)


def default_of(make, name):
    return inspect.signature(make).parameters[name].default


def test_default_learning_rates():
    theirs = torch.optim
    for name, in_keras, in_pytorch in (
        ("SGD", 0.01, 1e-3),
        ("Adam", 1e-3, 1e-3),
        ("AdamW", 1e-3, 1e-3),
        ("RMSprop", 1e-3, 0.01),
        ("Adagrad", 1e-3, 0.01),
        ("Adadelta", 1e-3, 1.0),
        ("Adamax", 1e-3, 2e-3),
        ("Nadam", 1e-3, 2e-3),
    ):
        their_name = name.replace("Nadam", "NAdam")
        assert default_of(getattr(keras.optimizers, name), "learning_rate") == in_keras
        assert default_of(getattr(theirs, their_name), "lr") == in_pytorch


def test_default_epsilons():
    for name, in_pytorch in (
        ("Adam", 1e-8),
        ("RMSprop", 1e-8),
        ("Adagrad", 1e-10),
        ("Adadelta", 1e-6),
        ("Adamax", 1e-8),
    ):
        assert default_of(getattr(keras.optimizers, name), "epsilon") == 1e-7
        assert default_of(getattr(torch.optim, name), "eps") == in_pytorch


def test_betas_are_rounded():
    """Adam in float64: Keras' powers of β are those of a float32, until float32 holds β exactly."""
    for betas, apart in (((0.9, 0.999), True), ((0.875, 1 - 2.0**-10), False)):
        own = dict(zip(("beta_1", "beta_2"), betas, strict=True))
        theirs = step_of_keras(keras.optimizers.Adam(0.5, epsilon=0, **own), THETA, G)
        exact = step_of_pytorch(
            lambda p, betas=betas: torch.optim.Adam(p, 0.5, betas, eps=0), THETA, G
        )
        if apart:
            assert_apart(theirs, exact, by=3.2e-6)
        else:
            assert_same(theirs, exact)


def test_momentum_is_rounded():
    def after(momentum):
        theirs = step_of_keras(keras.optimizers.SGD(0.5, momentum=momentum), THETA, G, steps=3)
        make = lambda p: torch.optim.SGD(p, 0.5, momentum=momentum)  # noqa: E731
        return theirs, step_of_pytorch(make, THETA, G, steps=3)

    assert_apart(*after(0.9), by=1.6e-8)
    assert_same(*after(float(np.float32(0.9))))


def test_learning_rate_is_rounded():
    """Keras keeps it in the floatx of the moment in which the optimizer is made."""
    assert keras.config.floatx() == "float32"
    assert float(keras.optimizers.SGD(0.1).learning_rate.numpy()) == float(np.float32(0.1)) != 0.1


def test_momentum_when_the_rate_changes():
    """A step at rate 1, one at 1/4: Keras' velocity holds the old rate. η₁/η₂ scales PyTorch's."""
    optimizer = keras.optimizers.SGD(1.0, momentum=0.5)
    variable = keras.Variable(THETA, dtype="float64")
    ends = {}
    for scale in (1, 4):
        theirs = tensor(THETA)
        sgd = torch.optim.SGD([theirs], 1.0, momentum=0.5)
        for rate in (1.0, 0.25):
            if rate < 1:
                sgd.state[theirs]["momentum_buffer"] *= scale
            sgd.param_groups[0]["lr"] = rate
            theirs.grad = torch.tensor(G)
            sgd.step()
        ends[scale] = theirs.detach()
    for rate in (1.0, 0.25):
        optimizer.learning_rate = rate
        optimizer.apply([constant(G)], [variable])
    assert_apart(ends[1], variable.numpy(), by=0.2)
    assert_same(ends[4], variable.numpy())


def test_adam_epsilon():
    """ε̂ = ε √(1−β₂ᵗ) at step t, which a hook can set before each step."""
    theirs = step_of_keras(keras.optimizers.Adam(0.5, 0.875, 0.75, 0.125), THETA, G, steps=3)
    plain = step_of_pytorch(lambda p: torch.optim.Adam(p, 0.5, (0.875, 0.75), 0.125), THETA, G, 3)
    assert_apart(plain, theirs, by=0.086)
    variable = tensor(THETA)
    adam = torch.optim.Adam([variable], 0.5, (0.875, 0.75))
    for t in (1, 2, 3):
        adam.param_groups[0]["eps"] = 0.125 / math.sqrt(1 - 0.75**t)
        variable.grad = torch.tensor(G)
        adam.step()
    assert_same(variable, theirs)


def test_nadam_momentum_decay():
    """ψ is 0.004 and 1: at the second step μ is 0.45 β₁-fold in one, 0.54 in the other."""
    theirs = step_of_keras(keras.optimizers.Nadam(0.5, 0.875, 0.75, 0), THETA, G, steps=3)
    stock = step_of_pytorch(lambda p: torch.optim.NAdam(p, 0.5, (0.875, 0.75), 0), THETA, G, 3)
    one = step_of_pytorch(
        lambda p: torch.optim.NAdam(p, 0.5, (0.875, 0.75), 0, momentum_decay=1), THETA, G, 3
    )
    assert_apart(stock, theirs, by=4.4e-3)
    assert_apart(one, theirs, by=2.1e-8)  # ρ = 0.96 rounded in Keras, the product in PyTorch


def test_nadam_product():
    """PyTorch keeps the product of the momenta in the default type."""
    variable = tensor(THETA)
    nadam = torch.optim.NAdam([variable])
    variable.grad = torch.tensor(G)
    nadam.step()
    assert nadam.state[variable]["mu_product"].dtype == torch.float32


def test_adamax_epsilon():
    """In PyTorch ε joins |g| in the norm, in Keras it is added to the norm: seen when g falls."""
    optimizer, variable = keras.optimizers.Adamax(1.0, 0.5, 0.5, 1.0), tensor(np.ones(1))
    ours = keras.Variable(np.ones(1), dtype="float64")
    adamax = torch.optim.Adamax([variable], 1.0, (0.5, 0.5), 1.0)
    for value in (2.0, 0.5):
        optimizer.apply([constant([value])], [ours])
        variable.grad = torch.tensor([value], dtype=torch.float64)
        adamax.step()
    assert_apart(ours.numpy(), variable, by=0.5)


def test_rmsprop_epsilon_and_rate():
    """g/√(v + ε) in Keras, g/(√v + ε) in PyTorch; no ε of one is the other's at every v."""
    theirs = step_of_keras(keras.optimizers.RMSprop(0.5, 0.75, epsilon=0.25), THETA, G)
    other = step_of_pytorch(lambda p: torch.optim.RMSprop(p, 0.5, 0.75, 0.25), THETA, G)
    v = 0.25 * G * G
    assert_same(theirs, THETA - 0.5 * G / np.sqrt(v + 0.25))
    assert_same(other, THETA - 0.5 * G / (np.sqrt(v) + 0.25))
    assert default_of(keras.optimizers.RMSprop, "rho") == 0.9
    assert default_of(torch.optim.RMSprop, "alpha") == 0.99


def test_adagrad_start():
    theirs = step_of_keras(keras.optimizers.Adagrad(0.5), THETA, G)
    other = step_of_pytorch(lambda p: torch.optim.Adagrad(p, 0.5), THETA, G)
    assert_same(theirs, THETA - 0.5 * G / np.sqrt(np.float32(0.1).astype(float) + G * G + 1e-7))
    assert_same(other, THETA - 0.5 * G / (np.abs(G) + 1e-10))


def test_adadelta_rate():
    """The paper has no rate: 1 in PyTorch, 0.001 in Keras."""
    theirs = step_of_keras(keras.optimizers.Adadelta(1.0, 0.875, 2.0**-20), THETA, G, steps=3)
    other = step_of_pytorch(lambda p: torch.optim.Adadelta(p, 1.0, 0.875, 2.0**-20), THETA, G, 3)
    assert_same(theirs, other)


def test_weight_decay():
    """Keras' is decoupled in every optimizer; PyTorch's is only in AdamW, and coupled elsewhere."""
    decay = {"weight_decay": 0.25}
    theirs = step_of_keras(keras.optimizers.RMSprop(0.5, 0.75, **decay), THETA, G)
    bare = step_of_keras(keras.optimizers.RMSprop(0.5, 0.75), THETA * (1 - 0.5 * 0.25), G)
    assert_same(theirs, bare)
    other = step_of_pytorch(lambda p: torch.optim.RMSprop(p, 0.5, 0.75, **decay), THETA, G)
    coupled = step_of_pytorch(lambda p: torch.optim.RMSprop(p, 0.5, 0.75), THETA, G + 0.25 * THETA)
    assert_same(other, coupled)


def test_adamw_weight_decay():
    assert default_of(keras.optimizers.AdamW, "weight_decay") == 0.004
    assert default_of(torch.optim.AdamW, "weight_decay") == 0.01


def test_l2_has_no_half():
    """Keras' L2(λ) is λ Σ w², whose gradient is that of PyTorch's weight_decay = 2 λ."""
    assert float(keras.regularizers.L2(0.25)(constant([2.0]))) == 1.0
    moved = step_of_pytorch(
        lambda p: torch.optim.SGD(p, 1.0, weight_decay=0.5), np.array([2.0]), np.zeros(1)
    )
    assert moved.tolist() == [2.0 - 2 * 0.25 * 2.0]


def test_clipping_by_norm():
    """Keras' clipnorm is per variable; global_clipnorm, and PyTorch's, are of all together."""
    g = [np.array([3.0, 4.0]), np.array([12.0])]
    ends = {}
    for name in ("clipnorm", "global_clipnorm"):
        variables = [keras.Variable(np.zeros_like(each), dtype="float64") for each in g]
        keras.optimizers.SGD(1.0, **{name: 1.0}).apply(list(map(constant, g)), variables)
        ends[name] = [v.numpy() for v in variables]
    assert_same(ends["clipnorm"][0], [-0.6, -0.8])
    assert_same(ends["global_clipnorm"][0], [-3 / 13, -4 / 13])
    theirs = [tensor(np.zeros_like(each)) for each in g]
    for each, gradient in zip(theirs, g, strict=True):
        each.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    assert_apart(theirs[0].grad, -ends["global_clipnorm"][0], by=1e-6 / 13)  # of the added 1e-6


def test_schedules_count():
    """Keras reads its count of steps before it is raised; PyTorch's schedulers are stepped."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [1.0, 0.1])
    assert [round(float(schedule(k)), 6) for k in range(4)] == [1.0, 1.0, 1.0, 0.1]  # inclusive
    for milestone, expected in ((2, [1.0, 1.0, 0.1, 0.1]), (3, [1.0, 1.0, 1.0, 0.1])):
        optimizer = torch.optim.SGD([tensor([0.0])], 1.0)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [milestone])
        rates = []
        for _ in range(4):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        assert rates == expected


@pytest.mark.parametrize("name", ["Lion", "Lamb"])
def test_only_in_keras(name):
    assert hasattr(keras.optimizers, name)
    assert not any(hasattr(torch.optim, each) for each in (name, name.upper()))
