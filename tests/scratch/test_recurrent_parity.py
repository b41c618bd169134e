"""The recurrent layers against Keras' and PyTorch's own, in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from scratch import GRU, LSTM, Bidirectional, Mask, SimpleRNN

from .closeness import assert_close
from .keras_gradients import gradients

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
N, T, D, H = 4, 6, 3, 5
LENGTHS = np.array([6, 3, 1, 4])
PADDED = np.arange(T) < LENGTHS[:, None]
HOLES = np.random.default_rng(7).random((N, T)) < 0.6  # no rows of padding alone

KERAS = {
    "simple": (SimpleRNN, keras.layers.SimpleRNN, {}),
    "lstm": (LSTM, keras.layers.LSTM, {}),
    "gru": (GRU, keras.layers.GRU, {}),
    "gru, reset before": (GRU, keras.layers.GRU, {"reset_after": False}),
}
TORCH = {
    "simple": (SimpleRNN, torch.nn.RNN, {"biases": 2}),
    "lstm": (LSTM, torch.nn.LSTM, {"biases": 2}),
    "gru": (GRU, torch.nn.GRU, {}),
}


def filled(layer, seed=0):
    rng = np.random.default_rng(seed)
    for p in layer.params:
        p[...] = rng.normal(scale=0.5, size=p.shape)
    return layer


def masked(steps):
    if steps is None:
        return None
    mask = Mask()
    mask.steps = steps
    return mask


def keras_weights(layer):
    """Return the params as Keras has them: a GRU's two biases are the rows of one array."""
    W, U, *b = layer.params
    return [W, U, np.stack(b)] if len(b) > 1 else [W, U, *b]


@pytest.mark.parametrize("steps", [None, PADDED, HOLES], ids=["all", "padded", "holes"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KERAS)
def test_layer_and_gradients_equal_those_of_keras(kind, reverse, sequences, steps):
    ours, theirs, options = KERAS[kind]
    rng = np.random.default_rng(1)
    layer = filled(
        ours(D, H, reverse=reverse, return_sequences=sequences, mask=masked(steps), **options)
    )
    X = rng.normal(size=(N, T, D))
    other = theirs(H, return_sequences=sequences, go_backwards=reverse, dtype="float64", **options)
    other.build(X.shape)
    other.set_weights(keras_weights(layer))
    a = layer.forward(X)
    da = rng.normal(size=a.shape)
    in_time = slice(None, None, -1 if reverse and sequences else 1)  # Keras returns it reversed
    upstream = da[:, in_time] if sequences else da
    call = {} if steps is None else {"mask": tf.constant(steps)}
    b, dX, grads = gradients(other, X, upstream, **call)
    assert_close(a[:, in_time] if sequences else a, b, LIMIT)
    assert_close(layer.backward(da), dX, LIMIT)
    W, U, *biases = layer.grads
    for own, their in zip([W, U, np.stack(biases).reshape(grads[2].shape)], grads, strict=True):
        assert_close(own, their, LIMIT)


def swapped(kind, a):
    """Return (..., g·h) with a GRU's parts z, r, g as r, z, g, and the other way round."""
    if kind != "gru":
        return np.asarray(a)
    first, second, g = np.split(np.asarray(a), 3, axis=-1)
    return np.concatenate([second, first, g], axis=-1)


def same_weights(kind, layer, theirs, suffix=""):
    W, U, b, b_h = layer.params
    with torch.no_grad():
        for name, own in (("ih", W), ("hh", U)):
            getattr(theirs, f"weight_{name}_l0{suffix}").copy_(torch.tensor(swapped(kind, own).T))
        for name, own in (("ih", b), ("hh", b_h)):
            getattr(theirs, f"bias_{name}_l0{suffix}").copy_(torch.tensor(swapped(kind, own).T))


def assert_same_gradients(kind, layer, theirs, suffix=""):
    names = [f"{kind_}_{of}_l0{suffix}" for kind_ in ("weight", "bias") for of in ("ih", "hh")]
    for own, name in zip(layer.grads, names, strict=True):
        assert_close(own, swapped(kind, getattr(theirs, name).grad.numpy().T), LIMIT)


def packed(X):
    pack = torch.nn.utils.rnn.pack_padded_sequence
    return pack(X, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", TORCH)
def test_layer_and_gradients_equal_those_of_pytorch(kind, padded):
    ours, theirs, options = TORCH[kind]
    rng = np.random.default_rng(2)
    mask = masked(PADDED) if padded else None
    layer = filled(ours(D, H, return_sequences=True, mask=mask, zero_at_padding=padded, **options))
    other = theirs(D, H, batch_first=True, dtype=torch.float64)
    same_weights(kind, layer, other)
    X = rng.normal(size=(N, T, D))
    their_X = torch.tensor(X, requires_grad=True)
    b, _ = other(packed(their_X) if padded else their_X)
    if padded:
        b, _ = torch.nn.utils.rnn.pad_packed_sequence(b, batch_first=True)
    a = layer.forward(X)
    da = rng.normal(size=a.shape)
    b.backward(torch.tensor(da))
    assert_close(a, b.detach(), LIMIT)
    assert_close(layer.backward(da), their_X.grad, LIMIT)
    assert_same_gradients(kind, layer, other)


@pytest.mark.parametrize("kind", TORCH)
def test_both_directions_end_where_those_of_pytorch_do(kind):
    ours, theirs, options = TORCH[kind]
    rng = np.random.default_rng(3)
    mask = masked(PADDED)
    layers = [
        filled(ours(D, H, mask=mask, reverse=reverse, **options), seed)
        for seed, reverse in enumerate((False, True))
    ]
    both = Bidirectional(*layers)
    other = theirs(D, H, batch_first=True, bidirectional=True, dtype=torch.float64)
    for layer, suffix in zip(layers, ("", "_reverse"), strict=True):
        same_weights(kind, layer, other, suffix)
    X = rng.normal(size=(N, T, D))
    their_X = torch.tensor(X, requires_grad=True)
    _, last = other(packed(their_X))
    h = last[0] if kind == "lstm" else last
    b = torch.cat([h[0], h[1]], 1)
    a = both.forward(X)
    da = rng.normal(size=a.shape)
    b.backward(torch.tensor(da))
    assert_close(a, b.detach(), LIMIT)
    assert_close(both.backward(da), their_X.grad, LIMIT)
    for layer, suffix in zip(layers, ("", "_reverse"), strict=True):
        assert_same_gradients(kind, layer, other, suffix)


def test_first_states_and_their_gradients_equal_those_of_pytorch():
    rng = np.random.default_rng(4)
    layer = filled(LSTM(D, H, biases=2))
    other = torch.nn.LSTM(D, H, batch_first=True, dtype=torch.float64)
    same_weights("lstm", layer, other)
    X, h, c = rng.normal(size=(N, T, D)), rng.normal(size=(N, H)), rng.normal(size=(N, H))
    start = [torch.tensor(s[None], requires_grad=True) for s in (h, c)]
    _, (last, _) = other(torch.tensor(X), tuple(start))
    da = rng.normal(size=(N, H))
    last[0].backward(torch.tensor(da))
    layer.start_from(h, c)
    assert_close(layer.forward(X), last[0].detach(), LIMIT)
    layer.backward(da)
    for own, their in zip(layer.dstart, start, strict=True):
        assert_close(own, their.grad[0], LIMIT)
