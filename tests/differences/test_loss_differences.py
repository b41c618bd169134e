"""Differences of losses and metrics."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.nn import functional

from .comparing import (
    assert_same,
    constant,
    gradient_of_keras,
    gradient_of_pytorch,
    random,
    tensor,
)

Z, Y = random(6, 3), np.array([0, 1, 2, 2, 1, 0])


def cross_entropy(**own):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64", **own)


def test_probabilities_are_clipped():
    """Keras clips them at 1e-7, with a gradient of 0; PyTorch's BCELoss holds log at −100."""
    p, one = np.array([[0.0]]), np.array([[1.0]])
    ours = keras.losses.BinaryCrossentropy(dtype="float64")
    assert float(ours(one, p)) == pytest.approx(16.118, abs=1e-3)  # −log 1e-7
    assert gradient_of_keras(lambda q: ours(one, q), p)[0] == 0
    assert functional.binary_cross_entropy(tensor(p), torch.tensor(one)).item() == 100


def test_logits_behind_probabilities():
    """Keras finds the logits behind a sigmoid, and loses them behind a Reshape."""

    def loss_of(*layers):
        x = keras.Input((1,), dtype="float64")
        y = keras.layers.Activation("sigmoid", dtype="float64")(x)
        for layer in layers:
            y = layer(y)
        model = keras.Model(x, y)
        model.compile(loss=keras.losses.BinaryCrossentropy(dtype="float64"))
        return model.evaluate(np.array([[-40.0]]), np.array([[1.0]]), verbose=0)

    assert loss_of() == pytest.approx(40, rel=1e-6)  # printed in float32
    reshape = keras.layers.Reshape((1,), dtype="float64")
    assert loss_of(reshape) == pytest.approx(16.118, abs=1e-3)  # −log 1e-7


def test_class_weights():
    """Keras divides by the rows, PyTorch by the sum of their weights."""
    v = np.array([1.0, 2.0, 4.0])
    ours = cross_entropy()(Y, constant(Z), sample_weight=constant(v[Y]))
    theirs = functional.cross_entropy(tensor(Z), torch.tensor(Y), torch.tensor(v))
    assert_same(float(ours) * len(Y) / v[Y].sum(), theirs)


def test_ignored_labels():
    """The mean is over the labels that count in both; if none does, 0 in Keras, NaN in PyTorch."""
    y = np.where(Y == 1, -1, Y)
    ours = cross_entropy(ignore_class=-1)
    assert_same(
        ours(y, constant(Z)), functional.cross_entropy(tensor(Z), torch.tensor(y), ignore_index=-1)
    )
    nothing = np.full(6, -1)
    assert float(ours(nothing, constant(Z))) == 0
    assert functional.cross_entropy(tensor(Z), torch.tensor(nothing), ignore_index=-1).isnan()


def test_sum_reduction():
    """Keras' "sum" adds up rows, each of which is a mean over the last axis."""
    a, y = random(4, 3), random(4, 3, seed=1)
    ours = keras.losses.MeanSquaredError(reduction="sum", dtype="float64")(y, constant(a))
    theirs = functional.mse_loss(tensor(a), torch.tensor(y), reduction="sum")
    assert_same(float(ours) * 3, theirs)


def test_targets_without_a_column():
    """(n, 1) against (n,): Keras aligns them, PyTorch broadcasts to (n, n), with a warning."""
    a, y = random(4, 1), random(4, seed=1)
    ours = keras.losses.MeanSquaredError(dtype="float64")(y, constant(a))
    assert_same(ours, ((a[:, 0] - y) ** 2).mean())
    with pytest.warns(UserWarning, match="target size"):
        theirs = functional.mse_loss(tensor(a), torch.tensor(y))
    assert_same(theirs, ((a - y) ** 2).mean())


def test_huber_and_smooth_l1():
    a, y = random(4, 3) * 3, random(4, 3, seed=1)
    ours = keras.losses.Huber(0.3, dtype="float64")(y, constant(a))
    assert_same(ours, functional.huber_loss(tensor(a), torch.tensor(y), delta=0.3))
    smooth = functional.smooth_l1_loss(tensor(a), torch.tensor(y), beta=0.3)
    assert_same(ours, 0.3 * smooth)


def probabilities(seed):
    p = np.random.default_rng(seed).uniform(0.1, 1, size=(4, 3))
    return p / p.sum(1, keepdims=True)


def test_kl_divergence():
    """PyTorch takes log-probabilities, and by default divides by all elements, not by the rows."""
    a, y = probabilities(0), probabilities(1)
    ours = keras.losses.KLDivergence(dtype="float64")(y, constant(a))
    log = tensor(a).log()
    assert_same(ours, functional.kl_div(log, torch.tensor(y), reduction="batchmean"))
    with pytest.warns(UserWarning, match="batchmean"):
        default = functional.kl_div(log, torch.tensor(y), reduction="mean")
    assert_same(float(ours) / 3, default)


def test_cosine_sign():
    """Keras' loss is −cos, PyTorch's 1 − cos."""
    a, y = random(4, 3), random(4, 3, seed=1)
    ours = keras.losses.CosineSimilarity(dtype="float64")(y, constant(a))
    assert_same(ours, -functional.cosine_similarity(tensor(a), torch.tensor(y)).mean())
    embedding = functional.cosine_embedding_loss(tensor(a), torch.tensor(y), torch.ones(4))
    assert embedding.item() == pytest.approx(1 + float(ours), rel=1e-8)  # it adds an ε of its own


def test_label_smoothing():
    """The same in both for k classes; PyTorch's binary loss has none."""
    one_hot = np.eye(3)[Y]
    ours = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.25, dtype="float64"
    )(one_hot, constant(Z))
    assert_same(ours, functional.cross_entropy(tensor(Z), torch.tensor(Y), label_smoothing=0.25))
    z, y = random(6, 1), (Y[:, None] > 0).astype(float)
    ours = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.25, dtype="float64")(
        y, constant(z)
    )
    smooth = torch.tensor(y * 0.75 + 0.125)
    assert_same(ours, functional.binary_cross_entropy_with_logits(tensor(z), smooth))


def test_classes_are_another_axis():
    """A class for each step: Keras has logits (n, t, k), PyTorch (n, k, t)."""
    z, y = random(2, 5, 3), np.random.default_rng(0).integers(3, size=(2, 5))
    theirs = functional.cross_entropy(tensor(z.transpose(0, 2, 1)), torch.tensor(y))
    assert_same(cross_entropy()(y, constant(z)), theirs)


def test_mask_is_lost():
    """A Reshape or an operator forgets the mask: then padding counts in the loss."""

    def loss_of(layer):
        x = keras.Input((3, 1), dtype="float64")
        model = keras.Model(x, layer(keras.layers.Masking(dtype="float64")(x)))
        model.compile(loss=keras.losses.MeanSquaredError(dtype="float64"))
        X = np.array([[[2.0], [4.0], [0.0]]])  # the last step is padding
        return model.evaluate(X, np.array([[[0.0], [0.0], [9.0]]]), verbose=0)

    assert loss_of(lambda x: x) == 10  # (4 + 16)/2
    assert loss_of(keras.layers.Dropout(0.5, dtype="float64")) == 10
    with pytest.warns(UserWarning, match="destroy the mask"):
        reshaped = loss_of(keras.layers.Reshape((3, 1), dtype="float64"))
    assert reshaped == pytest.approx(101 / 3, rel=1e-6)  # (4 + 16 + 81)/3, in float32
    assert loss_of(lambda x: x * 1.0) == pytest.approx(101 / 3, rel=1e-6)  # and no warning


def test_accuracy_of_logits():
    """Keras' binary accuracy asks for more than ½, whatever the outputs are."""
    metric = keras.metrics.BinaryAccuracy()
    metric.update_state(np.array([[1.0], [1.0]]), np.array([[0.25], [0.75]]))  # logits, both right
    assert float(metric.result()) == 0.5


def test_gradient_of_cosine_at_zero():
    zero, y = np.zeros((1, 3)), np.ones((1, 3))
    ours = keras.losses.CosineSimilarity(dtype="float64")
    (of_keras,) = gradient_of_keras(lambda a: ours(tf.constant(y), a), zero)
    (of_pytorch,) = gradient_of_pytorch(
        lambda a: -functional.cosine_similarity(a, torch.tensor(y)), zero
    )
    assert_same(of_pytorch, 10 * of_keras)  # each divides by an ε of its own
