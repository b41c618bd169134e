"""Values and gradients of the convolutional family against PyTorch's, in float64.

PyTorch has images (n, c, h, w) and sequences (n, c, t), its kernels have the outputs and the inputs
first, and a transposed convolution's the inputs and the outputs.
"""

import numpy as np
import pytest
import torch
from torch import nn

from scratch import (
    AveragePool1D,
    AveragePool2D,
    BilinearUpsample2D,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    GlobalAveragePool,
    GlobalMaxPool,
    LinearUpsample1D,
    MaxPool1D,
    MaxPool2D,
    NearestUpsample1D,
    NearestUpsample2D,
    ZeroPadding1D,
    ZeroPadding2D,
)

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
IMAGES, STEPS = (3, 7, 8, 4), (3, 9, 4)

ON_IMAGES = {
    "dilated": (Conv2D(4, 3, (3, 2), dilation=(2, 3)), nn.Conv2d(4, 3, (3, 2), dilation=(2, 3))),
    "dilated and strided": (
        Conv2D(4, 3, 2, dilation=2, stride=(2, 3), padding=(1, 0)),
        nn.Conv2d(4, 3, 2, dilation=2, stride=(2, 3), padding=(1, 0)),
    ),
    "groups": (Conv2D(4, 6, 3, groups=2), nn.Conv2d(4, 6, 3, groups=2)),
    "depthwise": (
        DepthwiseConv2D(4, (2, 3), multiplier=2, stride=2, padding=1),
        nn.Conv2d(4, 8, (2, 3), groups=4, stride=2, padding=1),
    ),
    "four sides": (
        Conv2D(4, 3, 3, padding=((0, 1), (2, 3)), bias=False),
        nn.Sequential(nn.ZeroPad2d((2, 3, 0, 1)), nn.Conv2d(4, 3, 3, bias=False)),
    ),
    "transposed": (
        Conv2DTranspose.pytorch(4, 3, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2)),
        nn.ConvTranspose2d(4, 3, (3, 2), (2, 3), padding=(1, 0), output_padding=(1, 2)),
    ),
    "transposed, the crop larger than what is added": (
        Conv2DTranspose.pytorch(4, 3, 4, stride=2, padding=2, output_padding=1, bias=False),
        nn.ConvTranspose2d(4, 3, 4, 2, padding=2, output_padding=1, bias=False),
    ),
    "transposed, dilated, in groups": (
        Conv2DTranspose.pytorch(4, 6, (2, 3), stride=2, padding=1, dilation=(3, 1), groups=2),
        nn.ConvTranspose2d(4, 6, (2, 3), 2, padding=1, dilation=(3, 1), groups=2),
    ),
    "zero padding": (ZeroPadding2D(((0, 1), (2, 3))), nn.ZeroPad2d((2, 3, 0, 1))),
    "maximum": (
        MaxPool2D((3, 2), 2, padding=(1, 0), dilation=(2, 1)),
        nn.MaxPool2d((3, 2), 2, padding=(1, 0), dilation=(2, 1)),
    ),
    "mean": (
        AveragePool2D(3, 2, padding=1, count_padding=True),
        nn.AvgPool2d(3, 2, padding=1),
    ),
    "mean of pixels": (
        AveragePool2D((3, 2), 1, padding=1),
        nn.AvgPool2d((3, 2), 1, padding=1, count_include_pad=False),
    ),
    "global mean": (GlobalAveragePool(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    "global maximum": (
        GlobalMaxPool.pytorch(),
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()),
    ),
    "nearest": (NearestUpsample2D((2, 3)), nn.Upsample(scale_factor=(2, 3))),
    "bilinear": (BilinearUpsample2D((2, 3)), nn.Upsample(scale_factor=(2, 3), mode="bilinear")),
    "bilinear, corners aligned": (
        BilinearUpsample2D((2, 3), align_corners=True),
        nn.Upsample(scale_factor=(2, 3), mode="bilinear", align_corners=True),
    ),
}

ON_STEPS = {
    "steps": (
        Conv1D(4, 6, 3, stride=2, dilation=2, padding=1, groups=2),
        nn.Conv1d(4, 6, 3, stride=2, dilation=2, padding=1, groups=2),
    ),
    "causal": (
        Conv1D(4, 3, 3, dilation=2, padding="causal"),
        nn.Sequential(nn.ZeroPad1d((4, 0)), nn.Conv1d(4, 3, 3, dilation=2)),
    ),
    "transposed steps": (
        Conv1DTranspose.pytorch(4, 3, 2, stride=3, output_padding=2),
        nn.ConvTranspose1d(4, 3, 2, 3, output_padding=2),
    ),
    "transposed steps, dilated, in groups": (
        Conv1DTranspose.pytorch(4, 2, 3, stride=2, output_padding=1, dilation=2, groups=2),
        nn.ConvTranspose1d(4, 2, 3, 2, output_padding=1, dilation=2, groups=2),
    ),
    "zero padding of steps": (ZeroPadding1D((2, 1)), nn.ZeroPad1d((2, 1))),
    "maximum of steps": (
        MaxPool1D(3, 1, padding=1, dilation=2),
        nn.MaxPool1d(3, 1, padding=1, dilation=2),
    ),
    "mean of steps": (
        AveragePool1D(2, padding=1, count_padding=True),
        nn.AvgPool1d(2, padding=1),
    ),
    "nearest steps": (NearestUpsample1D(3), nn.Upsample(scale_factor=3)),
    "linear": (LinearUpsample1D(3), nn.Upsample(scale_factor=3, mode="linear")),
    "linear, ends aligned": (
        LinearUpsample1D(3, align_corners=True),
        nn.Upsample(scale_factor=3, mode="linear", align_corners=True),
    ),
}


def last_first(X):
    """Return channels-last numbers as PyTorch's, to follow gradients through."""
    X = np.ascontiguousarray(np.moveaxis(X, -1, 1))
    return torch.tensor(X, dtype=torch.float64, requires_grad=True)


def channels_last(tensor):
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def kernel(W):
    """Return a kernel's axes in PyTorch's order."""
    return np.moveaxis(W, [-1, -2], [0, 1])


def assert_equal(layer, module, X):
    rng, module = np.random.default_rng(0), module.double()
    theirs = [*module.parameters()]
    for p, their in zip(layer.params, theirs, strict=True):
        p[...] = rng.normal(size=p.shape)
        their.data = torch.tensor(np.ascontiguousarray(kernel(p) if p.ndim > 1 else p))
    their_X = last_first(X)
    outputs = module(their_X)
    a = layer.forward(X)
    assert_close(a, channels_last(outputs), LIMIT)
    da = rng.normal(size=a.shape)
    outputs.backward(last_first(da).detach())
    assert_close(layer.backward(da), channels_last(their_X.grad), LIMIT)
    for g, their in zip(layer.grads, theirs, strict=True):
        assert_close(kernel(g) if g.ndim > 1 else g, their.grad, LIMIT)


@pytest.mark.parametrize(("layer", "module"), ON_IMAGES.values(), ids=ON_IMAGES)
def test_values_and_gradients_on_images_are_those_of_torch(layer, module):
    assert_equal(layer, module, np.random.default_rng(1).normal(size=IMAGES))


def test_large_products_which_are_taken_in_parts_are_those_of_torch():
    layer, module = Conv2D(16, 128, 3, groups=2), nn.Conv2d(16, 128, 3, groups=2)
    assert_equal(layer, module, np.random.default_rng(1).normal(size=(8, 30, 6, 16)))


@pytest.mark.parametrize(("layer", "module"), ON_STEPS.values(), ids=ON_STEPS)
def test_values_and_gradients_on_steps_are_those_of_torch(layer, module):
    assert_equal(layer, module, np.random.default_rng(1).normal(size=STEPS))


@pytest.mark.parametrize(
    ("pair", "shape"),
    [
        (ON_IMAGES["maximum"], IMAGES),
        (ON_IMAGES["global maximum"], IMAGES),
        (ON_STEPS["maximum of steps"], STEPS),
    ],
)
def test_the_first_of_equal_maxima_is_torchs(pair, shape):
    X = np.random.default_rng(1).integers(1, 4, size=shape).astype(float)  # with many ties
    assert_equal(*pair, X)


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_last_window_beyond_the_border_is_torchs(size, stride, padding, counted):
    for length in range(size, size + stride + 2):
        X = np.random.default_rng(length).normal(size=(2, length, length + 1, 2))
        options = {"padding": padding, "ceil_mode": True}
        mean = AveragePool2D(size, stride, count_padding=counted, **options)
        assert_equal(mean, nn.AvgPool2d(size, stride, count_include_pad=counted, **options), X)
        assert_equal(MaxPool2D(size, stride, **options), nn.MaxPool2d(size, stride, **options), X)
        X = X[:, :, 0]
        mean = AveragePool1D(size, stride, count_padding=counted, **options)
        assert_equal(mean, nn.AvgPool1d(size, stride, count_include_pad=counted, **options), X)
        assert_equal(MaxPool1D(size, stride, **options), nn.MaxPool1d(size, stride, **options), X)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_every_size_of_a_transposed_convolution_is_torchs(size, stride, padding):
    for added in range(stride):
        options = {"stride": stride, "padding": padding, "output_padding": added}
        if (4 - 1) * stride + size - 2 * padding + added < 1:
            continue
        layer = Conv1DTranspose.pytorch(2, 3, size, **options)
        module = nn.ConvTranspose1d(2, 3, size, **options)
        assert_equal(layer, module, np.random.default_rng(1).normal(size=(2, 4, 2)))


def test_equal_maxima_share_the_gradient_as_in_amax():
    X = np.random.default_rng(1).integers(1, 4, size=IMAGES).astype(float)
    layer, their_X = GlobalMaxPool(split_ties=True), last_first(X)
    outputs = their_X.amax((2, 3))
    dz = np.random.default_rng(2).normal(size=outputs.shape)
    outputs.backward(torch.tensor(dz))
    assert_close(layer.forward(X), outputs.detach(), LIMIT)
    assert_close(layer.backward(dz), channels_last(their_X.grad), LIMIT)


def test_kernel_3_at_stride_2_stands_elsewhere_in_keras_than_in_torch():
    keras = Conv1DTranspose.keras(1, 1, 3, stride=2, padding="same", bias=False)
    torchs = Conv1DTranspose.pytorch(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)
    X = np.arange(1.0, 5).reshape(1, 4, 1)
    for layer in (keras, torchs):
        layer.W[:, 0, 0] = 1, 10, 100
    one, other = (layer.forward(X).ravel() for layer in (keras, torchs))
    assert one.shape == other.shape
    assert np.array_equal(one[1:], other[:-1])
