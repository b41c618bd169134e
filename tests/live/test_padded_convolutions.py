"""A convolution that pads, beside one that is given padded rows: as a layer, and as a function."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(16, 3, 10)), RNG.integers(0, 3, 16)


class Convolving(nn.Module):
    def __init__(self, called, before=None, padding=0, stride=1):
        super().__init__()
        self.conv, self.out = nn.Conv1d(3, 4, 3, stride, padding), nn.Linear(4, 3)
        self.called, self.before = called, before

    def forward(self, x):
        conv = self.conv
        x = F.pad(x, self.before) if self.before else x
        if self.called == "function":
            z = F.conv1d(x, conv.weight, conv.bias, stride=conv.stride, padding=conv.padding)
        else:
            z = conv(x)
        return self.out(torch.relu(z).mean(2))


CASES = {
    "the same": ({"padding": 1}, None),
    "another padding": ({"padding": 2}, "{a} has padding=(0,) after a pad by (1, 1) in conv; {b} "
                                        "padding=(2,) in conv"),
    "another stride": ({"padding": 1, "stride": 2}, "{a} has stride=(1,) in conv; {b} stride=(2,) "
                                                    "in conv"),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("called", ["layer", "function"])
@pytest.mark.parametrize("case", CASES)
def test_only_what_differs_is_the_cause(case, called, order):
    options, cause = CASES[case]
    sides = [Convolving("layer", before=(1, 1)), Convolving(called, **options)][::order]
    report = diverge(*map(training, sides), X, y, steps=3, batch_size=8)
    assert report.same == (cause is None), str(report)
    if cause is not None:
        said = str(report.cause).replace("in convolution", "in conv")
        names = {"a": "the first pytorch", "b": "the second pytorch"}
        first, _, second = cause.partition("; ")
        if order == 1:
            assert said == cause.format(**names)
        else:
            turned = second.replace("{b} ", "{a} has ") + "; " + first.replace("{a} has ", "{b} ")
            assert said == turned.format(**names)


class Causal(nn.Module):
    """A convolution with weight norm, padded before or cropped behind so as to be causal."""

    def __init__(self, before=None):
        super().__init__()
        self.before = before
        conv = nn.Conv1d(3, 4, 3, padding=0 if before else 2)
        self.conv, self.out = nn.utils.parametrizations.weight_norm(conv), nn.Linear(4, 3)

    def forward(self, x):
        z = self.conv(F.pad(x, self.before)) if self.before else self.conv(x)[:, :, :-2]
        return self.out(torch.relu(z)[:, :, -1])


@pytest.mark.parametrize("before", [(2, 0), (0, 2), (1, 1)])
def test_one_whose_weights_are_computed_may_be_padded_before(before):
    for sides in ((Causal(), Causal(before)), (Causal(before), Causal())):
        report = diverge(*map(training, sides), X, y, steps=3, batch_size=8)
        assert report.same == (before == (2, 0)), str(report)
        assert report.cause is None
