"""Derivatives of the image layers against central differences, for a random upstream gradient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch import (
    AveragePool2D,
    BatchNorm,
    CategoricalCrossEntropy,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sequential,
)

from .closeness import assert_is_gradient
from .image_cases import convolutions, shapes

seeds = st.integers(0, 2**32 - 1)


@given(case=convolutions(largest=5))
@settings(max_examples=60)
def test_convolution_backward_matches_central_difference(case):
    layer, X, dz = case
    layer.forward(X)
    dX = layer.backward(dz).copy()
    for x, gradient in [(X, dX), *zip(layer.params, layer.grads, strict=True)]:
        assert_is_gradient(gradient, lambda: np.sum(dz * layer.forward(X)), x)


@pytest.mark.parametrize("pool", [MaxPool2D, AveragePool2D])
@given(shape=shapes(largest=6), seed=seeds)
@settings(max_examples=50)
def test_pooling_backward_matches_central_difference(pool, shape, seed):
    (images, size, stride), rng = shape, np.random.default_rng(seed)
    layer = pool(size, stride)
    X = rng.permutation(np.prod(images)).reshape(images) / 10  # no two closer than the step
    dz = rng.normal(size=layer.forward(X).shape)
    dX = layer.backward(dz).copy()
    assert_is_gradient(dX, lambda: np.sum(dz * layer.forward(X)), X)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (5, 2), (2, 2, 3, 2)])
@given(seed=seeds)
@settings(max_examples=20)
def test_batch_norm_backward_matches_central_difference(shape, training, seed):
    rng = np.random.default_rng(seed)
    layer = BatchNorm(shape[-1], momentum=0.9, epsilon=0.25, unbiased_running_variance=True)
    for p in layer.params:
        p[:] = rng.normal(size=p.shape)
    layer.state["mean"][:] = rng.normal(size=shape[-1])
    X, da = rng.normal(size=shape), rng.normal(size=shape)
    layer.forward(X, training)
    dX = layer.backward(da).copy()
    for x, gradient in [(X, dX), *zip(layer.params, layer.grads, strict=True)]:
        assert_is_gradient(gradient.copy(), lambda: np.sum(da * layer.forward(X, training)), x)


@given(seed=seeds)
@settings(max_examples=20)
def test_leaky_relu_backward_matches_central_difference(seed):
    rng, layer = np.random.default_rng(seed), LeakyReLU(0.3)
    z, da = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    z += np.where(z < 0, -0.01, 0.01)  # away from the kink, by more than the step
    layer.forward(z)
    assert_is_gradient(layer.backward(da).copy(), lambda: np.sum(da * layer.forward(z)), z)


def test_gradient_of_a_whole_convolutional_network_matches_central_difference():
    rng = np.random.default_rng(3)
    dropout = Dropout(0.5, np.random.default_rng(0))
    network = Sequential(
        *(Conv2D(2, 3, 3, padding="same"), BatchNorm.keras(3), ReLU(), MaxPool2D(2)),
        *(Conv2D(3, 4, 2, stride=2, padding="same"), LeakyReLU(0.3), Flatten()),
        *(dropout, Dense(4 * 2 * 2, 3)),
    ).initialize(rng)
    X, y, loss = rng.normal(size=(4, 7, 6, 2)), np.array([0, 1, 2, 1]), CategoricalCrossEntropy()

    def value():
        dropout.rng = np.random.default_rng(0)  # the same mask each time
        return loss.forward(network.forward(X, training=True), y)

    value()
    network.backward(loss.backward())
    assert_is_gradient(network.grad.copy(), value, network.theta)
