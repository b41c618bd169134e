"""The smooth and the hard activations against Keras' and PyTorch's, in float64."""

import keras
import mpmath
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.nn import functional

from scratch import ELU, GELU, SELU, HardSigmoid, HardSwish, LogSoftmax, Mish, SiLU, Softplus
from scratch.layers.gelu import normal_tail

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14

TORCH = {
    "gelu": (GELU(), functional.gelu),
    "gelu by tanh": (GELU(approximate=True), lambda z: functional.gelu(z, approximate="tanh")),
    "silu": (SiLU(), functional.silu),
    "mish": (Mish(), functional.mish),
    "log softmax": (LogSoftmax(), lambda z: functional.log_softmax(z, -1)),
    "softplus": (Softplus.pytorch(), functional.softplus),
    "softplus, no threshold": (Softplus(), lambda z: functional.softplus(z, threshold=100)),
    "elu": (ELU(), functional.elu),
    "elu 0.25": (ELU(0.25), lambda z: functional.elu(z, 0.25)),
    "selu": (SELU(), functional.selu),
    "hard sigmoid": (HardSigmoid.pytorch(), functional.hardsigmoid),
    "hard swish": (HardSwish(), functional.hardswish),
}
KERAS = {
    "gelu": (GELU.keras(), lambda z: keras.activations.gelu(z)),
    "gelu by tanh": (
        GELU.keras(approximate=True),
        lambda z: keras.activations.gelu(z, approximate=True),
    ),
    "silu": (SiLU(), keras.activations.silu),
    "mish": (Mish(), keras.activations.mish),
    "log softmax": (LogSoftmax(), keras.activations.log_softmax),
    "softplus": (Softplus(), keras.activations.softplus),
    "elu": (ELU(), keras.activations.elu),
    "selu": (SELU.keras(), keras.activations.selu),
    "hard sigmoid": (HardSigmoid(), keras.activations.hard_sigmoid),
    "hard swish": (HardSwish(), keras.activations.hard_swish),
}


def inputs():
    """Numbers around 0, far out, and where the hard ones bend."""
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(scale=3, size=93), [0, -3, 3, -25, 25, -0.0, 1e-5]])
    return z.reshape(10, 10), rng.normal(size=(10, 10))


@pytest.mark.parametrize("name", TORCH)
def test_activation_and_gradient_equal_those_of_pytorch(name):
    (layer, theirs), (z, da) = TORCH[name], inputs()
    their_z = torch.tensor(z, requires_grad=True)
    b = theirs(their_z)
    b.backward(torch.tensor(da))
    assert_close(layer.forward(z), b.detach(), LIMIT)
    assert_close(layer.backward(da), their_z.grad, LIMIT)


@pytest.mark.parametrize("name", KERAS)
def test_activation_and_gradient_equal_those_of_keras(name):
    (layer, theirs), (z, da) = KERAS[name], inputs()
    Z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(Z)
        a = theirs(Z)
        value = tf.reduce_sum(a * da)
    assert_close(layer.forward(z), a, LIMIT)
    assert_close(layer.backward(da), tape.gradient(value, Z), LIMIT)


def test_exact_gelu_is_apart_from_keras_by_its_rounded_constant():
    z, _ = inputs()
    apart = np.abs(GELU().forward(z) - np.asarray(keras.activations.gelu(tf.constant(z)))).max()
    assert 1e-9 < apart < 1e-7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*TORCH, "gelu of keras", "selu of keras"])
def test_activation_of_far_inputs_is_finite_and_keeps_its_type(name, dtype):
    layer = {"gelu of keras": GELU.keras(), "selu of keras": SELU.keras()}.get(name)
    layer = layer or TORCH[name][0]
    a = layer.forward(np.array([[-1e4, 0, 1e4]], dtype))
    dz = layer.backward(np.ones((1, 3), dtype))
    assert np.isfinite([a, dz]).all()
    assert a.dtype == dz.dtype == dtype


def test_normal_tail_is_that_of_fifty_digits():
    x = np.concatenate([np.linspace(0, 6.5, 200), [7.0, 12.0, 26.0]])
    with mpmath.workdps(50):
        exact = np.array([float(mpmath.erfc(each) / 2) for each in x.tolist()])
    # 4e-16: the polynomial has 18 terms, each rounded, and none is above 1/3
    assert np.abs(normal_tail(x) - exact).max() <= 4e-16
    near = x <= 6.5
    # e^-x² has a relative error of x² roundings
    assert (np.abs(normal_tail(x) / exact - 1)[near] <= 1e-14).all()
