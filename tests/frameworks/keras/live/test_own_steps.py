"""A step of the user's own on TensorFlow runs as it is written, and what it keeps is its own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from lockstep import Training, diverge

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


def side(make, k):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.125), keras.losses.SparseCategoricalCrossentropy())
    return Training(model, step=make(k, model))


def stepped(model, optimizer, loss, X, y, factor=1.0):
    with tf.GradientTape() as tape:
        value = loss(y, model(X, training=True))
    gradients = tape.gradient(value, model.trainable_variables)
    factor = tf.cast(factor, value.dtype)
    optimizer.apply([factor * each for each in gradients], model.trainable_variables)
    return value


def by_a_list(k, model):
    n = [0]

    def step(*handed):
        n[0] += 1
        return stepped(*handed, factor=1.0 if n[0] % k else 10.0)

    return step


def by_a_variable_of_tensorflow(k, model):
    n = tf.Variable(0)

    def step(*handed):
        n.assign_add(1)
        return stepped(*handed, factor=tf.where(n % k == 0, 10.0, 1.0))

    return step


def by_a_compiled_step(k, model):
    return tf.function(by_a_variable_of_tensorflow(k, model))


def by_a_variable_of_keras(k, model):
    n = {"n": keras.Variable(0, dtype="int32", trainable=False)}

    def step(*handed):
        n["n"].assign_add(1)
        return stepped(*handed, factor=tf.where(n["n"].value % k == 0, 10.0, 1.0))

    return step


@pytest.mark.parametrize(
    "make",
    [by_a_list, by_a_variable_of_tensorflow, by_a_compiled_step, by_a_variable_of_keras],
)
def test_a_step_counts_the_steps_that_are_taken(make):
    one = side(make, 4)
    for _ in range(2):
        assert diverge(one, side(make, 4), X, y, steps=8, batch_size=16).same
    report = diverge(one, side(make, 5), X, y, steps=8, batch_size=16)
    assert report.level == "trajectory", str(report)


def decaying(k, model):
    """A step that knows a layer of the model by a variable around it."""
    (dense,) = model.layers

    def step(*handed):
        value = stepped(*handed)
        dense.kernel.assign(dense.kernel * (1 - 1 / k))
        return value

    return step


def test_a_step_acts_on_the_copy_of_a_layer_that_it_knows():
    one = side(decaying, 4)
    before = one.model.get_weights()
    assert diverge(one, side(decaying, 4), X, y, steps=4, batch_size=16).same
    assert not diverge(one, side(decaying, 5), X, y, steps=4, batch_size=16).same
    assert all(map(np.array_equal, before, one.model.get_weights()))


def test_a_compiled_step_is_said_to_run_eagerly():
    one = side(by_a_compiled_step, 4)
    report = diverge(one, one, X, y, steps=2, batch_size=16)
    assert "tf.function of the step is run eagerly" in " ".join(str(report).split())


def by_a_teacher(k, model):
    """A step towards the outputs of another model."""
    teacher = keras.Sequential([keras.Input((6,)), layers.Dense(5, "tanh"), layers.Dense(3)])
    teacher.set_weights([np.full(w.shape, 0.5) for w in teacher.get_weights()])

    def step(model, optimizer, loss, X, y):
        wanted = tf.cast(teacher(X), X.dtype)

        def taught(y, z):
            return loss(y, z) + tf.reduce_mean((z - wanted) ** 2) / k

        return stepped(model, optimizer, taught, X, y)

    return step


def scaling(k, model):
    """A step with a layer of its own, that was adapted before."""
    known = {"by": [layers.Normalization()]}
    known["by"][0].adapt(X * k)

    def step(model, optimizer, loss, X, y):
        return stepped(model, optimizer, loss, tf.cast(known["by"][0](X), X.dtype), y)

    return step


@pytest.mark.parametrize("make", [by_a_teacher, scaling])
def test_a_step_uses_other_models_and_layers(make):
    assert diverge(side(make, 4), side(make, 4), X, y, steps=4, batch_size=16).same
    assert not diverge(side(make, 4), side(make, 5), X, y, steps=4, batch_size=16).same


def by_a_count_in_a_layer(k, model):
    own = layers.Layer()
    own.n = own.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)

    def step(*handed):
        own.n.assign_add(1)
        return stepped(*handed, factor=tf.where(own.n.value % k == 0, 10.0, 1.0))

    return step


def test_what_another_layer_counts_is_counted_once_in_each_step():
    sides = side(by_a_list, 4), side(by_a_count_in_a_layer, 4)
    assert diverge(*sides, X, y, steps=8, batch_size=16).same
    sides = side(by_a_list, 4), side(by_a_count_in_a_layer, 5)
    assert not diverge(*sides, X, y, steps=8, batch_size=16).same
