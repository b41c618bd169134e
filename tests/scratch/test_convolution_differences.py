"""Derivatives of convolutions, pools, upsampling and branches against central differences."""

import numpy as np
import pytest

from scratch import (
    BatchNorm,
    CategoricalCrossEntropy,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    Identity,
    MaxPool2D,
    NearestUpsample2D,
    ReLU,
    Reshape,
    Sequential,
)

from . import graph_convolutions
from .closeness import assert_is_gradient
from .layer_case import ties

CASES = [
    pytest.param(case, id=f"{layer.__name__} {name}".strip())
    for layer, cases in {
        Conv2D: graph_convolutions.CONV2D,
        **graph_convolutions.POOLS,
        **graph_convolutions.CASES,
    }.items()
    for name, case in cases.items()
    if case.draw is not ties  # at which a maximum has no derivative
]


@pytest.mark.parametrize("case", CASES)
def test_backward_matches_central_difference(case):
    rng, layer = np.random.default_rng(0), case.make()
    for p in layer.params:
        p[...] = rng.normal(size=p.shape)
    X = rng.permutation(np.prod(case.shape)).reshape(case.shape) / 100  # no two within the step
    da = rng.normal(size=layer.forward(X).shape)
    dX = layer.backward(da).copy()
    grads = [g.copy() for g in layer.grads]
    for x, gradient in [(X, dX), *zip(layer.params, grads, strict=True)]:
        assert_is_gradient(gradient, lambda: np.sum(da * layer.forward(X)), x)


def test_gradient_of_a_network_that_forks_matches_central_difference():
    down = Conv2D(3, 4, 3, stride=2, padding="same"), ReLU(), DepthwiseConv2D(4, 2, padding="same")
    up = Conv2DTranspose.keras(4, 2, 3, stride=2, padding="same"), BatchNorm.keras(2)
    other = MaxPool2D(2), Conv2D(3, 2, 1), NearestUpsample2D()
    network = Sequential(
        *(Reshape(4, 6, 2), Conv2D(2, 3, 3, padding="same")),
        Concatenate(Identity(), Sequential(*down, *up), Sequential(*other)),
        *(Reshape(24, 7), Conv1D(7, 3, 3, padding="causal", dilation=2)),
        *(GlobalAveragePool(), Dense(3, 3)),
    ).initialize(np.random.default_rng(3))
    rng, loss = np.random.default_rng(4), CategoricalCrossEntropy()
    X, y = rng.normal(size=(4, 48)), np.array([0, 1, 2, 1])

    def value():
        return loss.forward(network.forward(X, training=True), y)

    value()
    network.backward(loss.backward())
    assert_is_gradient(network.grad.copy(), value, network.theta)


@pytest.mark.parametrize("case", CASES)
def test_first_layer_sets_the_same_gradients_without_dx(case):
    rng, layer = np.random.default_rng(0), case.make()
    for p in layer.params:
        p[...] = rng.normal(size=p.shape)
    da = rng.normal(size=layer.forward(rng.normal(size=case.shape)).shape)
    layer.backward(da)
    kept = [g.copy() for g in layer.grads]
    for g in layer.grads:
        g[...] = 7
    layer.backward_params(da)
    assert all(np.array_equal(g, k) for g, k in zip(layer.grads, kept, strict=True))
