"""Absolute, directional, image and sequence losses against Keras' and PyTorch's, in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.nn import functional

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    CosineLoss,
    Huber,
    KLDivergence,
    Mask,
    MeanAbsoluteError,
    SequenceLoss,
    WeightedMean,
)

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-15
N, T, K = 5, 4, 3


def numbers():
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=(N, K)), rng.normal(size=(N, K))
    a[0, 0] = y[0, 0]  # where the absolute error bends
    return a, y


def distributions():
    rng = np.random.default_rng(0)
    a, y = rng.uniform(0.1, 1, size=(2, N, K))
    y[0, 0] = 0
    return a / a.sum(1, keepdims=True), y / y.sum(1, keepdims=True)


def images():
    rng = np.random.default_rng(0)
    return rng.normal(scale=3, size=(N, 2, 3, 1)), rng.uniform(size=(N, 2, 3, 1))


def summed_pixels(z, y):
    return functional.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)


TORCH = {
    "absolute": (MeanAbsoluteError(), functional.l1_loss, numbers),
    "huber": (Huber(0.3), lambda a, y: functional.huber_loss(a, y, delta=0.3), numbers),
    "smooth": (
        Huber(0.25),
        lambda a, y: 0.25 * functional.smooth_l1_loss(a, y, beta=0.25),
        numbers,
    ),
    "divergence": (
        KLDivergence(),
        lambda a, y: functional.kl_div(a.log(), y, reduction="batchmean"),
        distributions,
    ),
    "cosine": (
        CosineLoss.pytorch(),
        lambda a, y: (1 - functional.cosine_similarity(a, y)).mean(),
        numbers,
    ),
    "images": (BinaryCrossEntropy(), functional.binary_cross_entropy_with_logits, images),
    "summed images": (BinaryCrossEntropy(sum_over_rows=True), summed_pixels, images),
}
KERAS = {
    "absolute": (MeanAbsoluteError(), keras.losses.MeanAbsoluteError(dtype="float64"), numbers),
    "huber": (Huber(0.3), keras.losses.Huber(0.3, dtype="float64"), numbers),
    "divergence": (KLDivergence.keras(), keras.losses.KLDivergence(dtype="float64"), distributions),
    "cosine": (CosineLoss.keras(), keras.losses.CosineSimilarity(dtype="float64"), numbers),
    "images": (
        BinaryCrossEntropy(),
        keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64"),
        images,
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_loss_and_gradient_equal_those_of_pytorch(name):
    loss, theirs, draw = TORCH[name]
    a, y = draw()
    their_a = torch.tensor(a, requires_grad=True)
    value = theirs(their_a, torch.tensor(y))
    value.backward()
    assert_close(loss.forward(a, y), value.item(), LIMIT)
    assert_close(loss.backward(), their_a.grad, LIMIT)


@pytest.mark.parametrize("name", KERAS)
def test_loss_and_gradient_equal_those_of_keras(name):
    loss, theirs, draw = KERAS[name]
    a, y = draw()
    their_a = tf.constant(a)
    with tf.GradientTape() as tape:
        tape.watch(their_a)
        value = theirs(tf.constant(y), their_a)
    assert_close(loss.forward(a, y), value, LIMIT)
    assert_close(loss.backward(), tape.gradient(value, their_a), LIMIT)


def labelled_steps():
    rng = np.random.default_rng(1)
    z, y = rng.normal(scale=2, size=(N, T, K)), rng.integers(K, size=(N, T))
    real = np.arange(T) < np.array([4, 1, 2, 4, 3])[:, None]
    return z, y, real


def masked(real):
    mask = Mask()
    mask.steps = real
    return mask


def test_ignored_labels_count_as_in_pytorch_and_keras():
    z, y, real = labelled_steps()
    y[~real] = -1
    loss = SequenceLoss(CategoricalCrossEntropy(), ignore=-1)
    their_z = torch.tensor(z, requires_grad=True)
    value = functional.cross_entropy(their_z.swapaxes(1, 2), torch.tensor(y), ignore_index=-1)
    value.backward()
    assert_close(loss.forward(z, y), value.item(), LIMIT)
    assert_close(loss.backward(), their_z.grad, LIMIT)
    kerass = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1, dtype="float64"
    )
    assert_close(loss.forward(z, y), kerass(tf.constant(y), tf.constant(z)), LIMIT)


@pytest.mark.parametrize("over", ["real", "all"])
def test_masked_steps_count_as_keras_masks_and_step_weights(over):
    z, y, real = labelled_steps()
    loss = SequenceLoss(CategoricalCrossEntropy(), mask=masked(real), over=over)
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")
    their_z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(their_z)
        if over == "real":
            marked = tf.identity(their_z)
            marked._keras_mask = tf.constant(real)
            value = theirs(tf.constant(y), marked)
        else:
            value = theirs(tf.constant(y), their_z, sample_weight=real.astype(float))
    assert_close(loss.forward(z, y), value, LIMIT)
    assert_close(loss.backward(), tape.gradient(value, their_z), LIMIT)


def test_no_real_step_gives_no_loss_and_no_gradient():
    z, y, real = labelled_steps()
    loss = SequenceLoss(CategoricalCrossEntropy(), mask=masked(np.zeros_like(real)))
    assert loss.forward(z, y) == 0
    assert not loss.backward().any()


def test_steps_are_left_out_of_a_loss_with_its_own_divisor_by_itself_alone():
    rng, v = np.random.default_rng(0), np.array([1.0, 2.0, 4.0])
    z, y = rng.normal(size=(N, T, K)), rng.integers(-1, K, (N, T))
    rows, labels = (torch.from_numpy(each) for each in (z.reshape(-1, K), y.ravel()))
    for options, given in (
        ({"class_weights": v, "weighted_mean": True}, {"weight": torch.from_numpy(v)}),
        ({"reduction": "sum"}, {"reduction": "sum"}),
    ):
        loss = SequenceLoss(CategoricalCrossEntropy(**options, ignore=-1))
        expected = functional.cross_entropy(rows, labels, ignore_index=-1, **given)
        assert_close(loss.forward(z, y), expected.numpy(), LIMIT)
        for inner in (loss.loss, loss, WeightedMean(loss.loss), CategoricalCrossEntropy(**options)):
            for out in ({"ignore": -1}, {"mask": Mask()}):
                with pytest.raises(ValueError, match="can ignore a label by itself: ignore="):
                    SequenceLoss(inner, **out)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="over must be 'real' or 'all', got 'none'"):
        SequenceLoss(CategoricalCrossEntropy(), over="none")
    with pytest.raises(ValueError, match="exclude each other"):
        SequenceLoss(CategoricalCrossEntropy(), mask=Mask(), ignore=0)
    loss = SequenceLoss(CategoricalCrossEntropy(), ignore=-1)
    with pytest.raises(ValueError, match="a target for each step"):
        loss.require(np.zeros((2, 3, 4)), np.zeros((2, 4), int))
    with pytest.raises(ValueError, match="classes from 0 to 3, got 0 to 4"):
        loss.require(np.zeros((2, 3, 4)), np.full((2, 3), 4) * np.eye(2, 3, dtype=int))
    with pytest.raises(ValueError, match="delta must be above 0"):
        Huber(0)
    with pytest.raises(ValueError, match="clip must be at least 0 and below 1"):
        KLDivergence(1)
