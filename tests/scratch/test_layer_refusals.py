"""What layers refuse: those of sequences, normalizations, activations; and initial weights."""

import numpy as np
import pytest

from scratch import (
    ELU,
    GRU,
    LSTM,
    Bidirectional,
    Conv1DTranspose,
    Embedding,
    GroupNorm,
    LayerNorm,
    PositionEmbedding,
    RMSNorm,
    SelfAttention,
    SimpleRNN,
    Softplus,
    orthogonal,
)

ONE_WAY = "the first layer must read forwards and the second in reverse"


def both(first, second):
    """Return a bidirectional layer of two that have these options."""
    return Bidirectional(SimpleRNN(1, 1, **first), SimpleRNN(1, 1, **second))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SimpleRNN(0, 1), "d_in must be above 0, got 0"),
        (lambda: LSTM(1, 0), "d_out must be above 0, got 0"),
        (lambda: LSTM(1, 1, biases=3), "biases must be 0, 1 or 2, got 3"),
        (lambda: LSTM(1, 1).start_from(np.ones((1, 1))), "start: expected 2 arrays, got 1"),
        (lambda: GRU(1, 1).start_from(*np.ones((2, 1, 1))), "start: expected 1 arrays, got 2"),
        (lambda: both({}, {}), ONE_WAY),
        (lambda: both({"reverse": True}, {"reverse": True}), ONE_WAY),
        (lambda: both({"reverse": True}, {}), ONE_WAY),
        (
            lambda: both({"return_sequences": True}, {"reverse": True}),
            "both layers must return sequences, or neither",
        ),
        (lambda: Embedding(0, 1), "v must be above 0, got 0"),
        (lambda: Embedding(1, 0), "d must be above 0, got 0"),
        (lambda: Embedding(3, 1, padding=3), "padding must be an index from 0 to 2, got 3"),
        (lambda: Embedding(3, 1, padding=-1), "padding must be an index from 0 to 2, got -1"),
        (lambda: Embedding(3, 1, freeze_padding=True), "freeze_padding needs padding, got None"),
        (lambda: PositionEmbedding(0, 1), "t must be above 0, got 0"),
        (lambda: PositionEmbedding(1, 0), "d must be above 0, got 0"),
        (lambda: SelfAttention(0), "d must be above 0, got 0"),
        (lambda: SelfAttention(4, heads=0), "heads must be above 0, got 0"),
        (lambda: SelfAttention(4, heads=3), "heads must divide d = 4, got 3"),
        (lambda: LayerNorm(0, epsilon=0.1), "d must be above 0, got 0"),
        (lambda: LayerNorm(1, epsilon=-0.1), "epsilon must be at least 0, got -0.1"),
        (lambda: RMSNorm(0, epsilon=0.1), "d must be above 0, got 0"),
        (lambda: RMSNorm(1, epsilon=-0.1), "epsilon must be at least 0, got -0.1"),
        (lambda: GroupNorm(0, 1, epsilon=0.1), "d must be above 0, got 0"),
        (lambda: GroupNorm(4, 0, epsilon=0.1), "groups must be above 0, got 0"),
        (lambda: GroupNorm(4, 3, epsilon=0.1), "groups must divide d = 4, got 3"),
        (lambda: GroupNorm(4, 2, epsilon=-0.1), "epsilon must be at least 0, got -0.1"),
        (lambda: Softplus(0), "threshold must be above 0, got 0"),
        (lambda: ELU(-1), "alpha must be at least 0, got -1"),
        (lambda: Conv1DTranspose(1, 1, 2, stride=0), "stride must be above 0, got 0"),
        (lambda: Conv1DTranspose(1, 1, 2, dilation=0), "dilation must be above 0, got 0"),
        (
            lambda: orthogonal(np.random.default_rng(0), (2, 2, 2)),
            r"shape must have two axes, got \(2, 2, 2\)",
        ),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()
