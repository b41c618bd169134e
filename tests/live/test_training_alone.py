"""What a PyTorch model runs in training mode alone keeps nothing else from being compared there."""

import numpy as np
import pytest
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(24, 5)), RNG.integers(0, 3, 24)


class DroppingPaths(nn.Module):
    """A residual block whose path is left out for some rows in training, and scaled for others."""

    def __init__(self, rate=0.25, factor=1.0):
        super().__init__()
        self.first, self.norm, self.out = nn.Linear(5, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)
        self.scale, self.rate, self.factor = nn.Parameter(0 * self.first.bias + 2), rate, factor

    def forward(self, x):
        path = self.norm(self.first(x)) * self.scale
        if self.training:
            path = path * path.new_empty(len(x), 1).bernoulli_(1 - self.rate) / (1 - self.rate)
        return self.out((x + path).tanh()) * (self.factor if self.training else 1)


def frozen(model):
    model.norm.eval()
    return training(model)


def slow(model):
    model.norm.momentum = 0.5
    return training(model)


@pytest.mark.parametrize(
    ("other", "level", "cause"),
    [
        (training, "", "None"),
        (frozen, "forward", "normalizes with the running statistics in norm"),
        (slow, "result", "momentum=0.5"),
        (lambda x: training(x, loss=nn.CrossEntropyLoss(label_smoothing=0.1)), "loss", "smoothing"),
    ],
)
def test_layers_are_compared_in_training_mode(other, level, cause):
    sides = training(DroppingPaths()), other(DroppingPaths())
    report = diverge(*sides, X, y, steps=3, batch_size=8)
    assert report.level == level, str(report)
    assert cause in str(report.cause), str(report)


def test_what_training_alone_does_otherwise_is_at_the_forward_level():
    sides = (training(DroppingPaths(factor=factor)) for factor in (1, 1.5))
    report = diverge(*sides, X, y, steps=3, batch_size=8)
    assert (report.level, "training mode" in str(report)) == ("forward", True), str(report)
