"""A layer may be called for each step, or once for all: what is made of them is compared."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from frameworks import Parts, Spec
from frameworks.blueprint import Blueprint
from frameworks.diverge import Side, Split, walk
from frameworks.pytorch.hooks import use_one_bias
from scratch import SGD, CategoricalCrossEntropy, Dense, Reshape, Sequential, SimpleRNN

STEPS, FEATURES, HIDDEN = 4, 2, 3
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, STEPS * FEATURES)), RNG.integers(0, 3, 40)
SPLIT = Split(X[:30], Y[:30], X[30:], Y[30:], np.arange(3), "made-up", "stand-in")


@dataclass(frozen=True)
class Numbers(Spec):
    inputs: int = STEPS * FEATURES
    outputs: int = 3
    epochs: int = 2
    batch_size: int = 10


def draw(spec, rng):
    sizes = (FEATURES, HIDDEN), (HIDDEN, HIDDEN), HIDDEN, (HIDDEN, 3), 3
    return [rng.normal(size=size) for size in sizes]


def build_scratch(spec=Numbers()):
    network = Sequential(Reshape(STEPS, FEATURES), SimpleRNN(FEATURES, HIDDEN), Dense(HIDDEN, 3))
    return Parts(network, CategoricalCrossEntropy(), SGD(learning_rate=0.125), draw)


class Loop(nn.Module):
    """A recurrent layer, or a cell, that is called for every step."""

    def __init__(self, cell, activation=None):
        super().__init__()
        kind = nn.RNNCell if cell else nn.RNN
        self.layer = kind(FEATURES, HIDDEN, **({} if cell else {"batch_first": True}))
        self.cell, self.activation = cell, activation

    def forward(self, x):
        h = x.new_zeros(len(x), HIDDEN)
        for t in range(STEPS):
            h = self.layer(x[:, t], h) if self.cell else self.layer(x[:, t : t + 1], h[None])[1][0]
        return h if self.activation is None else self.activation(h)


def compared(*arguments):
    def build_pytorch(spec=Numbers()):
        network = nn.Sequential(
            nn.Unflatten(1, (STEPS, FEATURES)), Loop(*arguments), nn.Linear(HIDDEN, 3)
        )
        use_one_bias(network)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.125)
        return Parts(network, nn.CrossEntropyLoss(), optimizer, draw)

    blueprint = Blueprint("toy", Numbers(), {"scratch": build_scratch, "pytorch": build_pytorch})
    return walk(*(Side(blueprint, name, SPLIT) for name in ("scratch", "pytorch")))


@pytest.mark.parametrize("cell", [True, False])
def test_a_layer_that_is_called_for_each_step_is_compared_by_what_follows(cell):
    done = compared(cell)
    assert not done.findings, done.findings
    assert "layer 1 (simple rnn) is compared only through the layers after it" in done.notes


@pytest.mark.parametrize("cell", [True, False])
def test_what_differs_in_it_is_found_after_it(cell):
    (found,) = compared(cell, torch.relu).findings
    assert (found.level, found.difference.where) == ("forward", "the input of layer 2 (dense)")
