"""Trainings that amplify rounding are judged by their own noise, which excuses no fault."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from frameworks.live.judging import Judge, Judged
from frameworks.live.levels import limits_of
from frameworks.live.noise import Noise
from frameworks.recordings.trace import Facts
from lockstep import diverge

from .hand_made import pair_of, steps_trace
from .modules import training

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(16, 6)), RNG.normal(size=(16, 1))


class Steep(nn.Module):
    """A network in which a small change grows from step to step."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.first, self.out = nn.Linear(6, 16), nn.Linear(16, 1)

    def forward(self, x):
        return self.out(torch.sin(self.factor * self.first(x)))


def squares(output, y):
    """Return the mean squared error, rounded otherwise than PyTorch's."""
    return (((output - y) / len(y) ** 0.5) ** 2).sum()


def descent(rate):
    return lambda p: torch.optim.SGD(p, lr=rate)


def steep(loss, rate=0.25, factor=6):
    torch.manual_seed(0)
    return training(Steep(factor), loss=loss, optimizer=descent(rate))


def both(factor, steps):
    sides = [steep(loss, factor=factor) for loss in (nn.MSELoss(), squares)]
    return diverge(*sides, X, Y, steps=steps, batch_size=7)


def test_a_training_that_amplifies_rounding_is_the_same_within_its_own_noise():
    report = both(factor=4, steps=50)
    result = report.levels[-1].worst
    assert result.error > 1e-9  # the fixed limit, which rounding alone exceeds here
    assert result.limit < 1e-3  # and which the measured one does not exceed by far
    assert report.same, str(report)
    assert any("the training amplifies rounding" in note for note in report.notes)


def test_what_rounding_alone_moves_by_a_thousandth_is_not_judged_and_that_is_said():
    report = both(factor=6, steps=60)
    assert [level.verdict for level in report.levels[-2:]] == ["measured", "measured"]
    assert any("on rounding alone moves the loss" in note for note in report.notes)
    assert str(report).endswith("agree, as far as they were judged.")


def test_a_fault_in_a_steep_training_is_not_excused_by_its_noise():
    faulty = steep(squares, rate=0.25 * (1 + 1e-9))
    report = diverge(steep(nn.MSELoss()), faulty, X, Y, steps=20, batch_size=7)
    assert report.level in ("step", "trajectory"), str(report)


def test_a_fault_in_a_calm_training_is_said_not_to_be_rounding():
    calm = [training(nn.Linear(6, 1), loss=nn.MSELoss(), optimizer=descent(2**-6))
            for _ in range(2)]  # fmt: skip
    later = torch.optim.lr_scheduler.LambdaLR(calm[1].optimizer, lambda k: 1 + 1e-9 * (k > 2))
    report = diverge(calm[0], replace(calm[1], scheduler=later), X, Y, steps=40, batch_size=8)
    assert report.level == "trajectory", str(report)
    assert any("this is not rounding" in note for note in report.notes)


def test_what_is_ignored_leaves_the_measured_limits_of_the_rest_as_they_are():
    sides = [steep(loss, factor=2) for loss in (nn.MSELoss(), squares)]
    options = {"steps": 20, "batch_size": 7, "dtype": "float32", "ignore": ["out.bias"]}
    report = diverge(*sides, X, Y, **options)
    assert report.same, str(report)
    assert report.levels[-1].worst.limit > 1e-7  # measured: 16 units of float32 and more


def test_in_float32_a_weight_that_only_rounding_moves_on_the_measured_side_is_not_judged():
    """Its gradient is below the share that is taken for rounding there, and above on the other."""
    start, kernel = [np.float32([1.0]), np.float32([0.0])], np.float32([6.0])
    a, b = (
        replace(
            steps_trace("pytorch", [Facts("sgd")], start, [[kernel, tiny]] * 2, taken),
            dtype="float32",
        )
        for tiny, taken in (
            (np.float32([5e-11]), [[np.float32([0.5]), np.float32([1e-12])]] * 2),
            (np.float32([8e-11]), [[np.float32([0.5]), np.float32([6e-12])]] * 2),
        )
    )
    measured = {("weight", 0, 2): 1e-6}
    judge = Judge(pair_of(a, b), limits_of(None), noise=lambda carried: Noise(measured, 4))
    found = judge._with_noise(Judged(), judge._compare("trajectory"))
    assert [x.found.limit for x in found if x.key[0] == "weight"] == [1e-6, None]
