"""Differences of activations, one test for each row of `docs/framework-differences.md`."""

import keras
import numpy as np
import tensorflow as tf
import torch
from torch.nn import functional

from .comparing import (
    assert_apart,
    assert_same,
    constant,
    gradient_of_keras,
    gradient_of_pytorch,
    random,
    tensor,
)

Z = random(1000)


def test_gelu_default():
    """`keras.ops.gelu` is the tanh form; `keras.activations.gelu` and PyTorch's are exact."""
    exact = functional.gelu(tensor(Z))
    assert_apart(keras.ops.gelu(constant(Z)), exact, by=1.5e-4)
    assert_apart(keras.activations.gelu(constant(Z)), exact, by=1.6e-9)
    tanh = functional.gelu(tensor(Z), approximate="tanh")
    assert_apart(keras.ops.gelu(constant(Z)), tanh, by=3e-10)


def test_gelu_constants():
    """TensorFlow rounds √½ to float32; the formula written out does not."""

    def gelu(z):
        return z * 0.5 * (1 + keras.ops.erf(z * 2**-0.5))

    assert_same(gelu(constant(Z)), functional.gelu(tensor(Z)))


def test_leaky_slope():
    z = np.array([-1.0])
    assert functional.leaky_relu(tensor(z)).item() == -0.01
    assert float(keras.layers.LeakyReLU(dtype="float64")(z)[0]) == -float(np.float32(0.3))
    assert float(keras.activations.leaky_relu(constant(z))[0]) == -float(np.float32(0.2))


def test_slope_is_rounded():
    theirs = functional.leaky_relu(tensor(Z), 0.3)
    assert_apart(keras.layers.LeakyReLU(0.3, dtype="float64")(Z), theirs, by=1.5e-8)
    theirs = functional.leaky_relu(tensor(Z), 0.25)
    assert_same(keras.layers.LeakyReLU(0.25, dtype="float64")(Z), theirs)


def test_relu_at_zero():
    zero = np.zeros(1)
    for f, slope in ((tf.nn.relu, 0), (lambda z: tf.maximum(z, constant(0)), 1)):
        assert gradient_of_keras(f, zero)[0] == slope
    for f, slope in ((torch.relu, 0), (lambda z: z.clamp(min=0), 1)):
        assert gradient_of_pytorch(f, zero)[0] == slope


def test_selu_at_zero():
    slope, alpha = 1.0507009873554805, 1.6732632423543772
    assert_same(gradient_of_pytorch(functional.selu, np.zeros(1))[0], [slope * alpha])
    assert_same(gradient_of_keras(keras.activations.selu, np.zeros(1))[0], [slope])


def test_celu_at_zero():
    assert gradient_of_pytorch(functional.celu, np.zeros(1))[0] == 1
    assert gradient_of_keras(keras.activations.celu, np.zeros(1))[0] == 2


def test_softplus_threshold():
    """PyTorch's is a straight line above 20."""
    z = np.array([20.5])
    assert functional.softplus(tensor(z)).item() == 20.5
    assert_apart(keras.activations.softplus(constant(z)), z, by=6e-11)
    assert_same(
        keras.activations.softplus(constant(z)), functional.softplus(tensor(z), threshold=40)
    )


def test_hard_sigmoid_slope():
    """PyTorch's derivative is 1/6 in float32, Keras' is exact; the values are the same."""
    z = np.array([0.5])
    assert_same(keras.activations.hard_sigmoid(constant(z)), functional.hardsigmoid(tensor(z)))
    (slope,) = gradient_of_pytorch(functional.hardsigmoid, z)
    assert slope == float(np.float32(1 / 6)) != 1 / 6
    assert_same(gradient_of_keras(keras.activations.hard_sigmoid, z)[0], [1 / 6])


def test_prelu_start():
    layer = keras.layers.PReLU()
    layer.build((None, 2, 3))
    assert layer.alpha.numpy().tolist() == [[0.0] * 3] * 2  # one slope for each position
    assert torch.nn.PReLU().weight.tolist() == [0.25]  # one for all


def test_elu_near_zero():
    """TensorFlow computes eᶻ − 1 as it stands: of a small z it keeps as many digits fewer."""
    z = np.array([-1e-8])
    assert_apart(keras.activations.elu(constant(z)), functional.elu(tensor(z)), by=1e-9)


def test_activations_that_agree():
    for name in ("silu", "elu", "selu", "mish", "relu6", "softsign", "hard_silu", "log_sigmoid"):
        theirs = {"hard_silu": "hardswish", "log_sigmoid": "logsigmoid"}.get(name, name)
        f, g = getattr(keras.activations, name), getattr(functional, theirs)
        assert_same(f(constant(Z)), g(tensor(Z)))
        assert_same(gradient_of_keras(f, Z)[0], gradient_of_pytorch(g, Z)[0])
