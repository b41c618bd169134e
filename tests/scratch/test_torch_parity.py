"""Values and gradients of every layer and loss against PyTorch's autograd, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    HalfSquaredError,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-15
sizes, seeds = st.integers(1, 9), st.integers(0, 2**32 - 1)


def leaf(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (Sigmoid(), torch.sigmoid),
        (Tanh(), torch.tanh),
        (ReLU(), torch.relu),
        (Softmax(), lambda z: torch.softmax(z, -1)),
    ],
    ids=lambda case: type(case).__name__,
)
@given(n=sizes, k=st.integers(2, 9), seed=seeds)
def test_activation_and_gradient_equal_those_of_torch(layer, function, n, k, seed):
    rng = np.random.default_rng(seed)
    z, da = rng.normal(scale=3, size=(n, k)), rng.normal(size=(n, k))
    z[0, 0] = 0.0  # ReLU's kink
    their_z = leaf(z)
    theirs = function(their_z)
    theirs.backward(torch.tensor(da))
    assert_close(layer.forward(z), theirs.detach(), LIMIT)
    assert_close(layer.backward(da), their_z.grad, LIMIT)


@pytest.mark.parametrize("bias", [True, False])
@given(n=sizes, d_in=sizes, d_out=sizes, seed=seeds)
def test_dense_and_gradients_equal_those_of_torch(bias, n, d_in, d_out, seed):
    rng, layer = np.random.default_rng(seed), Dense(d_in, d_out, bias=bias)
    for p in layer.params:
        p[:] = rng.normal(size=p.shape)
    X, dz = rng.normal(size=(n, d_in)), rng.normal(size=(n, d_out))
    their_X, their_params = leaf(X), [leaf(p) for p in layer.params]
    theirs = functional.linear(their_X, their_params[0].T, *their_params[1:])
    theirs.backward(torch.tensor(dz))
    assert_close(layer.forward(X), theirs.detach(), LIMIT)
    assert_close(layer.backward(dz), their_X.grad, LIMIT)
    for gradient, their in zip(layer.grads, their_params, strict=True):
        assert_close(gradient, their.grad, LIMIT)


def mean_squared_error(a, y):
    """PyTorch's, one number a row: the mean over its outputs."""
    return functional.mse_loss(a, y, reduction="none").mean(1)


def binary_cross_entropy(z, y):
    return functional.binary_cross_entropy_with_logits(z, y, reduction="none")[:, 0]


def cross_entropy(z, y):
    return functional.cross_entropy(z, y, reduction="none")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "rows", "mean"),
    [
        (HalfSquaredError(), lambda a, y: mean_squared_error(a, y) * a.shape[1] / 2, False),
        (MeanSquaredError(), mean_squared_error, True),
        (BinaryCrossEntropy(), binary_cross_entropy, True),
        (CategoricalCrossEntropy(), cross_entropy, True),
    ],
    ids=["half squared error", "mean squared error", "binary", "categorical"],
)
@given(n=sizes, k=st.integers(2, 9), seed=seeds)
def test_loss_and_gradient_equal_those_of_torch(loss, rows, mean, weighted, n, k, seed):
    rng = np.random.default_rng(seed)
    k = 1 if isinstance(loss, BinaryCrossEntropy) else k
    y = rng.integers(2, size=(n, k)).astype(float)
    if isinstance(loss, CategoricalCrossEntropy):
        y = rng.integers(k, size=n)
    z, w = rng.normal(scale=3, size=(n, k)), rng.uniform(0, 2, size=n)
    their_z = leaf(z)
    each = rows(their_z, torch.tensor(y)) * (torch.tensor(w) if weighted else 1)
    theirs = each.mean() if mean else each.sum()
    theirs.backward()
    ours = loss.forward(z, y, w if weighted else None)
    # relative to 1: at z << 0, y = 0 PyTorch's binary loss is a difference of larger numbers
    assert_close([ours, 1], [theirs.item(), 1], LIMIT)
    assert_close(loss.backward(), their_z.grad, LIMIT)


def test_network_gradients_equal_those_of_torch():
    rng, sizes = np.random.default_rng(0), [7, 16, 8, 3]
    dense = [Dense(d_in, d_out) for d_in, d_out in zip(sizes, sizes[1:], strict=False)]
    network = Sequential(dense[0], ReLU(), dense[1], Tanh(), dense[2]).initialize(rng)
    X, y = rng.normal(size=(40, 7)), rng.integers(3, size=40)
    W1, b1, W2, b2, W3, b3 = theirs = [leaf(w) for w in network.weights]
    hidden = torch.tanh(torch.relu(torch.tensor(X) @ W1 + b1) @ W2 + b2)
    their_loss = functional.cross_entropy(hidden @ W3 + b3, torch.tensor(y))
    their_loss.backward()
    value, grads = network.loss_and_grad(CategoricalCrossEntropy(), X, y)
    assert_close(value, their_loss.item(), LIMIT)
    for gradient, their in zip(grads, theirs, strict=True):
        assert_close(gradient, their.grad, LIMIT)
