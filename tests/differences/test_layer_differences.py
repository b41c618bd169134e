"""Differences of dense layers, dtypes, embeddings, dropout and initial weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from sklearn.neural_network import MLPClassifier

from .comparing import assert_apart, assert_same, constant, keras_layer, random, tensor


def test_dense_kernel():
    W, b, X = random(4, 3), random(3, seed=1), random(5, 4, seed=2)
    theirs = torch.nn.Linear(4, 3, dtype=torch.float64)
    theirs.load_state_dict({"weight": torch.tensor(W.T), "bias": torch.tensor(b)})
    ours = keras_layer(lambda **own: keras.layers.Dense(3, **own), [W, b], None, 4)
    assert_same(ours(X), theirs(tensor(X)))


def bound(a):
    """The limit of a uniform distribution, seen from many draws of it."""
    return float(np.abs(np.asarray(a)).max())


def test_dense_initial_weights():
    torch.manual_seed(0)
    theirs, ours = torch.nn.Linear(100, 300), keras.layers.Dense(300)
    ours.build((None, 100))
    assert bound(ours.kernel) == pytest.approx((6 / 400) ** 0.5, rel=1e-2)  # 30,000 draws
    assert not ours.bias.numpy().any()
    assert bound(theirs.weight.detach()) == pytest.approx(100**-0.5, rel=1e-2)  # likewise
    assert bound(theirs.bias.detach()) == pytest.approx(100**-0.5, rel=5e-2)  # 300 draws


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearn_initial_weights():
    rng = np.random.default_rng(0)
    for activation, factor in (("relu", 6), ("logistic", 2)):
        network = MLPClassifier((300,), activation=activation, max_iter=1, learning_rate_init=1e-12)
        network.fit(rng.normal(size=(4, 100)), [0, 1, 0, 1])
        for drawn in (network.coefs_[0], network.intercepts_[0]):
            assert bound(drawn) == pytest.approx((factor / 400) ** 0.5, rel=5e-2)  # 300 draws


def test_initializer_used_twice():
    initializer = keras.initializers.GlorotUniform(seed=1)
    first, second = (keras.layers.Dense(3, kernel_initializer=initializer) for _ in range(2))
    for layer in (first, second):
        layer.build((None, 4))
    assert np.array_equal(first.kernel, second.kernel)
    torch.manual_seed(1)
    first, second = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    assert not torch.equal(first.weight, second.weight)


def test_float64_inputs():
    """Keras casts them to the layer's type, PyTorch refuses them."""
    X = random(2, 4)
    assert keras.layers.Dense(3)(constant(X)).dtype == tf.float32
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.nn.Linear(4, 3)(torch.tensor(X))


def test_python_numbers_are_rounded():
    """`keras.ops.cast` of a Python number goes by way of float32, whatever it is cast to."""
    assert float(keras.ops.cast(0.9, "float64")) == float(np.float32(0.9)) != 0.9
    assert torch.tensor(0.9, dtype=torch.float64).item() == 0.9


def test_penalty_is_rounded():
    """Keras casts the λ of L2 and L1 by way of float32, in float64, too."""
    W = random(4, 3)
    for penalty, total in ((keras.regularizers.L2, W**2), (keras.regularizers.L1, np.abs(W))):
        assert_apart(penalty(0.01)(constant(W)), 0.01 * total.sum(), 2.2e-8)
        for held in (2.0**-7, float(np.float32(0.01))):
            assert_same(penalty(held)(constant(W)), held * total.sum())


def test_dropout_scale():
    """Both divide by 1 − rate in training; which numbers are dropped differs."""
    torch.manual_seed(0)
    ones = np.ones((1, 1000))
    ours = keras.layers.Dropout(0.75, seed=0, dtype="float64")(ones, training=True)
    theirs = torch.nn.functional.dropout(tensor(ones), 0.75)
    assert set(np.unique(ours)) == set(np.unique(theirs.detach())) == {0, 4}
    assert not np.array_equal(ours, theirs.detach())


def test_embedding_initial_weights():
    torch.manual_seed(0)
    ours, theirs = keras.layers.Embedding(300, 100), torch.nn.Embedding(300, 100)
    ours.build()
    assert bound(ours.embeddings) == pytest.approx(0.05, rel=1e-2)  # 30,000 draws
    assert theirs.weight.std().item() == pytest.approx(1, rel=2e-2)  # likewise


def test_embedding_of_padding():
    """PyTorch keeps the row at 0, Keras draws and trains it: `mask_zero` makes a mask only."""
    theirs = torch.nn.Embedding(3, 2, padding_idx=0)
    theirs(torch.tensor([[0, 1]])).sum().backward()
    assert theirs.weight[0].tolist() == theirs.weight.grad[0].tolist() == [0, 0]
    ours = keras.layers.Embedding(3, 2, mask_zero=True)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(ours(np.array([[0, 1]])))
    gradient = tf.convert_to_tensor(tape.gradient(value, ours.embeddings.value))
    assert ours.embeddings.numpy()[0].all()
    assert gradient.numpy()[0].tolist() == [1, 1]


def test_embedding_out_of_range():
    ours, theirs = keras.layers.Embedding(3, 2), torch.nn.Embedding(3, 2)
    ours.build()
    assert np.array_equal(ours(np.array([-1])), ours.embeddings.numpy()[2:])
    with pytest.raises(IndexError):
        theirs(torch.tensor([-1]))


def test_adam_of_embeddings():
    """On TensorFlow Adam's v sums the squares of a repeated token's gradients, not of their sum."""
    start, tokens = random(3, 2), np.array([[1, 1, 2]])

    def after(regularizer):
        layer = keras_layer(
            lambda **own: keras.layers.Embedding(3, 2, embeddings_regularizer=regularizer, **own),
            [start],
        )
        adam = keras.optimizers.Adam(0.5, 0.875, 0.75, 2.0**-7)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer(tokens)) + sum(layer.losses)
        weights = layer.trainable_variables
        adam.apply(tape.gradient(value, [w.value for w in weights]), weights)
        return layer.embeddings.numpy()

    theirs = tensor(start)
    adam = torch.optim.Adam([theirs], 0.5, (0.875, 0.75), 2.0**-7 / 0.5)
    torch.nn.functional.embedding(torch.tensor(tokens), theirs).sum().backward()
    adam.step()
    assert_apart(after(None), theirs, by=0.2)
    assert_same(after(keras.regularizers.L2(0.0)), theirs)  # which makes the gradient dense
