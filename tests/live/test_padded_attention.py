"""Keras masks queries that are padding, too: nobody reads what attention returns for them."""

import keras
import numpy as np
import pytest
from keras import layers as L
from torch import nn

from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
TOKENS, y = RNG.integers(1, 9, size=(32, 6)), RNG.integers(3, size=32)
TOKENS[np.arange(6) >= RNG.integers(2, 7, size=(32, 1))] = 0


class Averaged(nn.Module):
    """Attention over the real steps, and a mean of them, or of all."""

    def __init__(self, real=True, masked=True):
        super().__init__()
        self.embedding, self.out = nn.Embedding(9, 4), nn.Linear(4, 3)
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
        self.norm = nn.LayerNorm(4, eps=2**-10)
        self.real, self.masked = real, masked

    def forward(self, tokens):
        x, padding = self.embedding(tokens), tokens == 0
        mask = padding if self.masked else None
        x = self.norm(x + self.attention(x, x, x, key_padding_mask=mask, need_weights=False)[0])
        if not self.real:
            return self.out(x.mean(1))
        read = (~padding).to(x.dtype)[..., None]
        return self.out((x * read).sum(1) / read.sum(1))


def in_keras():
    tokens = L.Input((6,))
    x = L.Embedding(9, 4, mask_zero=True)(tokens)
    x = L.Add()([x, L.MultiHeadAttention(1, 4, name="attention")(x, x)])
    x = L.LayerNormalization(epsilon=2**-10)(x)
    model = keras.Model(tokens, L.Dense(3)(L.GlobalAveragePooling1D()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    return Training(model)


def compared(other, **options):
    return diverge(in_keras(), training(other), TOKENS, y, steps=3, batch_size=8, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_attention_returns_for_padding_is_no_difference_where_nobody_reads_it(dtype):
    report = compared(Averaged(), dtype=dtype)
    assert report.levels[1].verdict == "same", str(report)
    assert report.same, str(report)


@pytest.mark.parametrize("other", [Averaged(real=False), Averaged(masked=False)])
def test_padding_that_is_read_differs(other):
    report = compared(other)
    assert report.level == "forward", str(report)
