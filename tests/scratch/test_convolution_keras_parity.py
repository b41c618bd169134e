"""Values and gradients of the convolutional family against Keras' own layers, in float64.

Keras refuses stride and dilation together, and TensorFlow unequal strides of depthwise kernels on
the processor. These are compared with PyTorch's.
"""

import numpy as np
import pytest
from keras import layers

from scratch import (
    AveragePool1D,
    AveragePool2D,
    BilinearUpsample2D,
    Concatenate,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
    NearestUpsample1D,
    NearestUpsample2D,
    ZeroPadding1D,
    ZeroPadding2D,
)

from .closeness import assert_close
from .keras_gradients import gradients

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
IMAGES, STEPS = (2, 7, 8, 4), (2, 9, 4)

ON_IMAGES = {
    "dilated": (
        Conv2D(4, 3, (3, 2), dilation=(2, 3), padding="same"),
        lambda: layers.Conv2D(3, (3, 2), dilation_rate=(2, 3), padding="same"),
    ),
    "groups": (Conv2D(4, 6, 3, groups=2), lambda: layers.Conv2D(6, 3, groups=2)),
    "depthwise, dilated": (
        DepthwiseConv2D(4, 3, dilation=2),
        lambda: layers.DepthwiseConv2D(3, dilation_rate=2),
    ),
    "depthwise": (
        DepthwiseConv2D(4, (2, 3), multiplier=2, stride=2, padding="same"),
        lambda: layers.DepthwiseConv2D((2, 3), 2, "same", depth_multiplier=2),
    ),
    "transposed": (
        Conv2DTranspose.keras(4, 3, (3, 2), stride=(2, 3)),
        lambda: layers.Conv2DTranspose(3, (3, 2), (2, 3)),
    ),
    "transposed, same": (
        Conv2DTranspose.keras(4, 3, (3, 4), stride=2, padding="same", bias=False),
        lambda: layers.Conv2DTranspose(3, (3, 4), 2, "same", use_bias=False),
    ),
    "zero padding": (
        ZeroPadding2D(((0, 1), (2, 3))),
        lambda: layers.ZeroPadding2D(((0, 1), (2, 3))),
    ),
    "maximum": (MaxPool2D((3, 2), 2, "same"), lambda: layers.MaxPooling2D((3, 2), 2, "same")),
    "mean": (AveragePool2D(3, 2, "same"), lambda: layers.AveragePooling2D(3, 2, "same")),
    "global mean": (GlobalAveragePool(), layers.GlobalAveragePooling2D),
    "global maximum": (GlobalMaxPool.keras(), layers.GlobalMaxPooling2D),
    "nearest": (NearestUpsample2D((2, 3)), lambda: layers.UpSampling2D((2, 3))),
}

ON_STEPS = {
    "steps": (Conv1D(4, 3, 3, stride=2, padding="same"), lambda: layers.Conv1D(3, 3, 2, "same")),
    "groups": (Conv1D(4, 6, 3, groups=2), lambda: layers.Conv1D(6, 3, groups=2)),
    "causal": (
        Conv1D(4, 3, 3, dilation=2, padding="causal"),
        lambda: layers.Conv1D(3, 3, dilation_rate=2, padding="causal"),
    ),
    "causal and strided": (
        Conv1D(4, 3, 2, stride=2, padding="causal"),
        lambda: layers.Conv1D(3, 2, 2, padding="causal"),
    ),
    "zero padding": (ZeroPadding1D((2, 1)), lambda: layers.ZeroPadding1D((2, 1))),
    "maximum": (MaxPool1D(3, 2, "same"), lambda: layers.MaxPooling1D(3, 2, "same")),
    "mean": (AveragePool1D(3, 1, "same"), lambda: layers.AveragePooling1D(3, 1, "same")),
    "nearest": (NearestUpsample1D(3), lambda: layers.UpSampling1D(3)),
    "global mean": (GlobalAveragePool(), layers.GlobalAveragePooling1D),
    "global maximum": (GlobalMaxPool.keras(), layers.GlobalMaxPooling1D),
}


def assert_equal(layer, theirs, X):
    rng = np.random.default_rng(0)
    theirs.dtype_policy = "float64"
    theirs.build(X.shape)
    own = [rng.normal(size=p.shape) for p in layer.params]
    for p, value in zip(layer.params, own, strict=True):
        p[...] = value
    shapes = [tuple(w.shape) for w in theirs.weights]
    theirs.set_weights([p.reshape(shape) for p, shape in zip(own, shapes, strict=True)])
    a = layer.forward(X)
    da = rng.normal(size=a.shape)
    outputs, dX, grads = gradients(theirs, X, da)
    assert_close(a, outputs, LIMIT)
    assert_close(layer.backward(da), dX, LIMIT)
    for g, their in zip(layer.grads, grads, strict=True):
        assert_close(g, their.reshape(g.shape), LIMIT)


@pytest.mark.parametrize(("layer", "make"), ON_IMAGES.values(), ids=ON_IMAGES)
def test_values_and_gradients_on_images_are_those_of_keras(layer, make):
    assert_equal(layer, make(), np.random.default_rng(1).normal(size=IMAGES))


@pytest.mark.parametrize(("layer", "make"), ON_STEPS.values(), ids=ON_STEPS)
def test_values_and_gradients_on_steps_are_those_of_keras(layer, make):
    assert_equal(layer, make(), np.random.default_rng(1).normal(size=STEPS))


@pytest.mark.parametrize(
    ("pair", "shape"),
    [
        (ON_IMAGES["maximum"], IMAGES),
        (ON_IMAGES["global maximum"], IMAGES),
        (ON_STEPS["maximum"], STEPS),
        (ON_STEPS["global maximum"], STEPS),
    ],
)
def test_gradient_of_equal_maxima_is_shared_as_in_keras(pair, shape):
    layer, make = pair
    X = np.random.default_rng(1).integers(1, 4, size=shape).astype(float)  # with many ties
    assert_equal(layer, make(), X)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_every_size_of_a_transposed_convolution_is_that_of_keras(size, stride, padding):
    layer = Conv1DTranspose.keras(2, 3, size, stride=stride, padding=padding)
    theirs = layers.Conv1DTranspose(3, size, stride, padding)
    assert_equal(layer, theirs, np.random.default_rng(1).normal(size=(2, 4, 2)))


def test_bilinear_upsampling_is_that_of_keras_where_float32_is_exact():
    """Keras computes it in float32; here every product and sum has few enough binary digits."""
    X = np.random.default_rng(1).integers(-9, 9, size=IMAGES).astype(float)
    layer, theirs = (
        BilinearUpsample2D((2, 4)),
        layers.UpSampling2D((2, 4), interpolation="bilinear"),
    )
    assert np.array_equal(layer.forward(X), theirs(X))


def test_concatenation_and_its_gradients_are_those_of_keras():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    ours = Concatenate(Conv2D(4, 3, 1), DepthwiseConv2D(4, 3, padding="same"))
    ours.theta = rng.normal(size=ours.theta.shape)
    branches = (
        layers.Conv2D(3, 1, dtype="float64"),
        layers.DepthwiseConv2D(3, padding="same", dtype="float64"),
    )
    X = rng.normal(size=IMAGES)
    for branch, own in zip(branches, ours.layers, strict=True):
        branch.build(X.shape)
        shapes = [tuple(w.shape) for w in branch.weights]
        branch.set_weights([p.reshape(shape) for p, shape in zip(own.params, shapes, strict=True)])
    a = ours.forward(X)
    da, their_X = rng.normal(size=a.shape), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(their_X)
        outputs = layers.Concatenate(dtype="float64")([branch(their_X) for branch in branches])
        value = tf.reduce_sum(outputs * da)
    weights = [w.value for branch in branches for w in branch.weights]
    dX, *grads = tape.gradient(value, [their_X, *weights])
    assert_close(a, outputs, LIMIT)
    assert_close(ours.backward(da), dX, LIMIT)
    for g, their in zip(ours.grads, grads, strict=True):
        assert_close(g, np.reshape(their, g.shape), LIMIT)
