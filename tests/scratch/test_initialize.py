"""What `initialize` leaves in a layer, whatever was there before."""

import numpy as np
import pytest

from scratch import (
    GRU,
    Bidirectional,
    Embedding,
    GroupNorm,
    LayerNorm,
    RMSNorm,
    SimpleRNN,
    orthogonal,
)

ROUNDING = 1e-12  # sums of at most 4 products of numbers of order 1, each rounded to 1e-16


def initialized(layer):
    """Return the layer, initialized after training has left other numbers in it."""
    for p in layer.params:
        p[...] = 7
    return layer.initialize(np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3)])
def test_orthogonal_weights_are_the_normal_draw_without_a_triangle_of_positive_diagonal(shape):
    W = orthogonal(np.random.default_rng(0), shape)
    assert W.shape == shape
    Q = W.T if shape[0] < shape[1] else W
    assert np.abs(Q.T @ Q - np.eye(min(shape))).max() < ROUNDING
    R = Q.T @ np.random.default_rng(0).standard_normal((max(shape), min(shape)))
    assert np.abs(np.tril(R, -1)).max() < ROUNDING
    assert (np.diag(R) > ROUNDING).all()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (LayerNorm(2, epsilon=0.1), [[1, 1], [0, 0]]),
        (GroupNorm(2, 1, epsilon=0.1), [[1, 1], [0, 0]]),
        (RMSNorm(2, epsilon=0.1), [[1, 1]]),
    ],
    ids=["layer", "group", "rms"],
)
def test_normalizations_start_with_nothing_but_standardizing(layer, expected):
    assert [p.tolist() for p in initialized(layer).params] == expected


def test_biases_of_recurrent_layers_start_at_zero():
    W, U, *biases = initialized(GRU(2, 3)).params
    assert np.unique(W).size == W.size
    assert np.unique(U).size == U.size
    assert not np.any(biases)


def test_both_directions_draw_their_weights_one_after_the_other():
    forwards, backwards = SimpleRNN(2, 2), SimpleRNN(2, 2, reverse=True)
    both = initialized(Bidirectional(forwards, backwards))
    rng = np.random.default_rng(0)
    alone = [*SimpleRNN(2, 2).initialize(rng).params, *SimpleRNN(2, 2).initialize(rng).params]
    assert [p.tolist() for p in both.params] == [p.tolist() for p in alone]


def test_only_a_frozen_row_of_padding_starts_at_zero():
    frozen, trained, neither = (
        initialized(Embedding(3, 2, **options)).params[0]
        for options in ({"padding": 1, "freeze_padding": True}, {"padding": 1}, {})
    )
    assert frozen[1].tolist() == [0, 0]
    assert frozen[::2].tolist() == trained[::2].tolist() == neither[::2].tolist()
    assert trained[1].tolist() == neither[1].tolist()
    assert np.unique(neither).size == neither.size
