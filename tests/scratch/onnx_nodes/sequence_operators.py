"""Operators of sequences: recurrent layers and attention; see `layer_operators`."""

import math

import numpy as np

from scratch import GRU, LSTM, Bidirectional, SimpleRNN, attend

from .node_cases import NotInScratch

READ = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}  # in reverse?


def recurrent(make, order):
    """Return an operator of one or two directions, given the places of scratch's gates in ONNX's.

    The one bias of scratch is the sum of ONNX's two.
    """

    def layer_of(X, W, R, B, direction, reverse):
        width = R.shape[2]
        layer = make(X.shape[2], width, return_sequences=True, reverse=reverse)
        both = np.zeros((2, len(order) * width)) if B is None else B[direction].reshape(2, -1)
        given = W[direction].T, R[direction].T, both.sum(axis=0)
        for p, value in zip(layer.params, given, strict=True):
            p[:] = gates_in(value, order)
        return layer

    def forward(X, W, R, B=None, *start, hidden_size, **options):
        direction, by_rows = options.pop("direction", "forward"), options.pop("layout", 0)
        if options or start:
            raise NotInScratch(f"{options}, {len(start)} more inputs")
        X = X if by_rows else X.swapaxes(0, 1)
        layers = [layer_of(X, W, R, B, i, reverse) for i, reverse in enumerate(READ[direction])]
        whole = Bidirectional(*layers) if len(layers) > 1 else layers[0]
        n, t, _ = X.shape
        Y = whole.forward(X).reshape(n, t, len(layers), hidden_size)
        last = [Y[:, 0 if layer.reverse else -1, i] for i, layer in enumerate(layers)]
        cells = [last_cell(layer) for layer in layers if isinstance(layer, LSTM)]
        states = [np.stack(each) for each in (last, cells) if each]
        if by_rows:
            return Y, *(a.swapaxes(0, 1) for a in states)
        return Y.transpose(1, 2, 0, 3), *states

    return forward


def gates_in(a, order):
    """Return the parts (..., g·d) of the gates in another order."""
    parts = np.split(a, len(order), axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)


def last_cell(layer):
    """Return the cell of an LSTM after the last step that it has read."""
    return layer.states[1][-1]


def attention(
    *inputs,
    scale=None,
    qk_matmul_output_mode=None,
    q_num_heads=None,
    kv_num_heads=None,
    softmax_precision=None,
    **window,
):
    """Inputs: Q, K, V, a mask, the keys and values before, and the number of keys that are real.

    Outputs: what the queries found, all keys, all values, and the weights.
    """
    Q, K, V, mask, past_key, past_value, lengths = [*inputs, *[None] * 4][:7]
    q, k, v = (as_heads(a, h) for a, h in ((Q, q_num_heads), (K, kv_num_heads), (V, kv_num_heads)))
    if past_key is not None:
        k, v = np.concatenate([past_key, k], axis=2), np.concatenate([past_value, v], axis=2)
    present, together = (k, v), q.shape[1] // k.shape[1]
    k, v = np.repeat(k, together, axis=1), np.repeat(v, together, axis=1)
    before = 0 if past_key is None else past_key.shape[2]
    allowed = where_allowed(q, k, lengths, before, **window)
    if scale is not None:
        q = q * (scale * math.sqrt(q.shape[-1]))
    if mask is not None:
        q, k, allowed = masked(q, k, allowed, mask)
    if not allowed.any(axis=-1).all():
        raise NotInScratch("a query that may look nowhere finds nothing; here, the mean of all")
    a, weights = attend(q, k, v, allowed)
    a = a if q_num_heads is None else a.swapaxes(1, 2).reshape(len(a), q.shape[2], -1)
    return (a, *present, weights if qk_matmul_output_mode == 3 else None)


def where_allowed(q, k, lengths, before, *, is_causal=0, left_window_size=-1, right_window_size=-1):
    """Return where each query (n, h, t) may look among all keys (n, h, t, s)."""
    t, s = q.shape[2], k.shape[2]
    allowed = np.ones((*q.shape[:3], s), bool)
    if lengths is not None:
        lengths = lengths.reshape(-1, 1, 1, 1)
        allowed, before = allowed & (np.arange(s) < lengths), lengths - t
    ahead = np.arange(s) - np.arange(t)[:, np.newaxis] - before
    if is_causal:
        allowed = allowed & (ahead <= 0)
    if left_window_size >= 0:
        allowed = allowed & (-ahead <= left_window_size)
    if right_window_size >= 0:
        allowed = allowed & (ahead <= right_window_size)
    return allowed


def as_heads(a, heads):
    """Return (n, h, t, d) of (n, t, h·d), or what is in this form already."""
    return a if heads is None else a.reshape(*a.shape[:2], heads, -1).swapaxes(1, 2)


def masked(q, k, allowed, mask):
    """Return q, k and `allowed` with a mask that forbids, or that is added to the scores.

    What is added, M, is a product with more columns: [q, √d′ I] [k, Mᵀ]ᵀ/√d′ = q kᵀ/√d′ + M, d′ of
    them in all.
    """
    missing = allowed.shape[-1] - mask.shape[-1]
    width = [(0, 0)] * (mask.ndim - 1) + [(0, missing)]
    allowed = allowed & np.pad(np.ones(mask.shape, bool), width)
    mask = np.broadcast_to(np.pad(mask, width), allowed.shape)
    if mask.dtype == bool:
        return q, k, allowed & mask
    t, d = q.shape[-2:]
    whole = d + t
    one = np.broadcast_to(math.sqrt(whole) * np.eye(t), (*q.shape[:-1], t))
    q = np.concatenate([q * math.sqrt(whole / d), one], axis=-1)
    return q, np.concatenate([k, mask.swapaxes(-1, -2)], axis=-1), allowed


OPERATORS = {
    "Attention": attention,
    "GRU": recurrent(lambda *d, **own: GRU(*d, reset_after=False, **own), [0, 1, 2]),
    "LSTM": recurrent(LSTM, [0, 2, 3, 1]),  # from i, o, f, g to i, f, g, o
    "RNN": recurrent(SimpleRNN, [0]),
}
