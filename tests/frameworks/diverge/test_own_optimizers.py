"""Optimizers of a user's own, whose learning rate has a name of its own, or that have none."""

import numpy as np
import pytest
import torch

from frameworks.diverge import walk
from lockstep import Training, diverge
from scratch import SGD, CategoricalCrossEntropy

from .toy import SPLIT, both_ways, build_scratch, side


class Falling:
    """θ ← θ − 0.125 g, and from step 6 on θ ← θ − r g."""

    def __init__(self, later=0.125):
        self.t, self.later = 0, later

    def step(self, theta, grad):
        self.t += 1
        theta -= (0.125 if self.t < 6 else self.later) * grad


class TorchFalling(torch.optim.Optimizer):
    """The same."""

    def __init__(self, parameters, later=0.125):
        super().__init__(parameters, {})
        self.t, self.later = 0, later

    @torch.no_grad()
    def step(self, closure=None):
        self.t += 1
        for p in self.param_groups[0]["params"]:
            p -= (0.125 if self.t < 6 else self.later) * p.grad


def pair(later):
    def own(parts):
        return parts._replace(optimizer=TorchFalling(parts.network.parameters(), later))

    return side("scratch", lambda p: p._replace(optimizer=Falling())), side("pytorch", own)


def test_equal_optimizers_agree():
    assert not walk(*pair(0.125)).parts


@pytest.mark.parametrize(("later", "step"), [(0.1875, 6), (0.0, 6)])
def test_the_step_is_named_from_which_on_they_differ(later, step):
    for found in both_ways(*pair(later), floor=0):
        (finding,) = found.findings
        assert (finding.level, finding.difference.step) == ("trajectory", step)


def test_two_models_differ_where_one_has_an_optimizer_without_a_rate_in_its_facts():
    parts = build_scratch()
    parts.network.initialize(np.random.default_rng(0))
    ours, theirs = (
        Training(parts.network, loss=CategoricalCrossEntropy(), optimizer=each)
        for each in (SGD(0.125), Falling(0.1875))
    )
    report = diverge(ours, theirs, SPLIT.X_train, SPLIT.y_train, batch_size=8, steps=8)
    assert report.verdict == "part"
