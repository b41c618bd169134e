"""What recurrent layers begin with, and which masks they refuse."""

import numpy as np
import pytest

from scratch import LSTM
from scratch.layers.masking import Mask

ORTHOGONAL = 1e-12  # sums of at most 12 products of numbers up to 1, each rounded to 1e-16


def test_lstm_starts_with_open_forget_gates_and_an_orthogonal_kernel():
    layer = LSTM(2, 3, biases=2).initialize(np.random.default_rng(0))
    W, U, b, other = layer.params
    assert (W != 0).all()
    assert np.abs(U @ U.T - np.eye(3)).max() < ORTHOGONAL
    assert b.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert not other.any()


def test_lstm_without_biases_is_initialized():
    W, U = LSTM(2, 3, biases=0).initialize(np.random.default_rng(0)).params
    assert (W != 0).all()
    assert (U != 0).all()


def test_mask_that_has_seen_no_sequences_is_refused():
    with pytest.raises(ValueError, match=r"mask: expected steps \(1, 2\), got None"):
        LSTM(1, 1, mask=Mask()).forward(np.zeros((1, 2, 1)))


def test_mask_of_sequences_of_another_length_is_refused():
    mask = Mask()
    mask.steps = np.ones((1, 3), bool)
    with pytest.raises(ValueError, match=r"mask: expected steps \(1, 2\), got \(1, 3\)"):
        LSTM(1, 1, mask=mask).forward(np.zeros((1, 2, 1)))
