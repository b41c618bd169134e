"""A step of one's own acts on copies, begins anew in every training, and leaves all as it is."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from lockstep import diverge, record

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


def stepped(model, optimizer, loss, X, y, rate=0.1):
    optimizer.param_groups[0]["lr"] = rate
    optimizer.zero_grad()
    value = loss(model(X), y)
    value.backward()
    optimizer.step()
    return value


def by_a_list(k):
    n = [0]

    def step(*handed):
        n[0] += 1
        return stepped(*handed, rate=0.1 / (1 + n[0] // k))

    return step, lambda: n[0]


def by_a_variable_of_two_functions(k):
    n = 0

    def count():
        nonlocal n
        n += 1

    def step(*handed):
        count()
        return stepped(*handed, rate=0.1 / (1 + n // k))

    return step, lambda: n


NUMBER, COUNTED = 0, {"n": 0}


def count_globally():
    global NUMBER
    NUMBER += 1


def by_global_names(k):
    def step(*handed):
        count_globally()
        COUNTED["n"] += 1
        return stepped(*handed, rate=0.1 / (1 + (NUMBER + COUNTED["n"]) // (2 * k)))

    return step, lambda: NUMBER + COUNTED["n"]


class Counting:
    """Holds something that cannot be copied, too."""

    def __init__(self, k):
        self.k, self.n, self.rows = k, 0, iter(i for i in range(3))

    @torch.enable_grad()
    def step(self, *handed):
        self.n += 1
        return stepped(*handed, rate=0.1 / (1 + self.n // self.k))

    __call__ = step


def by_an_object(k):
    one = Counting(k)
    return one, lambda: one.n


def by_a_method(k):
    one = Counting(k)
    return one.step, lambda: one.n


def by_averages(k):
    means = {}

    @torch.no_grad()
    def step(model, *handed):
        with torch.enable_grad():
            value = stepped(model, *handed)
        for name, p in model.named_parameters():
            means.setdefault(name, p.clone()).lerp_(p, 1 / k)
            p.lerp_(means[name], 0.5)
        return value

    return step, lambda: len(means)


def side(step):
    return training(nn.Linear(6, 3), step=step)


@pytest.mark.parametrize(
    "make",
    [by_a_list, by_a_variable_of_two_functions, by_global_names, by_an_object, by_a_method,
     by_averages],
)  # fmt: skip
def test_a_step_begins_anew_in_every_training(make):
    (step, counted), (equal, _), (other, _) = make(3), make(3), make(4)
    one = side(step)
    for _ in range(2):
        assert diverge(one, side(equal), X, y, steps=8, batch_size=16).same
    report = diverge(one, side(other), X, y, steps=8, batch_size=16)
    assert report.level == "trajectory", str(report)
    assert counted() == 0


def test_two_recordings_of_one_training_are_equal(tmp_path):
    one = side(by_a_list(3)[0])
    for name in ("a", "b"):
        record(one, X, y, path=tmp_path / name, steps=8, batch_size=16)
    assert diverge(tmp_path / "a", tmp_path / "b").same
    assert diverge(tmp_path / "a", one, X, y).same


def clamping(model, limit, net, optimizer, loss, X, y):
    """Take a step that clamps the weights of a model that is known beforehand."""
    value = stepped(net, optimizer, loss, X, y)
    with torch.no_grad():
        for p in model.parameters():
            p.clamp_(-limit, limit)
    return value


class Clamped:
    def __init__(self, model, limit):
        self.held, self.limit = {"a": {"model": model}}, limit

    def __call__(self, *handed):
        return clamping(self.held["a"]["model"], self.limit, *handed)


def by_a_default(known, limit):
    def step(net, optimizer, loss, X, y, model=known):
        return clamping(model, limit, net, optimizer, loss, X, y)

    return step


def by_a_named_default(known, limit):
    def step(net, optimizer, loss, X, y, *, model=known):
        return clamping(model, limit, net, optimizer, loss, X, y)

    return step


def by_nested_collections(known, limit):
    held = {"a": [known]}
    return lambda *handed: clamping(held["a"][0], limit, *handed)


def by_named_parameters(known, limit):
    named = [*known.named_parameters()]

    def step(*handed):
        value = stepped(*handed)
        with torch.no_grad():
            for _, p in named:
                p.clamp_(-limit, limit)
        return value

    return step


@pytest.mark.parametrize(
    "make",
    [lambda *known: partial(clamping, *known), Clamped, by_a_default, by_a_named_default,
     by_nested_collections, by_named_parameters],
)  # fmt: skip
def test_a_step_acts_on_the_copy_however_it_knows_the_model(make):
    def side(limit):
        model = nn.Linear(6, 3)
        return training(model, step=make(model, limit))

    one = side(0.2)
    before = [p.detach().clone() for p in one.model.parameters()]
    assert diverge(one, side(0.2), X, y, steps=4, batch_size=16).same
    assert not diverge(one, side(0.1), X, y, steps=4, batch_size=16).same
    assert all(map(torch.equal, before, one.model.parameters()))


def scaled(limit=1.0, **options):
    """A training in mixed precision as PyTorch's documentation has it."""
    scaler = torch.amp.GradScaler("cpu", **{"init_scale": 1024.0, "growth_interval": 3} | options)

    def step(model, optimizer, loss, X, y):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(model(X), y)
        scaler.scale(value).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), limit)
        scaler.step(optimizer)
        scaler.update()
        return value

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    return training(model, step=step)


def test_gradients_may_be_scaled_as_in_mixed_precision():
    against = partial(diverge, scaled(), X=X, y=y, steps=9, batch_size=8)
    assert against(scaled()).same
    assert against(scaled(init_scale=4096.0)).same
    assert against(scaled(enabled=False)).same
    assert not against(scaled(limit=0.1)).same
    assert not against(scaled(init_scale=2.0**130, growth_interval=99)).same  # leaves steps out
