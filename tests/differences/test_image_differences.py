"""Differences of convolutions, pooling and resizing."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.nn import functional

from .comparing import (
    assert_apart,
    assert_same,
    constant,
    gradient_of_keras,
    gradient_of_pytorch,
    keras_layer,
    numbers,
    random,
    tensor,
)

X = random(2, 6, 6, 3)  # channels last


def channels_first(a):
    return np.moveaxis(numbers(a), -1, 1)


def images(a):
    """The output of PyTorch, channels last."""
    return np.moveaxis(numbers(a), 1, -1)


def convolution(W, **own):
    def make(**dtype):
        return keras.layers.Conv2D(W.shape[-1], W.shape[:2], use_bias=False, **own, **dtype)

    return keras_layer(make, [W], *X.shape)


def of_pytorch(W):
    return tensor(W.transpose(3, 2, 0, 1))


def test_convolution_kernel():
    W = random(3, 3, 3, 4, seed=1)
    theirs = functional.conv2d(tensor(channels_first(X)), of_pytorch(W))
    assert_same(convolution(W)(X), images(theirs))


def test_convolution_initial_weights():
    torch.manual_seed(0)
    ours, theirs = keras.layers.Conv2D(60, 3), torch.nn.Conv2d(40, 60, 3)
    ours.build((None, 8, 8, 40))
    fan_in, fan_out = 9 * 40, 9 * 60
    bound = np.abs(ours.kernel.numpy()).max()
    assert bound == pytest.approx((6 / (fan_in + fan_out)) ** 0.5, rel=1e-2)  # 21,600 draws
    assert theirs.weight.abs().max().item() == pytest.approx(fan_in**-0.5, rel=1e-2)  # likewise
    assert not ours.bias.numpy().any()
    assert theirs.bias.detach().all()


def test_same_padding_at_stride_2():
    """Of an odd number of zeros Keras puts one more after; PyTorch's padding is symmetric."""
    W = random(3, 3, 3, 4, seed=1)
    ours = convolution(W, strides=2, padding="same")(X)
    x, kernel = tensor(channels_first(X)), of_pytorch(W)
    symmetric = images(functional.conv2d(x, kernel, stride=2, padding=1))
    with pytest.raises(RuntimeError, match="not supported for strided"):
        functional.conv2d(x, kernel, stride=2, padding="same")
    assert symmetric.shape == ours.shape
    assert_apart(symmetric, ours, by=1.4)
    assert_same(ours, images(functional.conv2d(functional.pad(x, (0, 1, 0, 1)), kernel, stride=2)))


def test_flattened_images():
    """Keras' order is row, column, channel; PyTorch's is channel, row, column."""
    flat = keras.layers.Flatten(dtype="float64")(X)
    theirs = tensor(channels_first(X))
    assert not np.array_equal(flat, theirs.flatten(1).detach())
    assert np.array_equal(flat, theirs.permute(0, 2, 3, 1).flatten(1).detach())


def test_strided_and_dilated():
    with pytest.raises(ValueError, match="strides > 1"):
        keras.layers.Conv2D(1, 2, strides=2, dilation_rate=2)
    assert torch.nn.Conv2d(1, 1, 2, stride=2, dilation=2)(torch.ones(1, 1, 5, 5)).shape[2:] == (
        2,
        2,
    )


def test_causal_padding():
    """PyTorch has none: (k − 1) d zeros before are the same."""
    W, x = random(3, 3, 4, seed=1), X[:, :, 0]

    def make(**dtype):
        own = {"padding": "causal", "dilation_rate": 2, "use_bias": False}
        return keras.layers.Conv1D(4, 3, **own, **dtype)

    ours = keras_layer(make, [W], *x.shape)(x)
    padded = functional.pad(tensor(channels_first(x)), (4, 0))
    theirs = functional.conv1d(padded, tensor(W.transpose(2, 1, 0)), dilation=2)
    assert_same(ours, images(theirs))


def test_depthwise_kernel():
    W = random(3, 3, 3, 2, seed=1)

    def make(**dtype):
        return keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False, **dtype)

    kernel = tensor(W.transpose(2, 3, 0, 1).reshape(6, 1, 3, 3))
    theirs = functional.conv2d(tensor(channels_first(X)), kernel, groups=3)
    assert_same(keras_layer(make, [W], *X.shape)(X), images(theirs))


def transposed(W, **own):
    def make(**dtype):
        return keras.layers.Conv2DTranspose(W.shape[2], W.shape[:2], use_bias=False, **own, **dtype)

    return keras_layer(make, [W], *X.shape)(X)


def transposed_of_pytorch(W, **own):
    x = tensor(channels_first(X))
    return images(functional.conv_transpose2d(x, of_pytorch(W), **own))


def test_transposed_valid():
    """The output has (n − 1) s + max(k, s) pixels in Keras, (n − 1) s + k in PyTorch."""
    W = random(2, 2, 4, 3, seed=1)
    ours = transposed(W, strides=3)
    assert (ours.shape[1], transposed_of_pytorch(W, stride=3).shape[1]) == (18, 17)
    assert_same(ours, transposed_of_pytorch(W, stride=3, output_padding=1))


def test_transposed_same():
    """k 3, s 2: Keras crops below and on the right, PyTorch's padding=1 above and on the left."""
    W = random(3, 3, 4, 3, seed=1)
    ours = transposed(W, strides=2, padding="same")
    theirs = transposed_of_pytorch(W, stride=2, padding=1, output_padding=1)
    assert ours.shape == theirs.shape
    assert_apart(theirs, ours, by=1.1)
    assert_same(ours, transposed_of_pytorch(W, stride=2)[:, :-1, :-1])


def test_average_pool_border():
    """PyTorch counts the zeros of the border, unless told not to; Keras never does."""
    ours = keras.layers.AveragePooling2D(3, 1, padding="same", dtype="float64")(X)
    x = tensor(channels_first(X))
    assert_apart(images(functional.avg_pool2d(x, 3, 1, 1)), ours, by=0.56)
    without = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    assert_same(ours, images(without))


def test_max_pool_tie():
    """Among equals the first has the gradient, in both."""
    ties = np.ones((1, 2, 2, 1))
    (ours,) = gradient_of_keras(lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), ties)
    (theirs,) = gradient_of_pytorch(lambda x: functional.max_pool2d(x, 2), channels_first(ties))
    assert ours.ravel().tolist() == theirs.ravel().tolist() == [1, 0, 0, 0]


def test_global_max_tie():
    """Keras' global pooling shares the gradient, PyTorch's adaptive pooling gives it to one."""
    ties = np.ones((1, 2, 2, 1))
    (ours,) = gradient_of_keras(keras.layers.GlobalMaxPooling2D(dtype="float64"), ties)
    (theirs,) = gradient_of_pytorch(
        lambda x: functional.adaptive_max_pool2d(x, 1), channels_first(ties)
    )
    (amax,) = gradient_of_pytorch(lambda x: x.amax((2, 3)), channels_first(ties))
    assert ours.ravel().tolist() == amax.ravel().tolist() == [0.25] * 4
    assert theirs.ravel().tolist() == [1, 0, 0, 0]


def test_zero_padding_order():
    """((top, bottom), (left, right)) in Keras; (left, right, top, bottom) in PyTorch."""
    ours = keras.layers.ZeroPadding2D(((1, 2), (3, 4)), dtype="float64")(X)
    theirs = functional.pad(tensor(channels_first(X)), (3, 4, 1, 2))
    assert_same(ours, images(theirs))


def test_bilinear_is_float32():
    """On TensorFlow Keras resizes in float32, whatever the layer's type."""
    ours = keras.layers.UpSampling2D(2, interpolation="bilinear", dtype="float64")(X)
    theirs = functional.interpolate(tensor(channels_first(X)), scale_factor=2, mode="bilinear")
    assert_apart(ours, images(theirs), by=6.5e-8)
    simple = np.round(X * 8)  # numbers of so few bits that float32 holds every result
    ours = keras.layers.UpSampling2D(2, interpolation="bilinear", dtype="float64")(simple)
    theirs = functional.interpolate(tensor(channels_first(simple)), scale_factor=2, mode="bilinear")
    assert_same(ours, images(theirs))


def test_bicubic_coefficient():
    """The kernel's parameter is −0.5 in Keras, −0.75 in PyTorch unless it smooths."""
    ours = keras.ops.image.resize(constant(X), (12, 12), interpolation="bicubic")
    x = tensor(channels_first(X))
    theirs = functional.interpolate(x, scale_factor=2, mode="bicubic")
    assert_apart(images(theirs), ours, by=0.085)


def test_nearest_of_other_sizes():
    """Keras' resize takes the nearest centre: PyTorch's "nearest-exact". Whole factors agree."""
    x = tensor(channels_first(X))
    for size, mode in ((12, "nearest"), (4, "nearest-exact")):
        ours = keras.ops.image.resize(constant(X), (size, size), interpolation="nearest")
        assert_same(ours, images(functional.interpolate(x, size, mode=mode)))
    assert_apart(images(functional.interpolate(x, 4, mode="nearest")), ours, by=1.6)
