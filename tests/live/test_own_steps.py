"""A step of one's own acts on copies, begins anew in every training, and leaves all as it is."""

import threading
from collections import deque
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from lockstep import RequestError, diverge, record

from . import modules
from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


def stepped(model, optimizer, loss, X, y, rate=0.1):
    optimizer.param_groups[0]["lr"] = rate
    return modules.stepped(model, optimizer, loss, X, y)


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


def thawing(k):
    """A step that trains the first layer, too, from its k-th call on."""
    n = [0]

    def step(model, optimizer, *handed):
        n[0] += 1
        if n[0] == k:
            optimizer.add_param_group({"params": [*model[0].parameters()], "lr": 0.05})
        optimizer.zero_grad()
        value = handed[0](model(handed[1]), handed[2])
        value.backward()
        optimizer.step()
        return value

    return step


@pytest.mark.parametrize("k", [1, 5])
def test_a_step_may_add_a_group_of_parameters(k, tmp_path):
    def side(k):
        model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
        return training(
            model,
            optimizer=lambda _: torch.optim.SGD(model[2].parameters(), lr=0.1),
            step=thawing(k),
        )

    options = {"steps": 12, "batch_size": 16}
    assert diverge(side(k), side(k), X, y, **options).same
    report = diverge(side(k), side(k + 1), X, y, **options)
    assert report.level == ("step" if k == 1 else "trajectory"), str(report)
    record(side(k), X, y, path=tmp_path / "recorded", **options)


class Locked:
    __slots__ = ("lock", "n")

    def __init__(self):
        self.lock, self.n = threading.Lock(), [0]


def by_a_generator(k):
    rates = (0.1 / (1 + n // k) for n in range(1, 10_000))
    return lambda *handed: stepped(*handed, rate=next(rates))


def by_numbers_beside_a_lock(held, n):
    def make(k):
        own = held()

        def step(*handed):
            count = n(own)
            count[0] += 1
            return stepped(*handed, rate=0.1 / (1 + count[0] // k))

        return step

    return make


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (by_a_generator, "its iterator rates, which cannot be copied, goes on"),
        (by_numbers_beside_a_lock(Locked, lambda x: x.n), "something in it goes on"),
        (
            by_numbers_beside_a_lock(lambda: (threading.Lock(), [0]), lambda x: x[1]),
            "something in it goes on",
        ),
        (
            by_numbers_beside_a_lock(lambda: deque([threading.Lock(), [0]]), lambda x: x[1]),
            "something in it goes on",
        ),
    ],
)  # fmt: skip
def test_a_training_that_differs_from_itself_is_not_judged(make, why, dtype):
    options = {"steps": 8, "batch_size": 16, "dtype": dtype}
    assert diverge(side(make(3)), side(make(3)), X, y, **options).same
    with pytest.raises(RequestError, match=f"twice in the same way, differs from itself .*{why}"):
        diverge(side(make(3)), side(make(4)), X, y, **options)


def test_a_weight_that_one_side_alone_has_is_no_sign_that_it_differs_from_itself():
    def with_bias(has):
        return nn.Sequential(nn.Linear(6, 4, bias=has), nn.Linear(4, 3))

    one = with_bias(True)
    nn.init.zeros_(one[0].bias)
    report = diverge(training(one), training(with_bias(False)), X, y, steps=4, batch_size=16)
    assert report.level == "gradient", str(report)
    assert "has a bias" in report.cause


def halved_at_first():
    calls = [0]

    def step(model, optimizer, loss, X, y):
        calls[0] += 1
        optimizer.zero_grad()
        value = loss(model(X), y)
        (value * (0.5 if calls[0] == 1 else 1.0)).backward()
        optimizer.step()
        return value

    return step


def test_a_factor_of_the_first_step_alone_is_not_named_as_one_of_all():
    report = diverge(side(stepped), side(halved_at_first()), X, y, steps=4, batch_size=16)
    assert report.level == "gradient", str(report)
    assert report.cause.endswith("another one in the next batch, as by clipping")


def accumulating(batches):
    taken = [0]

    def step(model, optimizer, loss, X, y):
        value = loss(model(X), y)
        (value / batches).backward()
        taken[0] += 1
        if taken[0] % batches == 0:
            optimizer.step()
            optimizer.zero_grad()
        return value

    return side(step)


@pytest.mark.parametrize("few", [1, 2])
def test_a_factor_of_gradients_that_add_up_is_no_cause(few):
    for counts in ((few, 4), (4, few)):
        report = diverge(*map(accumulating, counts), X, y, steps=8, batch_size=8)
        assert report.level == ("gradient" if few == 1 else "trajectory"), str(report)
        assert report.cause == (
            f"the optimizer of the first pytorch takes its first step with batch {counts[0]}, that "
            f"of the second pytorch with batch {counts[1]}"
        )
    assert diverge(accumulating(16), accumulating(32), X, y, steps=8, batch_size=8).cause is None
    assert diverge(accumulating(4), accumulating(4), X, y, steps=8, batch_size=8).same


@pytest.mark.parametrize("recorded", [False, True])
def test_the_first_of_many_batches_with_which_an_optimizer_steps_is_known(recorded, tmp_path):
    sides = [accumulating(10), accumulating(12)]
    if recorded:
        record(sides[0], X, y, path=tmp_path / "a.trace", steps=13, batch_size=8)
        sides[0] = tmp_path / "a.trace"
    report = diverge(*sides, X, y, steps=13, batch_size=8)
    assert report.cause.endswith("takes its first step with batch 10, that of "
                                 f"{report.names[1]} with batch 12")  # fmt: skip
    assert diverge(accumulating(10), accumulating(10), X, y, steps=13, batch_size=8).same


def test_a_step_whose_iterator_has_ended_is_refused_by_a_reason():
    rates = iter([0.1])
    ending = side(lambda *handed: stepped(*handed, rate=next(rates)))
    with pytest.raises(RequestError, match="step of the PyTorch side fails: StopIteration"):
        diverge(ending, side(stepped), X, y, steps=4, batch_size=16)


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


def stopping(last, clears_first):
    """A step that trains no more after so many, and computes its gradients all the same, or not."""
    taken = [0]

    def step(model, optimizer, loss, X, y):
        value, stopped = loss(model(X), y), taken[0] >= last
        taken[0] += 1
        if clears_first or not stopped:
            optimizer.zero_grad()
            value.backward()
        if not stopped:
            optimizer.step()
        return value

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    return training(model, step=step)


@pytest.mark.parametrize("order", [1, -1])
def test_gradients_that_step_no_optimizer_are_no_difference(order):
    def compared(*sides):
        return diverge(*sides[::order], X, y, steps=7, batch_size=8)

    assert compared(stopping(3, True), stopping(3, False)).same
    assert not compared(stopping(3, True), stopping(4, False)).same
