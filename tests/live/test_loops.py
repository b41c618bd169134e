"""A layer that is called step by step is the one that is given all steps at once."""

import numpy as np
import pytest
import torch
from torch import nn

from lockstep import diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(9, size=(24, 7))


class Decoding(nn.Module):
    """An encoder, and a decoder that is given its tokens at once, or one after another."""

    def __init__(self, kind, in_steps=False, rate=0.0):
        super().__init__()
        self.embed, self.head, self.drop = nn.Embedding(9, 4), nn.Linear(5, 9), nn.Dropout(rate)
        self.encoder, self.decoder = (kind(4, 5, batch_first=True) for _ in range(2))
        self.in_steps = in_steps

    def forward(self, tokens):
        tokens = tokens.long()
        state = self.encoder(self.embed(tokens[:, :4]))[1]
        parts = tokens[:, 4:].split(1, dim=1) if self.in_steps else [tokens[:, 4:]]
        found = []
        for part in parts:
            hidden, state = self.decoder(self.drop(self.embed(part)), state)
            found.append(self.head(torch.relu(hidden)))
        return (torch.cat(found, 1) if self.in_steps else found[0]).transpose(1, 2)


def decoded(*sides):
    return diverge(*map(training, sides), TOKENS, TOKENS[:, 4:], steps=3, batch_size=8)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_decoder_that_is_fed_step_by_step_is_the_same_as_one_that_is_fed_at_once(kind, rate):
    whole, steps = Decoding(kind, rate=rate), Decoding(kind, in_steps=True, rate=rate)
    for sides in ((whole, steps), (steps, whole), (steps, steps)):
        report = decoded(*sides)
        assert report.same, str(report)
        assert not any("only" in note for note in report.notes)


def test_what_differs_in_a_loop_is_named():
    whole, steps = Decoding(nn.GRU), Decoding(nn.GRU, in_steps=True)
    steps.drop = nn.Dropout(0.5)
    assert decoded(whole, steps).place == "drop"
    steps.drop = nn.ReLU()
    assert decoded(whole, steps).level == "forward"


class Stepwise(nn.Module):
    """A layer without memory for every step of a sequence, at once or in a loop."""

    def __init__(self, in_steps, times=1):
        super().__init__()
        self.layer, self.out, self.in_steps, self.times = (
            nn.Linear(3, 3),
            nn.Linear(3, 2),
            in_steps,
            times,
        )

    def forward(self, x):
        for _ in range(self.times):
            steps = [torch.tanh(self.layer(x[:, t])) for t in range(4)]
            x = torch.stack(steps, 1) if self.in_steps else torch.tanh(self.layer(x))
        return self.out(x.mean(1))


def test_a_layer_without_memory_may_be_called_step_by_step():
    X, y = RNG.normal(size=(24, 4, 3)), RNG.integers(2, size=24)

    def compared(*sides):
        return diverge(*map(training, sides), X, y, steps=3, batch_size=8)

    assert compared(Stepwise(True), Stepwise(False)).same
    assert compared(Stepwise(False, times=2), Stepwise(True, times=2)).same
    assert not compared(Stepwise(True), Stepwise(False, times=2)).same
    assert not compared(Stepwise(False), Stepwise(False, times=4)).same
