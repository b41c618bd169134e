"""Logits far out: nothing overflows, and what is small keeps its digits."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Sigmoid,
    Softmax,
    Tanh,
    sigmoid,
)

TYPES = [np.float32, np.float64]


def exactly(z, of):
    """Evaluate a function of e^z in 400 digits: 1 + e^-700 takes 305."""
    with localcontext(prec=400):
        return float(of(Decimal(z).exp()))


@pytest.mark.parametrize("dtype", TYPES)
def test_binary_cross_entropy_of_far_logits_is_finite(dtype):
    z, y = np.array([[1e4], [-1e4], [1e4], [-1e4]], dtype), np.array([[1], [0], [0], [1]], dtype)
    loss = BinaryCrossEntropy()
    assert loss.forward(z, y) == 5000  # (0 + 0 + 10,000 + 10,000) / 4
    # 1e-38: below the smallest normal float32
    assert loss.backward().ravel() == pytest.approx([0, 0, 0.25, -0.25], abs=1e-38)


@pytest.mark.parametrize("dtype", TYPES)
def test_categorical_cross_entropy_of_far_logits_is_finite(dtype):
    z = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0]], dtype)
    loss = CategoricalCrossEntropy()
    assert loss.forward(z, np.array([0, 1])) == 10_000  # (0 + 20,000) / 2
    assert loss.backward().tolist() == [[0, 0, 0], [0.5, -0.5, 0]]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("layer", [Sigmoid, Tanh, Softmax])
def test_saturated_activation_is_finite_and_passes_no_gradient(layer, dtype):
    layer = layer()
    a = layer.forward(np.array([[1e4, -1e4]], dtype))[0]
    # 1e-38: below the smallest normal float32
    assert a == pytest.approx([1, -1 if isinstance(layer, Tanh) else 0], abs=1e-38)
    dz = layer.backward(np.ones((1, 2), dtype))[0]
    assert dz == pytest.approx([0, 0], abs=1e-38)  # as above


@pytest.mark.parametrize("z", [-700.0, -40.0, -9.0, -0.5, 0.5, 9.0, 36.0])
def test_sigmoid_keeps_every_digit(z):
    # 1e-15: two roundings, and that of the exponential
    assert sigmoid(np.array([z])).item() == pytest.approx(
        exactly(-z, lambda e: 1 / (1 + e)), rel=1e-15
    )


@pytest.mark.parametrize("z", [-700.0, -40.0, -9.0, -0.5, 0.5, 9.0, 36.0])
@pytest.mark.parametrize("y", [0, 1])
def test_binary_cross_entropy_keeps_every_digit(z, y):
    expected = exactly(z if y == 0 else -z, lambda e: (1 + e).ln())
    value = BinaryCrossEntropy().forward(np.array([[z]]), np.array([[float(y)]]))
    assert value == pytest.approx(expected, rel=1e-15, abs=0)  # two roundings, exp and log1p
