"""Images that two PyTorch models flatten after functions of their own are flattened alike."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

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


def keras_side():
    layers = keras.layers
    model = keras.Sequential([
        *(keras.Input((8, 8, 3)), layers.Conv2D(4, 3, padding="same"), layers.AveragePooling2D(2)),
        *(layers.ReLU(), layers.Flatten(), layers.Dense(3, name="dense")),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    return Training(model)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("axes", "told"), [((0, 1, 2, 3), False), ((0, 2, 3, 1), False), ((0, 1, 3, 2), True)]
)
def test_of_two_frameworks_an_order_that_is_neither_of_theirs_is_told(axes, told, order):
    other = training(Flattening(lambda h: pooled(h).permute(axes)))
    report = diverge(*[keras_side(), other][::order], X, y, steps=4, batch_size=8)
    assert report.same, str(report)
    assert any("flattened in different orders" in note for note in report.notes) == told


class Joined(nn.Module):
    """Features that are flattened at once or channel by channel, and what reads them."""

    def __init__(self, by_channel, norm=nn.Identity, bias=True, end=nn.Identity):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), norm()
        self.fc, self.end = nn.Linear(64, 3, bias=bias), end()
        self.by_channel = by_channel

    def forward(self, x):
        h = pooled(self.conv(x))
        rows = h.flatten(1)
        if self.by_channel:
            rows = torch.cat([c.flatten(1) for c in h.unbind(1)], 1)
        return self.end(self.fc(self.norm(rows)))


def normalizing(norm, eps=1e-5):
    return {"norm": lambda: norm(64, eps=eps)}


LAYER_NORM, BATCH_NORM = (normalizing(norm) for norm in (nn.LayerNorm, nn.BatchNorm1d))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("own", "slip", "words"),
    [
        (LAYER_NORM, normalizing(nn.LayerNorm, 1e-3), "eps=0.001 in norm"),
        (BATCH_NORM, normalizing(nn.BatchNorm1d, 1e-3), "eps=0.001 in norm"),
        ({}, {"bias": False}, "bias=False in fc"),
        ({}, {"end": nn.Tanh}, "ends in a tanh"),
    ],
)
def test_features_that_are_joined_by_channel_are_no_cause_of_a_slip_behind_them(
    own, slip, words, order
):
    def sides(**other):
        return [Joined(False, **own), Joined(True, **{**own, **other})][::order]

    assert compared(*sides()).same
    report = compared(*sides(**slip))
    assert report.cause is not None, str(report)
    assert words in report.cause


@pytest.mark.parametrize("by_channel", [False, True])
@pytest.mark.parametrize(
    "norm",
    [
        lambda eps: nn.LayerNorm(64, eps, elementwise_affine=False),
        lambda eps: nn.BatchNorm1d(64, eps, affine=False),
        lambda eps: nn.RMSNorm(64, eps, elementwise_affine=False),
    ],
)
def test_a_normalization_without_weights_may_follow_a_flatten(norm, by_channel):
    one, alike, other = (lambda eps=eps: norm(eps) for eps in (0.25, 0.25, 0.5))
    assert compared(Joined(False, one), Joined(by_channel, alike)).same
    report = compared(Joined(False, one), Joined(by_channel, other))
    assert report.place == "norm", str(report)


def test_images_that_are_turned_the_other_way_differ():
    turned_otherwise = Flattening(lambda h: pooled(h).rot90(-1, (2, 3)))
    assert not compared(Flattening(turned), turned_otherwise).same
