"""Attention, embeddings and normalized rows on the computational graph; as in `graph_layers`."""

import math

import numpy as np

from scratch import (
    Embedding,
    GroupNorm,
    LayerNorm,
    Mask,
    Masking,
    PositionEmbedding,
    RMSNorm,
    SelfAttention,
)

from .layer_case import LayerCase

SEQUENCES = (3, 4, 2)  # n, t, d


def attention(heads, causal=False, bias=True):
    def define(x, *params):
        n, t, d = x.shape
        step = 2 if bias else 1
        pairs = [params[i : i + step] for i in range(0, len(params), step)]
        q, k, v = (
            sum(pair[1:], x @ pair[0]).reshape((n, t, heads, d // heads)).transpose((0, 2, 1, 3))
            for pair in pairs[:3]
        )
        scores = q @ k.transpose((0, 1, 3, 2)) / math.sqrt(d // heads)
        if causal:
            scores = scores + np.triu(np.full((t, t), -1e30), 1)
        heads_ = scores.log_softmax().exp() @ v
        joined = heads_.transpose((0, 2, 1, 3)).reshape((n, t, d))
        return sum(pairs[3][1:], joined @ pairs[3][0])

    return define


def masked_attention(x, *params):
    """Attention in which nobody looks at the second step of the first sequence."""
    steps = np.ones((3, 4), bool)
    steps[0, 1] = False
    n, t, d = x.shape
    W_q, b_q, W_k, b_k, W_v, b_v, W_o, b_o = params
    scores = (x @ W_q + b_q) @ (x @ W_k + b_k).transpose((0, 2, 1)) / math.sqrt(d)
    scores = scores + np.where(steps[:, None, :], 0, -1e30)
    return scores.log_softmax().exp() @ (x @ W_v + b_v) @ W_o + b_o


def with_a_hole():
    mask = Mask()
    mask.steps = np.ones((3, 4), bool)
    mask.steps[0, 1] = False
    return SelfAttention(2, mask=mask)


def standardize(x, axes, epsilon=0.01):
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / (((x - mean) ** 2).mean(axes, keepdims=True) + epsilon) ** 0.5


def in_groups(x, gamma, beta):
    n, h, w, d = x.shape
    x = standardize(x.reshape((n, h, w, 2, d // 2)), (1, 2, 4))
    return gamma * x.reshape((n, h, w, d)) + beta


def words(rng, shape):
    return rng.integers(5, size=shape).astype(float)


def look_up(x, W):
    return (x.value[..., None] == np.arange(5)).astype(float) @ W + 0 * x.reshape((3, 4, 1))


def look_up_but_padding(x, W):
    """The row of the padding counts, but it is a constant."""
    hot = (x.value[..., None] == np.arange(5)).astype(float)
    frozen = hot * (np.arange(5) == 2)
    return (hot - frozen) @ W + frozen @ W.value + 0 * x.reshape((3, 4, 1))


CASES: dict[type, dict[str, LayerCase]] = {
    SelfAttention: {
        "": LayerCase(
            lambda: SelfAttention(4, heads=2), (3, 5, 4), attention(2), without_effect=(3,)
        ),
        "causal": LayerCase(
            lambda: SelfAttention(4, heads=4, causal=True),
            (2, 5, 4),
            attention(4, causal=True),
            without_effect=(3,),
        ),
        "without biases": LayerCase(
            lambda: SelfAttention(4, heads=1, bias=False), (2, 3, 4), attention(1, bias=False)
        ),
        "masked": LayerCase(with_a_hole, SEQUENCES, masked_attention, without_effect=(3,)),
    },
    Embedding: {
        "": LayerCase(lambda: Embedding(5, 2), (3, 4), look_up, words),
        "padding trained": LayerCase(lambda: Embedding(5, 2, padding=2), (3, 4), look_up, words),
        "padding frozen": LayerCase(
            lambda: Embedding(5, 2, padding=2, freeze_padding=True),
            (3, 4),
            look_up_but_padding,
            words,
        ),
    },
    PositionEmbedding: {
        "": LayerCase(lambda: PositionEmbedding(4, 2), SEQUENCES, lambda x, P: x + P)
    },
    Masking: {"": LayerCase(Masking, SEQUENCES, lambda x: x + 0)},
    LayerNorm: {
        "": LayerCase(
            lambda: LayerNorm(4, epsilon=0.01), (5, 4), lambda x, g, b: g * standardize(x, 1) + b
        ),
        "of sequences": LayerCase(
            lambda: LayerNorm(2, epsilon=0.01),
            SEQUENCES,
            lambda x, g, b: g * standardize(x, 2) + b,
        ),
    },
    GroupNorm: {
        "of images": LayerCase(lambda: GroupNorm(4, 2, epsilon=0.01), (2, 3, 5, 4), in_groups),
        "each channel": LayerCase(
            lambda: GroupNorm(3, 3, epsilon=0.01),
            (2, 3, 5, 3),
            lambda x, g, b: g * standardize(x, (1, 2)) + b,
        ),
        "all at once": LayerCase(
            lambda: GroupNorm(4, 1, epsilon=0.01), (3, 4), lambda x, g, b: g * standardize(x, 1) + b
        ),
    },
    RMSNorm: {
        "": LayerCase(
            lambda: RMSNorm(4, epsilon=0.01),
            (3, 5, 4),
            lambda x, g: g * x / ((x**2).mean(2, keepdims=True) + 0.01) ** 0.5,
        ),
    },
}
