"""What the tests of differences have in common: arrays of both frameworks, and how far apart."""

import keras
import numpy as np
import tensorflow as tf
import torch

LIMIT = 1e-12  # relative: the suite's limit for float64


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def tensor(a):
    """An array as a float64 leaf of PyTorch's graph."""
    return torch.tensor(a, dtype=torch.float64, requires_grad=True)


def constant(a):
    """An array as a float64 tensor of TensorFlow."""
    return tf.constant(np.asarray(a), dtype=tf.float64)


def numbers(a):
    return a.detach().numpy() if isinstance(a, torch.Tensor) else np.asarray(a)


def distance(a, b):
    """The largest error, relative to the largest magnitude."""
    a, b = numbers(a), numbers(b)
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / np.abs(b).max())


def assert_same(a, b):
    assert distance(a, b) <= LIMIT


def assert_apart(a, b, by):
    """The two differ by about so much: the number that the page gives, within a factor of 2."""
    measured = distance(a, b)
    assert by / 2 <= measured <= by * 2, f"{measured:.2g} apart, not {by:.2g}"


def gradient_of_keras(f, *arrays):
    """Return df/da for the sum of f(a, ...), computed by TensorFlow."""
    variables = [tf.Variable(constant(a)) for a in arrays]
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(f(*variables))
    return [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(value, variables)]


def gradient_of_pytorch(f, *arrays):
    leaves = [tensor(a) for a in arrays]
    f(*leaves).sum().backward()
    return [leaf.grad.numpy() for leaf in leaves]


def keras_layer(make, weights, *shape):
    """Build a layer of Keras in float64 and set its weights."""
    layer = make(dtype="float64")
    layer.build(shape)
    layer.set_weights(weights)
    return layer


def step_of_keras(optimizer, theta, g, steps=1):
    """Return the parameters after so many steps with one gradient."""
    variable = keras.Variable(theta, dtype="float64")
    for _ in range(steps):
        optimizer.apply([constant(g)], [variable])
    return variable.numpy()


def step_of_pytorch(make, theta, g, steps=1):
    variable = tensor(theta)
    optimizer = make([variable])
    for _ in range(steps):
        variable.grad = torch.tensor(g)
        optimizer.step()
    return variable.detach().numpy()
