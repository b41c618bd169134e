"""Values and gradients of the image layers against PyTorch's, in float64, layouts mapped by hand.

PyTorch has images (n, c, h, w) and kernels (c_out, c_in, kh, kw).
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

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

from .closeness import assert_close
from .image_cases import convolutions, shapes

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
seeds = st.integers(0, 2**32 - 1)


def leaf(array):
    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float64, requires_grad=True)


def to_torch(X):
    return X.permute(0, 3, 1, 2).contiguous()


def from_torch(X):
    return X.permute(0, 2, 3, 1)


def torch_conv(X, W, *b, layer):
    """PyTorch's convolution on our layouts; what 'same' means is stated by padding the input."""
    above_below, left_right = layer.windows.borders(tuple(X.shape[1:3]))
    X = functional.pad(to_torch(X), (*left_right, *above_below))
    W, dilation = W.permute(3, 2, 0, 1).contiguous(), layer.windows.dilation
    return from_torch(functional.conv2d(X, W, *b, layer.stride, 0, dilation, layer.groups))


@given(case=convolutions())
def test_convolution_and_gradients_equal_those_of_torch(case):
    layer, X, dz = case
    their_X, their_params = leaf(X), [leaf(p) for p in layer.params]
    theirs = torch_conv(their_X, *their_params[:1], *(their_params[1:] or [None]), layer=layer)
    theirs.backward(torch.tensor(dz))
    assert_close(layer.forward(X), theirs.detach(), LIMIT)
    assert_close(layer.backward(dz), their_X.grad, LIMIT)
    for gradient, their in zip(layer.grads, their_params, strict=True):
        assert_close(gradient, their.grad, LIMIT)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # PyTorch's, on a copy
@pytest.mark.parametrize("size", [3, 4])
def test_same_at_stride_1_is_torchs_own_same(size):
    rng, layer = np.random.default_rng(0), Conv2D(2, 3, size, padding="same")
    layer.W[...] = rng.normal(size=layer.W.shape)
    X = rng.normal(size=(2, 6, 5, 2))
    W = torch.tensor(layer.W).permute(3, 2, 0, 1).contiguous()
    # one zero fewer before than after for an even kernel, in both
    theirs = functional.conv2d(to_torch(torch.tensor(X)), W, padding="same")
    assert_close(layer.forward(X), from_torch(theirs), LIMIT)


def test_same_at_stride_2_and_even_size_stands_elsewhere_than_torchs_padding_1():
    layer, X = Conv2D(1, 1, 3, stride=2, padding="same"), np.arange(16.0).reshape(1, 4, 4, 1)
    layer.W[1, 1] = 1  # the window's middle
    theirs = functional.conv2d(to_torch(torch.tensor(X)), torch.tensor(layer.W.T), None, 2, 1)
    assert layer.forward(X).ravel().tolist() == [5, 7, 13, 15]
    assert theirs.ravel().tolist() == [0, 2, 8, 10]


@pytest.mark.parametrize(
    ("pool", "function"),
    [(MaxPool2D, functional.max_pool2d), (AveragePool2D, functional.avg_pool2d)],
)
@given(shape=shapes(), seed=seeds)
def test_pooling_and_gradient_equal_those_of_torch_ties_included(pool, function, shape, seed):
    (images, size, stride), rng = shape, np.random.default_rng(seed)
    X = rng.integers(1, 4, size=images).astype(float)  # three values: most windows have ties
    their_X, layer = leaf(X), pool(size, stride)
    theirs = from_torch(function(to_torch(their_X), size, stride))
    assert_close(layer.forward(X), theirs.detach(), LIMIT)
    dz = rng.normal(size=theirs.shape)
    theirs.backward(torch.tensor(dz))
    assert_close(layer.backward(dz), their_X.grad, LIMIT)


@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 3, 5)])
@given(seed=seeds)
@settings(max_examples=20)
def test_batch_norm_gradients_and_running_statistics_equal_those_of_torch(shape, seed):
    rng, d = np.random.default_rng(seed), shape[-1]
    layer = BatchNorm.pytorch(d)
    for p in layer.params:
        p[:] = rng.normal(size=d)
    module = torch.nn.BatchNorm1d(d, dtype=torch.float64)
    module.weight.data, module.bias.data = (torch.tensor(p.copy()) for p in layer.params)
    for training in (True, True, False):  # twice: the running statistics decay
        X, da = rng.normal(1, 2, size=shape), rng.normal(size=shape)
        module.train(training).zero_grad()
        their_X = leaf(X)
        theirs = module(their_X.reshape(-1, d)).reshape(shape)
        theirs.backward(torch.tensor(da))
        assert_close(layer.forward(X, training), theirs.detach(), LIMIT)
        assert_close(layer.backward(da), their_X.grad, LIMIT)
        for gradient, their in zip(layer.grads, module.parameters(), strict=True):
            assert_close(gradient, their.grad, LIMIT)
        assert_close(layer.state["mean"], module.running_mean, LIMIT)
        assert_close(layer.state["variance"], module.running_var, LIMIT)


@given(slope=st.sampled_from([0.01, 0.2, 0.3]), seed=seeds)
@settings(max_examples=20)
def test_leaky_relu_equals_that_of_torch(slope, seed):
    rng, layer = np.random.default_rng(seed), LeakyReLU(slope)
    z, da = rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    z[0, 0] = 0  # the kink
    their_z = leaf(z)
    theirs = functional.leaky_relu(their_z, slope)
    theirs.backward(torch.tensor(da))
    assert_close(layer.forward(z), theirs.detach(), LIMIT)
    assert_close(layer.backward(da), their_z.grad, LIMIT)


def test_network_with_its_dropout_mask_handed_over_has_the_gradients_of_torch():
    rng = np.random.default_rng(0)
    first, second = Conv2D(1, 4, 3), Conv2D(4, 6, 3, stride=2, padding="same")
    dropout = Dropout(0.4, np.random.default_rng(1))
    network = Sequential(
        *(first, ReLU(), MaxPool2D(2), second, ReLU(), Flatten(), dropout, Dense(6 * 4 * 4, 3))
    ).initialize(rng)
    X, y = rng.normal(size=(5, 16, 16, 1)), np.array([0, 1, 2, 1, 0])
    value, grads = network.loss_and_grad(CategoricalCrossEntropy(), X, y, training=True)

    W1, b1, W2, b2, W3, b3 = theirs = [leaf(w) for w in network.weights]
    hidden = torch.relu(torch_conv(torch.tensor(X), W1, b1, layer=first))
    hidden = from_torch(functional.max_pool2d(to_torch(hidden), 2))
    hidden = torch.relu(torch_conv(hidden, W2, b2, layer=second)).flatten(1)
    outputs = (hidden * torch.tensor(dropout.mask)) @ W3 + b3
    their_loss = functional.cross_entropy(outputs, torch.tensor(y))
    their_loss.backward()
    assert_close(value, their_loss.item(), LIMIT)
    for gradient, their in zip(grads, theirs, strict=True):
        assert_close(gradient, their.grad, LIMIT)
