"""A recurrent layer of both directions, or of two layers, beside layers or loops for each."""

import keras
import numpy as np
import pytest
import torch
from torch import nn

from frameworks.pytorch.hooks import use_one_bias
from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 6, 3)), RNG.integers(0, 5, 24)
CELLS = {nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}
PACKED, LAYERS, LOOPS = "packed", "layers", "loops"


class Recurrent(nn.Module):
    """Layers of 4 units for each way, written as `how` says; `turned`: backwards first."""

    def __init__(self, kind, how, depth=1, both=True, turned=False, forgets_flip=False):
        super().__init__()
        self.how, self.both, self.depth, self.turned = how, both, depth, turned
        self.forgets_flip = forgets_flip
        width = 8 if both else 4
        if how == PACKED:
            self.rnn = kind(3, 4, depth, batch_first=True, bidirectional=both)
        ways = "ab"[: 1 + both]
        for k in range(depth) if how != PACKED else ():
            for way in reversed(ways) if turned else ways:
                sizes = (width if k else 3, 4)
                part = CELLS[kind](*sizes) if how == LOOPS else kind(*sizes, batch_first=True)
                setattr(self, f"{way}{k}", part)
        self.out = nn.Linear(width, 5)

    def one_way(self, part, x):
        if self.how == LAYERS:
            return part(x)[0]
        state = torch.zeros(len(x), 4, dtype=x.dtype)
        state, steps = (state, state) if isinstance(part, nn.LSTMCell) else state, []
        for step in x.unbind(1):
            state = part(step, state)
            steps.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(steps, 1)

    def backwards(self, part, x):
        found = self.one_way(part, x.flip(1))
        return found if self.forgets_flip else found.flip(1)

    def forward(self, x):
        if self.how == PACKED:
            return self.out(self.rnn(x)[0].mean(1) + self.rnn(x)[0][:, 0])
        for k in range(self.depth):
            last = self.backwards(getattr(self, f"b{k}"), x) if self.both and self.turned else None
            first = self.one_way(getattr(self, f"a{k}"), x)
            if self.both and last is None:
                last = self.backwards(getattr(self, f"b{k}"), x)
            x = torch.cat([first, last], -1) if self.both else first
        return self.out(x.mean(1) + x[:, 0])


def compared(a, b, **options):
    return diverge(a, b, X, Y, **{"steps": 2, "batch_size": 8, **options})


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("how", [LAYERS, LOOPS])
@pytest.mark.parametrize(
    ("depth", "both", "turned"),
    [(1, True, False), (1, True, True), (2, False, False), (2, True, False)],
)
def test_layers_or_loops_for_each_way_are_one_layer_of_both(kind, how, depth, both, turned):
    packed = training(Recurrent(kind, PACKED, depth, both))
    apart = training(Recurrent(kind, how, depth, both, turned))
    for report in (compared(packed, apart), compared(apart, packed)):
        assert report.same, str(report)


@pytest.mark.parametrize("how", [LAYERS, LOOPS])
def test_a_way_that_is_not_turned_back_differs(how):
    packed, apart = Recurrent(nn.GRU, PACKED), Recurrent(nn.GRU, how, forgets_flip=True)
    report = compared(training(packed), training(apart))
    assert not report.same
    assert report.cause is None  # which of the two is to be turned, no number tells


def in_keras(kind):
    layers = keras.layers
    x = layers.Input((6, 3))
    both = layers.Bidirectional(kind(4, return_sequences=True))(x)
    added = layers.Add()([layers.GlobalAveragePooling1D()(both), both[:, 0]])
    model = keras.Model(x, layers.Dense(5)(added))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0625), loss)
    return Training(model)


def test_a_bidirectional_layer_of_keras_is_compared_with_two_loops():
    """Its LSTM has one bias for each way: PyTorch's second ones have to be frozen."""
    rate = {"optimizer": lambda weights: torch.optim.SGD(weights, lr=0.0625)}
    ours, theirs = in_keras(keras.layers.LSTM), Recurrent(nn.LSTM, LOOPS, turned=True)
    report = compared(training(theirs, **rate), ours)
    assert (report.level, "trains both" in report.cause) == ("step", True)
    report = compared(ours, training(use_one_bias(theirs), **rate))
    assert report.same, str(report)
    gru = training(Recurrent(nn.GRU, LOOPS, turned=True), **rate)
    assert compared(in_keras(keras.layers.GRU), gru).same


class LastOfLSTM(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.rnn, self.out = nn.LSTM(3, width, depth, batch_first=True), nn.Linear(width, 5)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def stacked_cells(width, depth):
    x = keras.layers.Input((6, 3))
    cells = [keras.layers.LSTMCell(width) for _ in range(depth)]
    model = keras.Model(x, keras.layers.Dense(5)(keras.layers.RNN(cells)(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0625), loss)
    return Training(model)


@pytest.mark.parametrize(("width", "depth"), [(4, 2), (3, 3)])  # 3: all kernels have one shape
def test_stacked_cells_of_keras_are_compared_with_layers(width, depth):
    rate = {"optimizer": lambda weights: torch.optim.SGD(weights, lr=0.0625)}
    ours = stacked_cells(width, depth)
    theirs = training(use_one_bias(LastOfLSTM(width, depth)), **rate)
    for report in (compared(ours, theirs), compared(theirs, ours)):
        assert report.same, str(report)


def test_a_layer_that_is_forgotten_differs():
    """The recurrent kernel that is left over is no second bias."""
    report = compared(stacked_cells(4, 2), training(LastOfLSTM(4, 1)))
    assert report.level == "forward"
    assert not any("two biases" in note and "kernel" in note for note in report.notes)
