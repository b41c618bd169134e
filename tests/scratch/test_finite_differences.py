"""Every derivative against central differences, for a random upstream gradient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    Embedding,
    HalfSquaredError,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Step,
    Tanh,
)

from .closeness import assert_is_gradient
from .graph_layers import LAYERS
from .layer_case import numbers, ties

sizes, seeds = st.integers(1, 5), st.integers(0, 2**32 - 1)


def away_from_zero(z):
    """Move z away from ReLU's kink, by more than h."""
    return z + np.where(z < 0, -0.01, 0.01)


@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU, Softmax])
@given(n=sizes, k=sizes, seed=seeds)
def test_activation_backward_matches_central_difference(activation, n, k, seed):
    rng, layer = np.random.default_rng(seed), activation()
    z, da = away_from_zero(rng.normal(size=(n, k))), rng.normal(size=(n, k))
    layer.forward(z)
    dz = layer.backward(da).copy()
    assert_is_gradient(dz, lambda: np.sum(da * layer.forward(z)), z)


@pytest.mark.parametrize("bias", [True, False])
@given(n=sizes, d_in=sizes, d_out=sizes, seed=seeds)
def test_dense_backward_matches_central_difference(bias, n, d_in, d_out, seed):
    rng, layer = np.random.default_rng(seed), Dense(d_in, d_out, bias=bias)
    for p in layer.params:
        p[:] = rng.normal(size=p.shape)
    X, dz = rng.normal(size=(n, d_in)), rng.normal(size=(n, d_out))
    layer.forward(X)
    dX = layer.backward(dz).copy()
    for x, gradient in [(X, dX), *zip(layer.params, layer.grads, strict=True)]:
        assert_is_gradient(gradient, lambda: np.sum(dz * layer.forward(X)), x)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss", [HalfSquaredError, MeanSquaredError, BinaryCrossEntropy, CategoricalCrossEntropy]
)
@given(n=sizes, k=st.integers(2, 5), seed=seeds)
def test_loss_backward_matches_central_difference(loss, weighted, n, k, seed):
    rng, loss = np.random.default_rng(seed), loss()
    k = 1 if isinstance(loss, BinaryCrossEntropy) else k
    y = rng.normal(size=(n, k))  # cross-entropy is linear in y: any number will do
    if isinstance(loss, CategoricalCrossEntropy):
        y = rng.integers(k, size=n)
    z, w = rng.normal(size=(n, k)), rng.uniform(0.5, 2, size=n) if weighted else None
    loss.forward(z, y, w)
    dz = loss.backward().copy()
    assert_is_gradient(dz, lambda: loss.forward(z, y, w), z)


@pytest.mark.parametrize("weighted", [False, True])
@given(n=sizes, d=sizes, hidden=sizes, k=st.integers(2, 4), seed=seeds)
def test_network_gradient_matches_central_difference(weighted, n, d, hidden, k, seed):
    rng, loss = np.random.default_rng(seed), CategoricalCrossEntropy()
    network = Sequential(
        *(Dense(d, hidden), Tanh(), Dense(hidden, hidden, bias=False), Sigmoid(), Dense(hidden, k))
    )
    network.theta[:] = rng.normal(size=network.theta.shape)
    X, y = rng.normal(size=(n, d)), rng.integers(k, size=n)
    w = rng.uniform(0.5, 2, size=n) if weighted else None
    _, grads = network.loss_and_grad(loss, X, y, w)
    gradient = np.concatenate([g.ravel() for g in grads])
    assert_is_gradient(gradient, lambda: loss.forward(network.forward(X), y, w), network.theta)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{layer.__name__} {name}".strip())
        for layer, cases in LAYERS.items()
        for name, case in cases.items()
        if layer not in (Step, Dropout) and case.draw is not ties
    ],
)
def test_backward_of_every_layer_matches_central_difference(case):
    rng, layer = np.random.default_rng(0), case.make()
    for p in layer.params:
        p[:] = rng.normal(size=p.shape)
    x = away_from_zero(case.draw(rng, case.shape)) if case.draw is numbers else None
    x = case.draw(rng, case.shape) if x is None else x
    state = {name: a.copy() for name, a in layer.state.items()}

    def value():
        layer.state.update({name: a.copy() for name, a in state.items()})
        return np.sum(da * layer.forward(x, case.training))

    da = rng.normal(size=layer.forward(x, case.training).shape)
    value()
    dx = layer.backward(da).copy()
    grads = [g.copy() for g in layer.grads]
    frozen = isinstance(layer, Embedding) and layer.freeze_padding
    if not isinstance(layer, Embedding):  # whose inputs are indices
        assert_is_gradient(dx, value, x)
    for p, g in zip(layer.params, grads, strict=True):
        if frozen:
            assert not g[layer.padding].any()
            p, g = p[layer.padding + 1 :], g[layer.padding + 1 :]
        assert_is_gradient(g, value, p)
