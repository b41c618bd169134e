"""Differences of recurrent layers and of attention."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from .comparing import (
    assert_apart,
    assert_same,
    keras_layer,
    numbers,
    random,
    tensor,
)

X = random(2, 5, 3)  # rows, steps, features
H = 4


def keras_rnn(kind, gates, biases=(), **own):
    """A layer of Keras whose weights are random, and those weights."""
    own = {"return_sequences": True} | own
    shapes = [(3, gates * H), (H, gates * H), *biases]
    weights = [random(*shape, seed=i) / 2 for i, shape in enumerate(shapes)]
    return keras_layer(lambda **d: kind(H, **own, **d), weights, *X.shape), weights


def torch_rnn(kind, W, U, b_ih, b_hh):
    """A layer of PyTorch with weights in the layout of Keras."""
    layer = kind(3, H, batch_first=True, dtype=torch.float64)
    names = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
    values = W.T, U.T, b_ih, b_hh
    layer.load_state_dict({k: torch.tensor(v) for k, v in zip(names, values, strict=True)})
    return layer


def swapped(a):
    """The first two of three blocks (..., 3·H) in each other's place."""
    z, r, h = np.split(a, 3, axis=-1)
    return np.concatenate([r, z, h], axis=-1)


def test_lstm_gates():
    """Both have i, f, the content, o: the weights need no more than to be transposed."""
    ours, (W, U, b) = keras_rnn(keras.layers.LSTM, 4, [(4 * H,)])
    theirs = torch_rnn(nn.LSTM, W, U, b, 0 * b)
    assert_same(ours(X), theirs(tensor(X))[0])


def test_gru_gates():
    """Keras has z, r, h, PyTorch r, z, n."""
    ours, (W, U, b) = keras_rnn(keras.layers.GRU, 3, [(2, 3 * H)])
    theirs = torch_rnn(nn.GRU, *map(swapped, (W, U, b[0], b[1])))
    assert_same(ours(X), theirs(tensor(X))[0])
    assert_apart(torch_rnn(nn.GRU, W, U, *b)(tensor(X))[0], ours(X), by=0.77)


def test_gru_reset_after():
    """Keras' reset_after=False, the paper's, has one bias, and no counterpart in PyTorch."""
    before, _ = keras_rnn(keras.layers.GRU, 3, [(3 * H,)], reset_after=False)
    assert [w.shape for w in before.weights] == [(3, 3 * H), (H, 3 * H), (3 * H,)]
    after, (W, U, b) = keras_rnn(keras.layers.GRU, 3, [(2, 3 * H)])
    before.set_weights([W, U, b.sum(0)])
    assert_apart(before(X), after(X), by=0.32)


def test_two_biases():
    """Each of PyTorch's has the gradient of Keras' one, so that a step moves their sum twice."""
    ours, (W, U, b) = keras_rnn(keras.layers.LSTM, 4, [(4 * H,)])
    theirs = torch_rnn(nn.LSTM, W, U, b, 0 * b)
    theirs(tensor(X))[0].sum().backward()
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(ours(X))
    gradient = tape.gradient(value, ours.trainable_variables[2].value)
    assert_same(theirs.bias_ih_l0.grad, gradient)
    assert_same(theirs.bias_hh_l0.grad, gradient)


def test_recurrent_initial_weights():
    torch.manual_seed(0)
    theirs, ours = nn.LSTM(3, 64), keras.layers.LSTM(64)
    ours.build(X.shape)
    bounds = [float(p.detach().abs().max()) for p in theirs.parameters()]
    assert bounds == pytest.approx([64**-0.5] * 4, rel=2e-2)  # 256 draws and more
    _, U, b = ours.get_weights()
    assert np.allclose(U @ U.T, np.eye(64), atol=1e-5)  # in float32
    assert b.tolist() == [0.0] * 64 + [1.0] * 64 + [0.0] * 128  # the forget gate


def test_outputs():
    """Keras returns the last output, unless it is asked for all; PyTorch all, and the state."""
    ours, (W, U, b) = keras_rnn(keras.layers.LSTM, 4, [(4 * H,)], return_sequences=False)
    outputs, (h, _) = torch_rnn(nn.LSTM, W, U, b, 0 * b)(tensor(X))
    assert outputs.shape == (2, 5, H)
    assert_same(ours(X), h[0])
    assert nn.LSTM(3, H)(torch.zeros(7, 2, 3))[0].shape == (7, 2, H)  # steps first


def test_padding():
    """At padding Keras repeats the output, PyTorch's packed sequences have 0."""
    real = np.array([[True] * 5, [True] * 2 + [False] * 3])
    ours, (W, U, b) = keras_rnn(keras.layers.LSTM, 4, [(4 * H,)])
    theirs = torch_rnn(nn.LSTM, W, U, b, 0 * b)
    packed = nn.utils.rnn.pack_padded_sequence(tensor(X), torch.tensor([5, 2]), batch_first=True)
    outputs, (h, _) = theirs(packed)
    outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
    a = np.asarray(ours(X, mask=tf.constant(real)))
    assert_same(a[real], outputs.detach().numpy()[real])
    assert_same(a[1, 2:], a[[1, 1, 1], [1, 1, 1]])
    assert not outputs[1, 2:].any()
    assert_same(a[:, -1], h[0])
    zeros, _ = keras_rnn(keras.layers.LSTM, 4, [(4 * H,)], zero_output_for_mask=True)
    assert_same(zeros(X, mask=tf.constant(real)), outputs)


def test_last_output_of_two_directions():
    """`out[:, -1]` of PyTorch holds the reverse direction after a single step."""
    theirs = nn.LSTM(3, H, batch_first=True, bidirectional=True, dtype=torch.float64)
    parts = [numbers(p) for p in theirs.parameters()]
    weights = [[p[0].T, p[1].T, p[2] + p[3]] for p in (parts[:4], parts[4:])]
    ours = keras.layers.Bidirectional(keras.layers.LSTM(H, dtype="float64"), dtype="float64")
    ours.build(X.shape)
    ours.set_weights([*weights[0], *weights[1]])
    outputs, (h, _) = theirs(tensor(X))
    assert_same(ours(X), torch.cat([h[0], h[1]], 1))
    assert_apart(outputs[:, -1], ours(X), by=0.86)


def test_recurrent_dropout():
    """Keras' `dropout` is one mask of the inputs for all steps; PyTorch's is between layers."""
    layer = keras.layers.SimpleRNN(3, dropout=0.5, seed=0, return_sequences=True, activation=None)
    layer.build(X.shape)
    layer.set_weights([np.eye(3), np.zeros((3, 3)), np.zeros(3)])
    dropped = np.asarray(layer(np.ones((2, 5, 3)), training=True)) == 0
    assert dropped.any()
    assert np.array_equal(dropped, dropped[:, :1] & np.ones((1, 5, 1), bool))
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.LSTM(3, H, dropout=0.5)


def mha(heads=2, d=4):
    """Keras' and PyTorch's layer for vectors of h·d, with the same weights."""
    width = heads * d
    W = [random(width, width, seed=i) / 4 for i in range(4)]
    b = [random(width, seed=4 + i) for i in range(4)]
    ours = keras.layers.MultiHeadAttention(heads, d, dtype="float64")
    ours.build((2, 5, width), (2, 5, width), (2, 5, width))
    weights = [a for pair in zip(W, b, strict=True) for a in pair]
    ours.set_weights([a.reshape(w.shape) for a, w in zip(weights, ours.weights, strict=True)])
    theirs = nn.MultiheadAttention(width, heads, batch_first=True, dtype=torch.float64)
    state = {
        "in_proj_weight": np.concatenate([W[0].T, W[1].T, W[2].T]),
        "in_proj_bias": np.concatenate(b[:3]),
        "out_proj.weight": W[3].T,
        "out_proj.bias": b[3],
    }
    theirs.load_state_dict({name: torch.tensor(a) for name, a in state.items()})
    return ours, theirs


Q, K, V = (random(2, 5, 8, seed=i) for i in range(3))


def test_attention_weights_and_arguments():
    """(query, value, key) in Keras, (query, key, value) in PyTorch."""
    ours, theirs = mha()
    assert_same(ours(Q, V, K), theirs(tensor(Q), tensor(K), tensor(V))[0])
    assert_apart(ours(Q, K, V), theirs(tensor(Q), tensor(K), tensor(V))[0], by=0.33)


def test_attention_masks():
    """True is "attend" in Keras, "ignore" in PyTorch's layer."""
    ours, theirs = mha()
    allowed = np.tri(5, dtype=bool)
    expected = theirs(*map(tensor, (Q, Q, Q)), attn_mask=torch.tensor(~allowed))[0]
    assert_same(ours(Q, Q, attention_mask=tf.constant(allowed)), expected)
    assert_same(ours(Q, Q, use_causal_mask=True), expected)


def test_attention_scale_is_rounded():
    """Keras' 1/√d is a float32 on TensorFlow, unless d is a power of 4."""
    ours, theirs = mha(heads=1, d=8)
    expected = theirs(*map(tensor, (Q, Q, Q)))[0]
    assert_apart(ours(Q, Q), expected, by=1.3e-9)
    ours._inverse_sqrt_key_dim = np.float64(8**-0.5)
    assert_same(ours(Q, Q), expected)


def test_attention_of_nothing():
    """A query that may look nowhere: the mean of everything in Keras, only the bias in PyTorch."""
    ours, theirs = mha()
    none = np.zeros((5, 5), bool)
    mask = {"attn_mask": torch.tensor(~none)}
    nothing, _ = theirs(*map(tensor, (Q, Q, Q)), **mask, need_weights=False)
    assert_same(nothing, theirs.out_proj.bias.expand(2, 5, 8))
    assert theirs(*map(tensor, (Q, Q, Q)), **mask)[0].isnan().all()
    mean = ours(Q, Q, attention_mask=tf.constant(none))
    assert_same(mean, tf.repeat(mean[:, :1], 5, axis=1))
    assert not np.allclose(mean, nothing.detach())


def test_attention_bias_of_keys():
    """Its true gradient is 0: it adds the same to all scores of a query."""
    ours, theirs = mha()
    theirs(*map(tensor, (Q, K, V)))[0].sum().backward()
    _, of_k, of_v = theirs.in_proj_bias.grad.chunk(3)
    assert of_k.abs().max() < 1e-12 < 1e-3 < of_v.abs().max()  # rounding, beside a gradient
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(ours(Q, V, K))
    of_k = tape.gradient(value, ours._key_dense.bias.value)
    assert tf.reduce_max(tf.abs(of_k)) < 1e-12  # likewise
