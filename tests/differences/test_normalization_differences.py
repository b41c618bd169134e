"""Differences of normalization."""

import inspect

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from .comparing import assert_apart, assert_same, keras_layer, numbers, random, tensor


def default_of(make, name):
    return inspect.signature(make).parameters[name].default


def test_default_epsilons_of_norms():
    for ours, theirs, in_keras, in_pytorch in (
        (keras.layers.BatchNormalization, nn.BatchNorm1d, 1e-3, 1e-5),
        (keras.layers.LayerNormalization, nn.LayerNorm, 1e-3, 1e-5),
        (keras.layers.GroupNormalization, nn.GroupNorm, 1e-3, 1e-5),
        (keras.layers.RMSNormalization, nn.RMSNorm, 1e-6, None),
    ):
        assert default_of(ours, "epsilon") == in_keras
        assert default_of(theirs, "eps") == in_pytorch


def test_rms_norm_epsilon():
    """PyTorch's None is the machine epsilon of the type."""
    x = random(2, 3) * 1e-7
    theirs = nn.RMSNorm(3, dtype=torch.float64)(tensor(x))
    assert_same(theirs, x / np.sqrt((x * x).mean(1, keepdims=True) + np.finfo(float).eps))
    x = x.astype(np.float32)
    eps = np.finfo(np.float32).eps
    expected = x / np.sqrt((x * x).mean(1, keepdims=True) + eps)
    assert numbers(nn.RMSNorm(3)(torch.tensor(x))) == pytest.approx(expected, rel=1e-6)  # float32


def batch_norm(momentum=0.875):
    def make(**own):
        return keras.layers.BatchNormalization(momentum=momentum, epsilon=2.0**-10, **own)

    ours = keras_layer(make, [np.ones(3), np.zeros(3), np.zeros(3), np.ones(3)], None, 3)
    return ours, nn.BatchNorm1d(3, eps=2.0**-10, momentum=1 - momentum, dtype=torch.float64)


def test_batch_norm_momentum():
    """Keras' momentum is what is kept, 0.99; PyTorch's what is new, 0.1."""
    assert default_of(keras.layers.BatchNormalization, "momentum") == 0.99
    assert default_of(nn.BatchNorm1d, "momentum") == 0.1
    ours, theirs = batch_norm()
    X = random(4, 3)
    assert_same(ours(X, training=True), theirs(tensor(X)))
    assert_same(ours.moving_mean.numpy(), theirs.running_mean)


def test_batch_norm_running_variance():
    """PyTorch's running variance follows m/(m − 1) σ², Keras' follows σ²."""
    ours, theirs = batch_norm()
    X = random(4, 3)
    ours(X, training=True), theirs(tensor(X))
    assert_same(ours.moving_variance.numpy(), 0.875 + 0.125 * X.var(axis=0))
    assert_same(theirs.running_var, 0.875 + 0.125 * X.var(axis=0, ddof=1))


def test_batch_norm_of_one_row():
    ours, theirs = batch_norm()
    assert not np.asarray(ours(np.ones((1, 3)), training=True)).any()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        theirs(tensor(np.ones((1, 3))))


def test_bias_before_batch_norm():
    """Its true gradient is 0, and what is computed is rounding: Adam moves it all the same."""
    X, W, b = random(8, 4), tensor(random(3, 4, seed=1)), tensor(np.zeros(3))
    y, (_, norm) = torch.tensor(random(8, 3, seed=2)), batch_norm()
    adam = torch.optim.Adam([W, b])
    ((norm(functional.linear(torch.tensor(X), W, b)) - y) ** 2).mean().backward()
    assert b.grad.abs().max() < 1e-12 < 1e-3 < W.grad.abs().max()  # a difference of equal numbers
    adam.step()
    assert b.detach().abs().max() > 0


def test_norms_agree_for_equal_epsilon():
    X, gamma, beta = random(2, 4, 6), random(6, seed=1), random(6, seed=2)

    def make(**own):
        return keras.layers.LayerNormalization(epsilon=2.0**-10, **own)

    theirs = functional.layer_norm(tensor(X), (6,), tensor(gamma), tensor(beta), 2.0**-10)
    assert_same(keras_layer(make, [gamma, beta], None, 4, 6)(X), theirs)

    def make_groups(**own):
        return keras.layers.GroupNormalization(3, epsilon=2.0**-10, **own)

    x = tensor(X.transpose(0, 2, 1))
    theirs = functional.group_norm(x, 3, tensor(gamma), tensor(beta), 2.0**-10)
    ours = keras_layer(make_groups, [gamma, beta], None, 4, 6)(X)
    assert_same(ours, numbers(theirs).transpose(0, 2, 1))


def test_offset_data():
    """Keras computes x/σ + (β − μ/σ): where μ ≫ σ, as many digits are lost as μ has more."""
    X = random(4, 64) + 1e6

    def make(**own):
        return keras.layers.LayerNormalization(epsilon=2.0**-10, **own)

    exact = functional.layer_norm(tensor(X), (64,), eps=2.0**-10)
    ours = keras_layer(make, [np.ones(64), np.zeros(64)], None, 64)(X)
    assert_apart(ours, exact, by=7e-11)


def test_instance_norm_weights():
    assert nn.InstanceNorm2d(3).weight is None
    layer = keras.layers.GroupNormalization(-1)
    layer.build((None, 4, 4, 3))
    assert [w.shape for w in layer.weights] == [(3,), (3,)]
