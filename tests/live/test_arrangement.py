"""How two sides arrange their functions is no cause of what differs behind them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
IMAGES, ROWS, OTHERS = (RNG.normal(size=size) for size in [(16, 3, 8, 8), (16, 6), (16, 6)])
y = RNG.integers(3, size=16)


class Arranged(nn.Module):
    """A network that is written in one of two ways, equal in meaning, with a slip behind it."""

    def __init__(self, other, slip=False):
        super().__init__()
        self.other, self.slip = other, slip
        self.make()

    def forward(self, *inputs):
        h = self.arranged(*inputs)
        return self.out(torch.tanh(h) if self.slip else h)


class Pooled(Arranged):
    def make(self):
        self.conv, self.out = nn.Conv2d(3, 4, 3), nn.Linear(36, 3)

    def arranged(self, x):
        x = self.conv(x)
        z = F.relu(F.max_pool2d(x, 2)) if self.other else F.max_pool2d(F.relu(x), 2)
        return z.flatten(1)


class Towers(Arranged):
    def make(self):
        self.a, self.b, self.out = nn.Linear(6, 4), nn.Linear(6, 5), nn.Linear(9, 3)

    def arranged(self, x):
        parts = [self.a(x), self.b(x)]
        return torch.cat(parts, -1).relu() if self.other else torch.cat([*map(F.relu, parts)], -1)


class Gated(Arranged):
    def make(self):
        self.conv, self.gate, self.out = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Linear(4, 3)

    def arranged(self, x):
        x = self.conv(x)
        gate = torch.sigmoid(self.gate(x.mean((2, 3))))
        if self.other:
            return F.adaptive_avg_pool2d(x, 1).flatten(1) * gate
        return (x * gate[..., None, None]).mean((2, 3))


class Scaled(Arranged):
    def make(self):
        self.a, self.out = nn.Linear(6, 6), nn.Linear(6, 3)

    def arranged(self, x):
        return (x * 2 + self.a(x)) * 0.5 if self.other else x + self.a(x) * 0.5


class Twins(Arranged):
    """The outputs of two inputs, by two calls or by one of both batches."""

    def make(self):
        self.f = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
        self.out = nn.Linear(4, 3)

    def arranged(self, x, z):
        one, two = self.f(torch.cat([x, z])).chunk(2) if self.other else (self.f(x), self.f(z))
        return (one - two).abs()


def compared(kind, other, slip):
    data = {Pooled: IMAGES, Gated: IMAGES, Twins: [ROWS, OTHERS]}.get(kind, ROWS)
    sides = training(kind(other)), training(kind(not other, slip))
    return diverge(*sides, data, y, steps=3, batch_size=8)


@pytest.mark.parametrize("other", [True, False])
@pytest.mark.parametrize("kind", [Pooled, Towers, Gated, Scaled, Twins])
def test_what_is_arranged_otherwise_agrees_and_is_no_cause_of_a_slip_behind_it(kind, other):
    assert compared(kind, other, slip=False).same
    report = compared(kind, other, slip=True)
    assert not report.same
    assert not [each for each in report.causes if "tanh" not in each.sentence], str(report)


class Between(nn.Module):
    """Two layers, and what is written between them."""

    def __init__(self, function):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(36, 3)
        self.function, self.drop = function, nn.Dropout(0.5)

    def forward(self, x):
        return self.out(self.function(self, self.a(x), self.b(x)).flatten(1))


def between(one, other):
    sides = training(Between(one)), training(Between(other))
    return diverge(*sides, IMAGES, y, steps=3, batch_size=8)


def pooled(m, x, z):
    return F.max_pool2d(F.relu(x + z), 2)


def dropped(m, x, z):
    return m.drop(pooled(m, x, z))


def joined(m, x, z):
    return F.max_pool2d(F.relu(x) + F.relu(z), 2)


def halved(m, x, z):
    return F.avg_pool2d(x + z, 2) * 0.5


@pytest.mark.parametrize("other", [True, False])
@pytest.mark.parametrize(
    ("function", "slip"),
    [
        (pooled, lambda m, x, z: F.leaky_relu(F.max_pool2d(x + z, 2), 0.125)),
        (pooled, lambda m, x, z: F.relu(F.max_pool2d(x + z, 3, 2, 1))),
        (dropped, lambda m, x, z: F.elu(m.drop(F.max_pool2d(x + z, 2)))),
        (joined, lambda m, x, z: torch.tanh(F.max_pool2d(x, 2) + F.max_pool2d(z, 2))),
        (halved, lambda m, x, z: F.avg_pool2d((x + z) / 4, 2)),
        (halved, lambda m, x, z: F.avg_pool2d((x + z) * 0.25, 2)),
    ],
)
def test_what_is_arranged_otherwise_is_no_cause_of_a_slip_in_it(function, slip, other):
    report = between(*((slip, function) if other else (function, slip)))
    assert not report.same
    assert report.cause is None, str(report)


class Strided(nn.Module):
    """A convolution of every second place, or of all, of which every second is taken."""

    def __init__(self, stride, start=0):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 4, 2, stride, padding=1), nn.Linear(4, 3)
        self.step, self.start = 2 // stride, start

    def forward(self, x):
        z = self.conv(x)[:, :, self.start :: self.step, self.start :: self.step]
        return self.out(F.relu(z).amax((2, 3)))


def test_a_stride_is_no_cause_where_the_other_side_takes_every_second_place_behind():
    def report(stride, start=0):
        sides = training(Strided(2)), training(Strided(stride, start))
        return diverge(*sides, IMAGES, y, steps=3, batch_size=8)

    assert report(1).same
    assert report(1, start=1).cause is None


class Cropped(nn.Module):
    """A transposed convolution that crops what it returns, or whose output is cropped behind it."""

    def __init__(self, crop):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Linear(3, 3)
        self.up = nn.ConvTranspose2d(4, 3, 4, 2, padding=0 if crop else 1)
        self.crop = crop or slice(None)

    def forward(self, x):
        z = self.up(torch.relu(self.conv(x)))[:, :, self.crop, self.crop]
        return self.out(z.square().flatten(2).amax(2))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("crop", [slice(1, -1), slice(2, None), slice(0, 8)])
def test_a_padding_is_no_cause_where_the_other_side_crops_behind(crop, order):
    sides = [training(Cropped(None)), training(Cropped(crop))][::order]
    report = diverge(*sides, IMAGES, y, steps=3, batch_size=8)
    assert report.same == (crop == slice(1, -1)), str(report)
    assert report.cause is None


class Pools(nn.Module):
    """One pool of four steps, or two pools of two."""

    def __init__(self, widths, before=nn.Identity):
        super().__init__()
        self.first, self.out = nn.Linear(8, 6), nn.Linear(12, 3)
        self.pools = nn.Sequential(*map(nn.AvgPool1d, widths))
        self.before = before()

    def forward(self, x):
        z = self.first(x.mean(1)).transpose(1, 2)
        return self.out(self.pools(self.before(z)).flatten(1))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("before", [nn.Identity, nn.Tanh, nn.ReLU, nn.Sigmoid])
def test_a_pool_in_two_is_no_cause_of_a_function_before_it(before, order):
    sides = [training(Pools([2, 2])), training(Pools([4], before))][::order]
    report = diverge(*sides, IMAGES, y, steps=3, batch_size=8)
    assert report.same == (before is nn.Identity), str(report)
    assert report.cause is None


class Scaled(nn.Module):
    """Rows that are scaled before a normalization, whose ε may make up for that."""

    def __init__(self, factor, eps):
        super().__init__()
        self.first, self.norm, self.out = nn.Linear(6, 5), nn.BatchNorm1d(5, eps), nn.Linear(5, 3)
        self.factor = factor

    def forward(self, x):
        z = self.first(x)
        z = z if self.factor == 1 else self.factor * z
        return self.out(self.norm(z))


@pytest.mark.parametrize("order", [1, -1])
def test_a_factor_is_no_cause_where_the_epsilon_behind_it_differs(order):
    def report(factor, eps):
        sides = [training(Scaled(1, 0.25)), training(Scaled(factor, eps))][::order]
        return diverge(*sides, ROWS, y, steps=1, batch_size=8)

    assert report(3, 1.0).cause is None
    assert "product" in str(report(3, 0.25).cause)


class Dropping(nn.Module):
    """A dropout before a ReLU, or behind it."""

    def __init__(self, after, always=False):
        super().__init__()
        self.a, self.out = nn.Linear(6, 8), nn.Linear(8, 3)
        self.after, self.always = after, always

    def forward(self, x):
        x = F.relu(self.a(x)) if self.after else self.a(x)
        x = F.dropout(x, 0.25, self.training or self.always)
        return self.out(x if self.after else F.relu(x))


@pytest.mark.parametrize("after", [True, False])
def test_the_order_of_a_dropout_is_no_cause_of_one_that_always_drops(after):
    def report(other, always=False):
        sides = training(Dropping(after)), training(Dropping(other, always))
        return diverge(*sides, ROWS, y, steps=3, batch_size=8)

    assert report(not after).same
    assert report(not after, always=True).cause is None
    cause = report(after, always=True).cause
    assert cause is not None
    assert "drops in evaluation mode, too" in cause


class Scores(nn.Module):
    """Queries and keys, and the scale of their products, in one factor or in two."""

    def __init__(self, scale, halves, end=torch.relu):
        super().__init__()
        self.q, self.k, self.out = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(3, 3)
        self.scale, self.halves, self.end = scale, halves, end

    def forward(self, x):
        q, k = self.q(x).unflatten(1, (2, 2)), self.k(x).unflatten(1, (2, 2))
        root = self.scale**0.5
        scores = (q * root) @ (k * root).mT if self.halves else (q * self.scale) @ k.mT
        return self.out(F.pad(self.end(scores).flatten(1)[:, :3], (0, 0)))


@pytest.mark.parametrize("halves", [True, False])
def test_a_factor_that_is_split_is_no_cause_and_one_that_differs_is(halves):
    one = training(Scores(0.25, halves))
    assert diverge(one, training(Scores(0.25, not halves)), ROWS, y, steps=3, batch_size=8).same
    other = training(Scores(0.25, not halves, torch.tanh))
    assert diverge(one, other, ROWS, y, steps=3, batch_size=8).cause is None
    sides = training(Scores(0.25, False)), training(Scores(0.5, False))
    cause = diverge(*sides, ROWS, y, steps=3, batch_size=8).cause
    assert cause is not None
    assert "0.25" in cause


def test_a_pool_before_the_head_is_no_cause_where_the_other_side_has_one_behind():
    class Pooled(nn.Module):
        def __init__(self, before, slip=False):
            super().__init__()
            self.l, self.fc = nn.Linear(6, 6), nn.Linear(6, 3)
            self.before, self.slip = before, slip

        def forward(self, x):
            x = torch.relu(self.l(x))
            x = torch.tanh(x) if self.slip else x
            if self.before:
                return self.fc(F.adaptive_avg_pool1d(x.transpose(1, 2), 1).flatten(1))
            return self.fc(x).mean(1)

    sequences = RNG.normal(size=(16, 6, 6))
    sides = [training(Pooled(True)), training(Pooled(False)), training(Pooled(False, slip=True))]
    assert diverge(*sides[:2], sequences, y, steps=3, batch_size=8).same
    for pair in (sides[::2], sides[::-2]):
        assert diverge(*pair, sequences, y, steps=3, batch_size=8).cause is None


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (lambda m, x, z: F.max_pool2d(F.elu(x + z), 2), "an ELU"),
        (lambda m, x, z: F.max_pool2d(x + z, 2), "ReLU"),
        (lambda m, x, z: F.avg_pool2d(F.relu(x + z), 2), "an average pooling"),
    ],
)
def test_one_function_that_is_another_or_lacking_is_the_cause(slip, words):
    report = between(pooled, slip)
    assert report.cause is not None
    assert words in report.cause


@pytest.mark.parametrize("other", [True, False])
def test_a_bias_that_two_rows_share_may_cancel_to_zero_on_one_side_alone(other):
    def begun(twins):
        nn.init.zeros_(twins.f[2].bias)
        return training(twins)

    sides = begun(Twins(other)), begun(Twins(not other))
    report = diverge(*sides, [ROWS, OTHERS], y, steps=6, batch_size=8)
    assert report.same, str(report)


def test_one_function_more_is_a_cause_where_nothing_else_is_left():
    class Plain(Towers):
        def arranged(self, x):
            z = super().arranged(x)
            return torch.sigmoid(z) if self.slip else z

        def forward(self, x):
            return self.out(self.arranged(x))

    (cause,) = diverge(training(Plain(False)), training(Plain(False, True)), ROWS, y, steps=2,
                       batch_size=8).causes  # fmt: skip
    assert "has a sigmoid before out" in cause.sentence
