"""Convolution, pooling and batch normalization against Keras' own layers, in float64."""

import keras
import numpy as np
import pytest

from scratch import AveragePool2D, BatchNorm, Conv2D, MaxPool2D

from .closeness import assert_close
from .keras_gradients import gradients

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("h", "w", "kernel"), [(6, 7, (3, 3)), (7, 6, (2, 3)), (5, 8, (5, 4))])
def test_convolution_and_gradients_equal_those_of_keras(padding, stride, h, w, kernel):
    rng, ours = np.random.default_rng(0), Conv2D(2, 3, kernel, stride=stride, padding=padding)
    for p in ours.params:
        p[...] = rng.normal(size=p.shape)
    X = rng.normal(size=(2, h, w, 2))
    z = ours.forward(X)
    dz = rng.normal(size=z.shape)
    theirs = keras.layers.Conv2D(3, kernel, strides=stride, padding=padding, dtype="float64")
    theirs.build(X.shape)
    theirs.set_weights(ours.params)
    outputs, dX, grads = gradients(theirs, X, dz)
    assert_close(z, outputs, LIMIT)
    assert_close(ours.backward(dz), dX, LIMIT)
    for gradient, their in zip(ours.grads, grads, strict=True):
        assert_close(gradient, their, LIMIT)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MaxPool2D, keras.layers.MaxPooling2D),
        (AveragePool2D, keras.layers.AveragePooling2D),
    ],
)
@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), ((2, 3), 1), (2, 3)])
def test_pooling_and_gradient_equal_those_of_keras_ties_included(ours, theirs, size, stride):
    rng, layer = np.random.default_rng(0), ours(size, stride)
    X = rng.integers(1, 4, size=(3, 7, 8, 2)).astype(float)
    z = layer.forward(X)
    dz = rng.normal(size=z.shape)
    outputs, dX, _ = gradients(theirs(size, stride, dtype="float64"), X, dz)
    assert_close(z, outputs, LIMIT)
    assert_close(layer.backward(dz), dX, LIMIT)


@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 3, 3)])
def test_batch_norm_gradients_and_running_statistics_equal_those_of_keras(shape):
    rng = np.random.default_rng(0)
    # 0.75 and 2⁻¹⁰ are exact in float32, through which Keras may round its constants
    ours = BatchNorm(3, momentum=0.75, epsilon=2**-10, unbiased_running_variance=False)
    theirs = keras.layers.BatchNormalization(momentum=0.75, epsilon=2**-10, dtype="float64")
    theirs.build(shape)
    for p in ours.params:
        p[:] = rng.normal(size=3)
    theirs.set_weights([*ours.params, *ours.state.values()])
    for training in (True, True, False):
        X, da = rng.normal(1, 2, size=shape), rng.normal(size=shape)
        outputs, dX, grads = gradients(theirs, X, da, training=training)
        assert_close(ours.forward(X, training), outputs, LIMIT)
        assert_close(ours.backward(da), dX, LIMIT)
        for gradient, their in zip(ours.grads, grads, strict=True):
            assert_close(gradient, their, LIMIT)
        for own, their in zip(ours.state.values(), theirs.get_weights()[2:], strict=True):
            assert_close(own, their, LIMIT)


def test_defaults_of_the_keras_dialect_are_those_of_the_installed_keras():
    ours, theirs = BatchNorm.keras(1), keras.layers.BatchNormalization()
    assert (ours.momentum, ours.epsilon) == (theirs.momentum, theirs.epsilon)
