"""Branches, towers and shortcuts correspond by what they compute, whichever of them runs first."""

from itertools import cycle, permutations

import keras
import numpy as np
import pytest
import torch
from torch import nn

from lockstep import Training, diverge, record

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 6)), RNG.integers(3, size=24)
IMAGES = RNG.normal(size=(24, 3, 8, 8))


def compared(ours, theirs, rows=X, **options):
    sides = (each if isinstance(each, Training) else training(each) for each in (ours, theirs))
    return diverge(*sides, rows, Y, steps=3, batch_size=8, **options)


class Branches(nn.Module):
    """Parts of one or several inputs that run in some order, and what is made of them together."""

    def __init__(self, parts, order=None, join=lambda *parts: torch.cat(parts, 1), width=16):
        super().__init__()
        self.parts, self.join = nn.ModuleDict(parts), join
        self.order, self.out = order or list(parts), nn.Linear(width, 3)
        for parameter in self.parameters():
            nn.init.normal_(parameter)

    def forward(self, *inputs):
        read = dict(zip(self.parts, cycle(inputs), strict=False))
        found = {name: self.parts[name](read[name]) for name in self.order}
        return self.out(self.join(*(found[name] for name in self.parts)))


def residual(*names):
    main = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8))  # fmt: skip
    return {names[0]: main, names[1]: nn.Sequential(nn.Conv2d(3, 8, 1, 2), nn.BatchNorm2d(8))}


def added(x, y):
    return torch.relu(x + y).mean((2, 3))


def test_a_shortcut_may_run_before_the_main_path_or_after_it():
    first = Branches(residual("main", "short"), join=added, width=8)
    last = Branches(residual("conv", "down"), ["down", "conv"], added, width=8)
    report = compared(first, last, IMAGES)
    assert report.same, str(report)
    last.parts["down"][1].eps = 1e-3
    report = compared(first, last, IMAGES)
    assert report.place == "parts.short.1 / parts.down.1"
    assert "eps=0.001" in report.cause


def towers(*names, rate):
    return {
        name: nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(), nn.Dropout(rate), nn.Linear(8, 8), nn.Tanh()
        )
        for name in names
    }


@pytest.mark.parametrize("names", [("a", "b"), ("left", "right")])
def test_towers_take_their_own_masks_in_whatever_order_they_run(names):
    other = RNG.normal(size=X.shape)
    ours = Branches(towers("a", "b", rate=0.25))
    theirs = Branches(towers(*names, rate=0.25), names[::-1])
    assert compared(ours, theirs, [X, other]).same
    theirs.parts[names[0]][2].p = 0.5
    report = compared(ours, theirs, [X, other])
    assert [row.name for row in report.settings] == ["dropout rate"]
    assert "p=0.25 in parts.a.2" in report.cause


def inception(*names):
    parts = (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(3, 4, 1), nn.ReLU()),
    )
    return dict(zip(names, parts, strict=True))


@pytest.mark.parametrize("order", [*permutations("xyz")])
def test_an_inception_block_may_run_its_branches_in_any_order(order):
    def joined(*parts):
        return torch.cat(parts, 1).mean((2, 3))

    ours = Branches(inception(*"abc"), join=joined, width=12)
    report = compared(ours, Branches(inception(*"xyz"), order, joined, width=12), IMAGES)
    assert report.same, str(report)


def gated(*names):
    return {name: nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 8)) for name in names}


def by_gate(value, gate):
    return value * torch.sigmoid(gate)


def test_branches_of_one_input_are_told_apart_by_what_follows_from_them():
    ours = Branches(gated("value", "gate"), join=by_gate, width=8)
    theirs = Branches(gated("u", "w"), ["w", "u"], by_gate, width=8)
    for sides in ((ours, theirs), (theirs, ours)):
        report = compared(*sides)
        assert report.same, str(report)
        assert not any("order" in note for note in report.notes)


@pytest.mark.parametrize("recorded", [False, True])
def test_branches_that_keep_their_own_weights_go_with_those_of_equal_ones(recorded, tmp_path):
    ours = Branches(gated("value", "gate"), join=by_gate, width=8)
    theirs = Branches(gated("u", "w"), ["w", "u"], by_gate, width=8)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    if not recorded:
        assert compared(ours, theirs, weights=None).same
        return
    paths = [tmp_path / "ours", tmp_path / "theirs"]
    for side, path in zip((ours, theirs), paths, strict=True):
        record(training(side), X, Y, path=path, steps=3, batch_size=8)
    report = diverge(*paths)
    assert report.same, str(report)


def test_no_cause_is_named_where_it_may_follow_from_a_guess():
    ours = Branches(gated("value", "gate"), join=by_gate, width=8)

    def by_sum(u, w):  # of which it may be said that a sum comes before the sigmoid
        return torch.cat([u, w], 1)[:, :8] * torch.sigmoid(u + w)

    report = compared(ours, Branches(gated("u", "w"), ["w", "u"], by_sum, width=8))
    assert report.level == "forward"
    assert report.cause is None
    assert any("read the same numbers" in note for note in report.notes)


@pytest.mark.parametrize("is_gate_first", [True, False])
@pytest.mark.parametrize("as_layer", [True, False])
def test_keras_runs_branches_by_depth_and_pytorch_as_they_are_written(is_gate_first, as_layer):
    inputs = keras.Input((6,))
    value = keras.layers.Dense(8)(inputs)
    if as_layer:
        gate = keras.layers.Activation("sigmoid")(keras.layers.Dense(8)(inputs))
    else:
        gate = keras.layers.Dense(8, activation="sigmoid")(inputs)
    wide = keras.layers.Dropout(0.5)(keras.layers.Multiply()([value, gate]))
    deep = keras.layers.Dropout(0.25)(inputs)
    outputs = keras.layers.Dense(3)(keras.layers.Concatenate()([wide, deep]))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.125),
                  keras.losses.SparseCategoricalCrossentropy(from_logits=True))  # fmt: skip

    class Port(nn.Module):
        def __init__(self):
            super().__init__()
            self.value, self.gate, self.out = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(14, 3)
            self.wide, self.deep = nn.Dropout(0.5), nn.Dropout(0.25)

        def forward(self, x):
            deep = self.deep(x)
            if is_gate_first:
                gate = torch.sigmoid(self.gate(x))
                value = self.value(x)
            else:
                value, gate = self.value(x), torch.sigmoid(self.gate(x))
            return self.out(torch.cat([self.wide(value * gate), deep], 1))

    port = Port()
    optimizer = torch.optim.SGD(port.parameters(), lr=0.125)
    report = compared(Training(model), Training(port, nn.CrossEntropyLoss(), optimizer))
    assert report.same, str(report)


class Heads(nn.Module):
    """Mean and logarithm of the variance of a code, and what is decoded of it with given noise."""

    def __init__(self, mean, log_variance, is_mean_first):
        super().__init__()
        self.heads, self.out = nn.ModuleDict(), nn.Linear(2, 3)
        self.names, self.is_mean_first = (mean, log_variance), is_mean_first
        for name in self.names:
            self.heads[name] = nn.Linear(6, 2)

    def forward(self, x, noise):
        order = self.names if self.is_mean_first else self.names[::-1]
        found = {name: self.heads[name](x) for name in order}
        mean, log_variance = map(found.get, self.names)
        return self.out(mean + torch.exp(log_variance / 2) * noise)


def test_a_mean_and_a_variance_are_told_apart_without_names_in_common():
    noise = RNG.normal(size=(24, 2))
    report = compared(Heads("m", "v", True), Heads("loc", "scale", False), [X, noise])
    assert report.same, str(report)


class Attending(nn.Module):
    """Two blocks of attention of one row's parts, of a framework's layer or of single layers."""

    def __init__(self, is_whole, is_second_first=False):
        super().__init__()
        self.first, self.second = (nn.MultiheadAttention(4, 1, batch_first=True) if is_whole
                                   else Written() for _ in range(2))  # fmt: skip
        self.is_second_first, self.out = is_second_first, nn.Linear(4, 3)

    def forward(self, x):
        x = x.reshape(len(x), 3, 4)
        both = {}
        for k in (1, 0) if self.is_second_first else (0, 1):
            part, read = ((self.first, x), (self.second, torch.tanh(x)))[k]
            both[k] = part(read, read, read)
        first, second = (
            each[0] if isinstance(each, tuple) else each for each in map(both.get, (0, 1))
        )
        return self.out((first - 2 * second).mean(1))


class Written(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(4, 4) for _ in range(4))

    def forward(self, q, k, v):
        q, k, v = self.q_proj(q), self.k_proj(k), self.v_proj(v)
        return self.out_proj(torch.softmax(q @ k.transpose(1, 2) / 2, -1) @ v)


def test_layers_of_attention_correspond_to_whole_ones_by_what_they_read():
    rows = RNG.normal(size=(24, 12))
    for other in (Attending(False), Attending(False, is_second_first=True)):
        report = compared(Attending(True), other, rows)
        assert report.same, str(report)


def of_depth(*depths):
    """Return branches of one width and of several depths."""

    def branch(depth):
        layers = [layer for _ in range(depth) for layer in (nn.Linear(6, 6), nn.ReLU())]
        return nn.Sequential(*layers[:-1])

    return [branch(depth) for depth in depths]


@pytest.mark.parametrize("order", [*permutations("xyz")])
def test_branches_of_one_width_and_unequal_depth_may_run_in_any_order(order):
    ours = Branches(dict(zip("abc", of_depth(1, 2, 2), strict=True)), width=18)
    theirs = Branches(dict(zip("xyz", of_depth(1, 2, 2), strict=True)), order, width=18)
    report = compared(ours, theirs)
    assert report.same, str(report)


@pytest.mark.parametrize("names", ["abc", "xyz"])
@pytest.mark.parametrize("order", [(0, 2, 1), (1, 2, 0), (2, 1, 0)])
def test_equal_weights_of_one_seed_do_not_tell_what_corresponds(names, order):
    class Seeded(nn.Module):
        def __init__(self, names, order):
            super().__init__()
            torch.manual_seed(0)
            self.parts = nn.ModuleDict()
            for k in order:
                parts = [(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU()) for _ in range(k + 1)]
                self.parts[names[k]] = nn.Sequential(*(layer for part in parts for layer in part))
            self.names, self.out = names, nn.Linear(18, 3)

        def forward(self, x):
            found = {name: part(x) for name, part in self.parts.items()}
            return self.out(torch.cat([found[name] for name in self.names], 1))

    report = compared(Seeded("abc", (0, 1, 2)), Seeded(names, order))
    assert report.same, str(report)


@pytest.mark.parametrize("names", ["ab", "xy"])
def test_branches_of_layers_that_are_called_again_go_together(names):
    class Repeated(nn.Module):
        def __init__(self, names, is_gate_first):
            super().__init__()
            self.parts = nn.ModuleDict({name: nn.Linear(6, 6) for name in names})
            self.order, self.names = names[:: -1 if is_gate_first else 1], names
            self.out = nn.Linear(6, 3)

        def forward(self, x):
            for _ in range(3):
                found = {name: self.parts[name](x) for name in self.order}
                value, gate = map(found.get, self.names)
                x = value * torch.sigmoid(gate)
            return self.out(x)

    report = compared(Repeated("ab", False), Repeated(names, True))
    assert report.same, str(report)
    assert not any("correspond" in note for note in report.notes)


@pytest.mark.parametrize("order", [(1, 2, 0, 4, 3), (4, 3, 2, 1, 0)])
def test_many_experts_are_told_apart_by_their_weights(order):
    class Mixture(nn.Module):
        def __init__(self, name, order):
            super().__init__()
            for k in range(5):
                self.add_module(f"{name}{k}", nn.Linear(6, 6))
            self.name, self.order = name, order
            self.mixing, self.out = nn.Linear(6, 5), nn.Linear(6, 3)

        def forward(self, x):
            shares = torch.softmax(self.mixing(x), 1)
            found = {k: getattr(self, f"{self.name}{k}")(x) for k in self.order}
            return self.out(sum(shares[:, k : k + 1] * found[k] for k in range(5)))

    report = compared(Mixture("e", range(5)), Mixture("part", order))
    assert report.same, str(report)


def test_dropouts_of_one_array_are_told_apart_by_what_learns_from_them():
    def parts(*names):
        return {name: nn.Sequential(nn.Dropout(0.5), nn.Tanh(), nn.Linear(6, 8)) for name in names}

    ours, theirs = Branches(parts("a", "b")), Branches(parts("x", "y"), ["y", "x"])
    report = compared(ours, theirs)
    assert report.same, str(report)


class Gate(nn.Module):
    """A gate of two convolutions, as in WaveNet, padded inside of them or before each."""

    def __init__(self, names, inside, first="value"):
        super().__init__()
        self.inside, self.first, self.names = (
            inside,
            first,
            dict(zip(("value", "gate"), names, strict=True)),
        )
        for name in names if first == "value" else names[::-1]:
            self.add_module(name, nn.Conv1d(4, 8, 3, padding=int(inside)))
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        def run(part):
            own = getattr(self, self.names[part])
            z = own(x if self.inside else nn.functional.pad(x, (1, 1)))
            return torch.tanh(z) if part == "value" else torch.sigmoid(z)

        made = {self.first: run(self.first)}
        both = {part: made[part] if part in made else run(part) for part in ("value", "gate")}
        return self.out((both["value"] * both["gate"]).mean(2))


@pytest.mark.parametrize("first", ["value", "gate"])
def test_branches_that_are_given_one_input_in_another_form_are_told_apart(first):
    sequences = RNG.normal(size=(24, 4, 6))
    ours, theirs = Gate(("value", "gate"), inside=True), Gate(("u", "w"), False, first)
    for sides in ((ours, theirs), (theirs, ours)):
        report = diverge(*map(training, sides), sequences, Y[:24], steps=3, batch_size=8)
        assert report.same, str(report)
        assert not any("order" in note for note in report.notes)


def test_no_cause_is_named_where_weights_correspond_by_their_order_alone():
    class Points(nn.Module):
        """Dense layers, or convolutions of single positions, whose weights alone correspond."""

        def __init__(self, names, dense):
            super().__init__()
            self.names, self.dense, self.out = names, dense, nn.Linear(8, 3)
            for name in names:
                self.add_module(name, nn.Linear(4, 8) if dense else nn.Conv1d(4, 8, 1))

        def forward(self, x):
            def run(name):
                own = getattr(self, name)
                return own(x) if self.dense else own(x.mT).mT

            functions = (torch.tanh, torch.sigmoid)[:: 1 if self.dense else -1]
            a, b = (f(run(name)) for f, name in zip(functions, self.names, strict=True))
            return self.out((a * b).mean(1))

    sides = map(training, (Points(("g", "h"), True), Points(("u", "v"), False)))
    report = diverge(*sides, RNG.normal(size=(24, 6, 4)), Y[:24], steps=3, batch_size=8)
    assert (report.level, report.cause) == ("forward", None), str(report)
    assert any("weights of equal shapes" in note for note in report.notes)


class Siamese(nn.Module):
    """One encoder for two inputs; in some order, or for both in one batch."""

    def __init__(self, order):
        super().__init__()
        self.order = order
        self.encode = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))

    def forward(self, x, z):
        if self.order == "at once":
            p, q = self.encode(torch.cat([x, z])).chunk(2)
        elif self.order == "second first":
            q, p = self.encode(z), self.encode(x)
        else:
            p, q = self.encode(x), self.encode(z)
        return ((p - q) ** 2).sum(1, keepdim=True).sqrt()


def contrastive(margin):
    def loss(distance, same):
        return (same * distance**2 + (1 - same) * torch.relu(margin - distance) ** 2).mean()

    return loss


@pytest.mark.parametrize("order", ["second first", "at once"])
def test_which_input_an_encoder_reads_first_hides_no_other_difference(order):
    pairs, same = [X, RNG.normal(size=X.shape)], RNG.integers(0, 2, size=(24, 1)).astype(float)

    def side(order, margin=1.0):
        model = Siamese(order)
        return Training(model, contrastive(margin), torch.optim.SGD(model.parameters(), lr=0.125))

    for a, b in (("first first", order), (order, "first first")):
        options = {"steps": 3, "batch_size": 8}
        assert diverge(side(a), side(b), pairs, same, **options).same
        report = diverge(side(a), side(b, 2.0), pairs, same, **options)
        assert (report.level, report.cause) == ("loss", None)
