"""A recurrent cell that is called in a loop is the layer that takes all of its steps."""

import keras
import numpy as np
import pytest
from torch import nn

from frameworks.keras.layouts import layout_of
from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 4, 3)), RNG.integers(3, size=16)
CELLS = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}


class Whole(nn.Module):
    """A recurrent layer, and what follows from its last step."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layer, self.out = kind(3, 5, batch_first=True, **options), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.layer(x)[0][:, -1])


class InSteps(nn.Module):
    """Its cell, in a loop, and the same."""

    def __init__(self, kind, *steps):
        super().__init__()
        self.cell, self.out, self.steps = CELLS[kind](3, 5), nn.Linear(5, 3), steps or range(4)

    def forward(self, x):
        state = None
        for step in self.steps:
            state = self.cell(x[:, step], state)
        return self.out(state[0] if isinstance(state, tuple) else state)


def compared(ours, theirs):
    return diverge(training(ours), training(theirs), X, Y, steps=3, batch_size=8)


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_in_a_loop_trains_as_its_layer_in_both_orders(kind):
    for sides in ((Whole(kind), InSteps(kind)), (InSteps(kind), Whole(kind))):
        report = compared(*sides)
        assert report.same, str(report)
        assert not report.settings
        assert not any("only" in note for note in report.notes)


@pytest.mark.parametrize("kind", CELLS)
def test_a_loop_that_leaves_out_a_step_differs_in_the_cell(kind):
    report = compared(InSteps(kind, 1, 2, 3), Whole(kind))
    assert report.place == "cell / layer", str(report)
    assert report.cause is None  # one step does not say what the steps before it were


class Pair(nn.Module):
    """An encoder, and a decoder that goes on from its state with fewer steps; or one of both."""

    def __init__(self, kind, is_shared):
        super().__init__()
        self.encoder, self.out = kind(3, 5), nn.Linear(5, 3)
        self.decoder = self.encoder if is_shared else kind(3, 5)

    def forward(self, x):
        state = None
        for layer, steps in ((self.encoder, 4), (self.decoder, 2)):
            if isinstance(layer, nn.GRU):
                state = layer(x[:, :steps].transpose(0, 1), state)[1]
                continue
            for step in range(steps):
                state = layer(x[:, step], state)
        return self.out(state.reshape(len(x), -1))


@pytest.mark.parametrize("is_shared", [True, False])
def test_each_loop_of_a_cell_is_one_call_of_a_layer(is_shared):
    report = compared(Pair(nn.GRUCell, is_shared), Pair(nn.GRU, is_shared))
    assert report.same, str(report)
    assert not any("correspond" in note or "only" in note for note in report.notes)


def test_a_mapping_means_the_end_of_the_loop():
    sides = training(InSteps(nn.GRU)), training(Whole(nn.GRU))
    assert diverge(*sides, X, Y, steps=1, batch_size=8, mapping={"cell": "layer"}).same


def test_another_activation_of_a_cell_is_a_setting_that_differs():
    bent = InSteps(nn.RNN)
    bent.cell = nn.RNNCell(3, 5, nonlinearity="relu")
    report = compared(bent, Whole(nn.RNN))
    assert [(row.place, row.fact) for row in report.settings] == [("cell / layer", "activation")]


@pytest.mark.parametrize("names", [("tanh", "relu"), ("relu", "tanh")])
def test_another_activation_of_a_layer_is_the_cause(names):
    report = compared(*(Whole(nn.RNN, nonlinearity=name) for name in names))
    ours, theirs = (f"nonlinearity={name!r} in layer" for name in names)
    assert report.cause == f"the first pytorch has {ours}, the second pytorch {theirs}"


@pytest.mark.parametrize("reset_after", [True, False])
def test_cells_of_keras_have_the_canonical_weights_of_their_layer(reset_after):
    cell = keras.layers.GRUCell(5, reset_after=reset_after)
    wrapped = keras.layers.RNN(cell)
    wrapped.build((None, 4, 3))
    b = np.arange(30.0).reshape(2, 15) if reset_after else np.arange(15.0)
    own = [np.zeros((3, 15)), np.zeros((5, 15)), b]
    for layer in (cell, wrapped):
        _, _, *biases = layout_of(layer).to_canonical(own)
        np.testing.assert_array_equal(biases, b if reset_after else [b])
