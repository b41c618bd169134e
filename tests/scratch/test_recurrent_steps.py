"""How many steps are computed together on the way back makes no difference to the gradients."""

from functools import partial

import numpy as np
import pytest

from scratch import GRU, LSTM, Adam, Batch, Dense, Mask, MeanSquaredError, Sequential, SimpleRNN
from scratch.compiler import Parts
from scratch.layers import recurrent

from .closeness import assert_close

LIMIT = 1e-13  # sums of 7 steps in another order, rounded to 1e-16
N, T, D, H = 3, 7, 2, 4
LAYERS = {
    "simple": SimpleRNN,
    "lstm": LSTM,
    "gru": GRU,
    "gru, reset before": partial(GRU, reset_after=False),
}


def gradients(make, together, monkeypatch, **options):
    """Return dX, dstart and the gradients of a layer that goes back so many steps at a time."""
    rng = np.random.default_rng(0)
    layer = make(D, H, **options).initialize(rng)
    monkeypatch.setattr(recurrent, "_CACHED", together * N * layer.columns)
    a = layer.forward(rng.normal(size=(N, T, D)))
    return [layer.backward(rng.normal(size=a.shape)), *layer.dstart, *layer.grads]


@pytest.mark.parametrize("together", [0, 1, 3])  # 0: what does not fit is one step at a time
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_are_those_of_all_steps_at_once(kind, masked, together, monkeypatch):
    options = {"return_sequences": masked, "reverse": masked}
    if masked:
        options["mask"] = Mask()
        options["mask"].steps = np.arange(T) < np.array([[T], [2], [5]])
    expected = gradients(LAYERS[kind], T, monkeypatch, **options)
    actual = gradients(LAYERS[kind], together, monkeypatch, **options)
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other, LIMIT)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_step_that_goes_back_in_parts_is_compiled(kind, monkeypatch):
    monkeypatch.setattr(recurrent, "_CACHED", 3 * N * 4 * H)
    network = Sequential(LAYERS[kind](D, H), Dense(H, 1)).initialize(np.random.default_rng(0))
    data = Batch(np.random.default_rng(1).normal(size=(N, T, D)), np.ones((N, 1)))
    assert Parts(network, MeanSquaredError(), Adam()).can_be_compiled(data)
