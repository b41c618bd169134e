"""A convolution of single positions computes what a dense layer does, and hides no mistake."""

import numpy as np
import torch
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(16, 4, 5, 6)), RNG.integers(0, 3, 16)


class Squeezed(nn.Module):
    """Squeeze and excitation by dense layers, or by convolutions of single positions."""

    def __init__(self, dense, gate=torch.sigmoid):
        super().__init__()
        layer = nn.Linear if dense else lambda *sizes: nn.Conv2d(*sizes, 1)
        self.down, self.up, self.out = layer(4, 2), layer(2, 4), nn.Linear(4, 3)
        self.dense, self.gate = dense, gate

    def forward(self, x):
        z = x.mean((2, 3), keepdim=not self.dense)
        z = self.gate(self.up(torch.relu(self.down(z))))
        if self.dense:
            z = z[:, :, None, None]
        return self.out((x * z).mean((2, 3)))


def report(a, b, rate=0.1):
    def descent(rate):
        return lambda p: torch.optim.Adam(p, lr=rate)

    sides = training(a, optimizer=descent(0.1)), training(b, optimizer=descent(rate))
    return diverge(*sides, X, y, steps=8, batch_size=8)


def test_both_agree_whichever_comes_first():
    for first in (True, False):
        found = report(Squeezed(first), Squeezed(not first))
        assert found.same, str(found)
        assert "up.kernel is taken to correspond to up.kernel, by its shape." in str(found)


def test_what_differs_besides_is_found():
    assert report(Squeezed(True), Squeezed(False, torch.tanh)).level == "forward"
    found = report(Squeezed(True), Squeezed(False), rate=0.2)
    assert (found.level, found.cause) == (
        "step",
        "the first pytorch has lr=0.1, the second pytorch lr=0.2",
    )
