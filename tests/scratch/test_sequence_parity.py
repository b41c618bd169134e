"""Embedding, attention and the normalizations of rows against Keras and PyTorch, in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from scratch import Embedding, GroupNorm, LayerNorm, Mask, RMSNorm, SelfAttention

from .closeness import assert_close
from .keras_gradients import gradients

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
STEPS = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0]], bool)


def filled(layer):
    rng = np.random.default_rng(0)
    for p in layer.params:
        p[...] = rng.normal(size=p.shape)
    return layer


def assert_is_that_of_torch(layer, theirs, X, da):
    their_X = torch.tensor(X, requires_grad=True)
    b = theirs(their_X)
    b.backward(torch.tensor(da))
    assert_close(layer.forward(X), b.detach(), LIMIT)
    assert_close(layer.backward(da), their_X.grad, LIMIT)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: LayerNorm.keras(4), keras.layers.LayerNormalization),
        (lambda: RMSNorm.keras(4), keras.layers.RMSNormalization),
        (lambda: GroupNorm.keras(4, 2), lambda **k: keras.layers.GroupNormalization(2, **k)),
        (lambda: GroupNorm.keras(4, 4), lambda **k: keras.layers.GroupNormalization(-1, **k)),
    ],
    ids=["layer", "rms", "group", "instance"],
)
def test_normalization_and_gradients_equal_those_of_keras(ours, theirs):
    rng, layer = np.random.default_rng(1), filled(ours())
    X, da = rng.normal(1, 2, size=(2, 3, 5, 4)), rng.normal(size=(2, 3, 5, 4))
    other = theirs(dtype="float64")
    other.build(X.shape)
    other.set_weights(layer.params)
    a, dX, grads = gradients(other, X, da)
    assert_close(layer.forward(X), a, LIMIT)
    assert_close(layer.backward(da), dX, LIMIT)
    for own, their in zip(layer.grads, grads, strict=True):
        assert_close(own, their, LIMIT)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: LayerNorm.pytorch(4), torch.nn.LayerNorm(4)),
        (lambda: RMSNorm.pytorch(4), torch.nn.RMSNorm(4)),
    ],
    ids=["layer", "rms"],
)
def test_normalization_and_gradients_equal_those_of_pytorch(ours, theirs):
    rng, layer = np.random.default_rng(1), filled(ours())
    X, da = rng.normal(1, 2, size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    theirs = theirs.double()
    theirs.zero_grad()
    with torch.no_grad():
        for own, their in zip(layer.params, theirs.parameters(), strict=True):
            their.copy_(torch.tensor(own))
    assert_is_that_of_torch(layer, theirs, X, da)
    for own, their in zip(layer.grads, theirs.parameters(), strict=True):
        assert_close(own, their.grad, LIMIT)


def test_group_normalization_equals_that_of_pytorch():
    rng, layer = np.random.default_rng(1), filled(GroupNorm.pytorch(4, 2))
    X, da = rng.normal(1, 2, size=(2, 3, 5, 4)), rng.normal(size=(2, 3, 5, 4))
    other = torch.nn.GroupNorm(2, 4, dtype=torch.float64)
    with torch.no_grad():
        for own, their in zip(layer.params, other.parameters(), strict=True):
            their.copy_(torch.tensor(own))

    def channels_first(x):
        return other(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    assert_is_that_of_torch(layer, channels_first, X, da)
    for own, their in zip(layer.grads, other.parameters(), strict=True):
        assert_close(own, their.grad, LIMIT)


@pytest.mark.parametrize("d", [3, 5])  # fewer numbers than words, and no fewer
@pytest.mark.parametrize("frozen", [False, True])
def test_embedding_and_its_dense_gradient_equal_those_of_both(frozen, d):
    rng = np.random.default_rng(2)
    layer = filled(Embedding(5, d, padding=0, freeze_padding=frozen))
    X, da = rng.integers(5, size=(4, 6)), rng.normal(size=(4, 6, d))
    other = torch.nn.Embedding(5, d, padding_idx=0 if frozen else None, dtype=torch.float64)
    with torch.no_grad():
        other.weight.copy_(torch.tensor(layer.params[0]))
    b = other(torch.tensor(X))
    b.backward(torch.tensor(da))
    assert_close(layer.forward(X), b.detach(), LIMIT)
    layer.backward(da)
    assert_close(layer.grads[0], other.weight.grad, LIMIT)
    if not frozen:
        theirs = keras.layers.Embedding(5, d, mask_zero=True, dtype="float64")
        theirs.build(None)
        theirs.set_weights(layer.params)
        with tf.GradientTape() as tape:
            a = theirs(tf.constant(X))
            value = tf.reduce_sum(a * da)
        (gradient,) = tape.gradient(value, [theirs.embeddings.value])
        assert_close(layer.forward(X), a, LIMIT)
        assert_close(layer.grads[0], tf.convert_to_tensor(gradient), LIMIT)
        assert np.array_equal(layer.mask.steps, theirs.compute_mask(tf.constant(X)))


def attention(masked, causal):
    mask = None
    if masked:
        mask = Mask()
        mask.steps = STEPS
    # 4 numbers a head: Keras rounds 1/√d through float32, which holds ½ exactly
    return filled(SelfAttention(8, heads=2, causal=causal, mask=mask))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_and_gradients_equal_those_of_keras(masked, causal):
    rng, layer = np.random.default_rng(3), attention(masked, causal)
    X, da = rng.normal(size=(3, 4, 8)), rng.normal(size=(3, 4, 8))
    other = keras.layers.MultiHeadAttention(2, 4, dtype="float64")
    other.build(X.shape, X.shape)
    shapes = [w.shape for w in other.weights]
    other.set_weights([p.reshape(s) for p, s in zip(layer.params, shapes, strict=True)])
    X_tf = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(X_tf)
        steps = tf.constant(STEPS[:, None, :]) if masked else None
        a = other(X_tf, X_tf, attention_mask=steps, use_causal_mask=causal)
        value = tf.reduce_sum(a * da)
    dX, *grads = tape.gradient(value, [X_tf, *(v.value for v in other.trainable_variables)])
    assert_close(layer.forward(X), a, LIMIT)
    assert_close(layer.backward(da), dX, LIMIT)
    for i, (own, their) in enumerate(zip(layer.grads, grads, strict=True)):
        their = np.reshape(their, own.shape)
        if i == 3:  # the keys' bias: its true gradient is 0, both are rounding
            assert_close([1, *own], [1, *np.zeros_like(their)], LIMIT)
        else:
            assert_close(own, their, LIMIT)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_and_gradients_equal_those_of_pytorch(masked, causal):
    rng, layer = np.random.default_rng(3), attention(masked, causal)
    X, da = rng.normal(size=(3, 4, 8)), rng.normal(size=(3, 4, 8))
    other = torch.nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    inner_W, inner_b = layer.params[:6:2], layer.params[1:6:2]
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.tensor(np.concatenate([W.T for W in inner_W])))
        other.in_proj_bias.copy_(torch.tensor(np.concatenate(inner_b)))
        other.out_proj.weight.copy_(torch.tensor(layer.params[6].T))
        other.out_proj.bias.copy_(torch.tensor(layer.params[7]))
    ignored = {  # True is "ignore" there
        "key_padding_mask": torch.tensor(~STEPS) if masked else None,
        "attn_mask": torch.tensor(np.triu(np.ones((4, 4), bool), 1)) if causal else None,
    }
    assert_is_that_of_torch(layer, lambda x: other(x, x, x, **ignored)[0], X, da)
    queries, keys, values = np.split(other.in_proj_weight.grad.numpy(), 3)
    for own, their in zip(layer.grads[:6:2], (queries, keys, values), strict=True):
        assert_close(own, their.T, LIMIT)
    assert_close(layer.grads[6], other.out_proj.weight.grad.numpy().T, LIMIT)
    assert_close(layer.grads[7], other.out_proj.bias.grad, LIMIT)
