"""Images that two PyTorch models flatten after functions of their own are flattened alike."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(16, 8, 8, 3)), RNG.integers(3, size=16)


def pooled(h):
    return F.avg_pool2d(h, 2)


def by_windows(h):
    return h.reshape(len(h), 4, 4, 2, 4, 2).mean((3, 5))


def unfolded(h):
    return h.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))


def there_and_back(h):
    return pooled(h).permute(0, 2, 3, 1).permute(0, 3, 1, 2)


def channel_by_channel(h):
    return torch.stack([*pooled(h).unbind(1)], 1)


def normalized(h):
    return F.group_norm(pooled(h), 2)


def normalized_by_hand(h):
    g = pooled(h).reshape(len(h), 2, -1)
    centred = g - g.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    return (centred / (variance + 1e-5).sqrt()).view(len(h), 4, 4, 4)


def turned(h):
    return pooled(h).rot90(1, (2, 3))


def turned_by_hand(h):
    return pooled(h).transpose(2, 3).flip(2)


PAIRS = {
    "windows": (pooled, by_windows),
    "unfold": (pooled, unfolded),
    "permuted": (pooled, there_and_back),
    "channels": (pooled, channel_by_channel),
    "group norm": (normalized, normalized_by_hand),
    "turned": (turned, turned_by_hand),
}


class Flattening(nn.Module):
    def __init__(self, made, last=nn.ReLU):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(64, 3)
        self.made, self.last = made, last()

    def forward(self, x):
        return self.fc(self.last(self.made(self.conv(x))).flatten(1))


def compared(a, b):
    return diverge(training(a), training(b), X, y, steps=4, batch_size=8)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", PAIRS)
def test_what_is_flattened_after_equal_functions_is_the_same(name, order):
    report = compared(*map(Flattening, PAIRS[name][::order]))
    assert report.same, str(report)


@pytest.mark.parametrize("name", PAIRS)
def test_a_function_behind_them_is_still_the_cause_or_none_is(name):
    one, other = PAIRS[name]
    report = compared(Flattening(one), Flattening(other, nn.Tanh))
    assert not report.same
    assert report.cause is None or ("ReLU" in report.cause and "tanh" in report.cause)


ORDER = "images are flattened in different orders: the rows of fc.kernel correspond by what they"


@pytest.mark.parametrize("axes", [(0, 2, 3, 1), (0, 1, 3, 2)])
def test_features_that_one_model_flattens_in_another_order_are_told_by_their_order(axes):
    report = compared(Flattening(pooled), Flattening(lambda h: pooled(h).permute(axes)))
    assert report.same, str(report)
    assert any(note.startswith(ORDER) for note in report.notes)
    assert not any(
        note.startswith(ORDER) for note in compared(*map(Flattening, PAIRS["windows"])).notes
    )


def test_images_that_are_turned_the_other_way_differ():
    turned_otherwise = Flattening(lambda h: pooled(h).rot90(-1, (2, 3)))
    assert not compared(Flattening(turned), turned_otherwise).same
