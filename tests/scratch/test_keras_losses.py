"""Label smoothing and class weights against Keras, in float64."""

import numpy as np
import pytest

from scratch import BinaryCrossEntropy, CategoricalCrossEntropy

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
V2, V4 = np.array([0.25, 3.0]), np.array([0.5, 2.0, 0.0, 3.0])


@pytest.fixture(scope="module")
def value_and_gradient():
    """Return the function that measures a Keras loss and its gradient for logits of float64."""
    import keras
    import tensorflow as tf

    def measure(name, smoothing, z, y, w):
        options = {"from_logits": True, "label_smoothing": smoothing, "dtype": "float64"}
        loss, their_z = getattr(keras.losses, name)(**options), tf.Variable(z)
        with tf.GradientTape() as tape:
            value = loss(y, their_z, sample_weight=w)
        return float(value), np.asarray(tape.gradient(value, their_z))

    return measure


@pytest.mark.parametrize("smoothing", [0.0, 0.125])  # exact in float32, through which Keras goes
@pytest.mark.parametrize("v", [None, V4], ids=["", "class weights"])
def test_categorical_options_are_those_of_keras(value_and_gradient, smoothing, v):
    rng = np.random.default_rng(0)
    z, y = rng.normal(scale=3, size=(9, 4)), rng.integers(4, size=9)
    # class_weight becomes a sample weight, as in Keras' fit; smoothing wants one-hot targets
    w = np.ones(9) if v is None else v[y]
    theirs, dz = value_and_gradient("CategoricalCrossentropy", smoothing, z, np.eye(4)[y], w)
    loss = CategoricalCrossEntropy(smoothing=smoothing, class_weights=v)
    assert_close(loss.forward(z, y), theirs, LIMIT)
    assert_close(loss.backward(), dz, LIMIT)


@pytest.mark.parametrize("smoothing", [0.0, 0.125])  # exact in float32, through which Keras goes
@pytest.mark.parametrize("v", [None, V2], ids=["", "class weights"])
def test_binary_options_are_those_of_keras(value_and_gradient, smoothing, v):
    rng = np.random.default_rng(0)
    z, y = rng.normal(scale=3, size=(9, 1)), rng.integers(2, size=(9, 1)).astype(float)
    w = np.ones(9) if v is None else v[y[:, 0].astype(int)]
    theirs, dz = value_and_gradient("BinaryCrossentropy", smoothing, z, y, w)
    loss = BinaryCrossEntropy(smoothing=smoothing, class_weights=v)
    assert_close(loss.forward(z, y), theirs, LIMIT)
    assert_close(loss.backward(), dz, LIMIT)
