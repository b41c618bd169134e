"""What hooks and functions keep, and know by an identity, is each training's own."""

import weakref
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from frameworks.pytorch.twins import Twins
from lockstep import RequestError, diverge

from .modules import stepped, training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


def descent(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


def reported(a, b):
    return diverge(a, b, X, y, steps=8, batch_size=16)


def counted_by_a_list(k):
    n = [0]

    def rate():
        n[0] += 1
        return 1 / (1 + n[0] // k)

    return rate, lambda: n[0]


def counted_by_a_number(k):
    n = 0

    def count():
        nonlocal n
        n += 1

    def rate():
        count()
        return 1 / (1 + n // k)

    return rate, lambda: n


def counted_by_a_default(k):
    held = {"n": 0}

    def rate(held=held):
        held["n"] += 1
        return 1 / (1 + held["n"] // k)

    return rate, lambda: held["n"]


def counted_by_an_attribute(k):
    def rate():
        rate.n += 1
        return 1 / (1 + rate.n // k)

    rate.n = 0
    return rate, lambda: rate.n


def counted_by_an_object(k):
    held = SimpleNamespace(n=0)

    def rate():
        held.n += 1
        return 1 / (1 + held.n // k)

    return rate, lambda: held.n


def in_a_hook_of_the_optimizer(rate):
    side = training(nn.Linear(6, 3), optimizer=descent)

    def set_rate(optimizer, args, kwargs):
        optimizer.param_groups[0]["lr"] = 0.1 * rate()

    side.optimizer.register_step_post_hook(set_rate)
    return side


def in_a_hook_of_a_gradient(rate):
    side = training(nn.Linear(6, 3), optimizer=descent)
    side.model.bias.register_hook(lambda gradient: gradient * rate())
    return side


def in_a_schedule(rate):
    side = training(nn.Linear(6, 3), optimizer=descent)
    schedule = torch.optim.lr_scheduler.LambdaLR(side.optimizer, lambda _: rate())
    return training(side.model, optimizer=lambda _: side.optimizer, scheduler=schedule)


class Scaled(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.out, self.rate = nn.Linear(6, 3), lambda x: x * rate()

    def forward(self, x):
        return self.rate(self.out(x)) if self.training else self.out(x)


def in_a_function_of_the_model(rate):
    return training(Scaled(rate), optimizer=descent)


def in_a_loss(rate):
    def loss(output, y):
        return nn.functional.cross_entropy(output, y) * rate()

    return training(nn.Linear(6, 3), optimizer=descent, loss=loss)


def in_a_part_of_a_loss(rate):
    def loss(weight, output, y):
        return nn.functional.cross_entropy(output, y) * rate() * weight

    return training(nn.Linear(6, 3), optimizer=descent, loss=partial(loss, 0.5))


@pytest.mark.parametrize(
    "make",
    [counted_by_a_list, counted_by_a_number, counted_by_a_default, counted_by_an_attribute,
     counted_by_an_object],
)  # fmt: skip
@pytest.mark.parametrize(
    "held",
    [in_a_hook_of_the_optimizer, in_a_hook_of_a_gradient, in_a_schedule,
     in_a_function_of_the_model, in_a_loss, in_a_part_of_a_loss],
)  # fmt: skip
def test_what_functions_count_begins_anew_in_every_training(held, make):
    (rate, count), (equal, _), (other, _) = make(5), make(5), make(6)
    one, same, differing = held(rate), held(equal), held(other)
    before = count()
    for _ in range(2):
        assert reported(one, same).same
    report = reported(one, differing)
    assert report.level == "trajectory", str(report)
    assert not any("came to different numbers" in note for note in report.notes)
    assert count() == before


class Knowing(torch.optim.SGD):
    """Descent, after a pull towards zero of the weights that are known by `knows`."""

    def __init__(self, parameters, pull):
        super().__init__(parameters, lr=0.1)
        self.pull = pull

    def knows(self, parameter):
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            if self.knows(p):
                p.grad.add_(p, alpha=self.pull)
        super().step(closure)


class ByIdentities(Knowing):
    def __init__(self, parameters, pull, collection=set):
        parameters = [*parameters]
        super().__init__(parameters, pull)
        self.decay = collection(id(p) for p in parameters if p.ndim > 1)

    def knows(self, parameter):
        return id(parameter) in self.decay


class ByOneIdentity(ByIdentities):
    def __init__(self, parameters, pull):
        super().__init__(parameters, pull, tuple)
        (self.only,) = self.decay

    def knows(self, parameter):
        return id(parameter) == self.only


class ByWeakReference(Knowing):
    def __init__(self, parameters, pull):
        parameters = [*parameters]
        super().__init__(parameters, pull)
        self.one = weakref.ref(parameters[0])

    def knows(self, parameter):
        return self.one() is parameter


def by_an_identity_around_a_step(parameters, pull):
    parameters = [*parameters]
    frozen, one = {id(parameters[0])}, id(parameters[1])

    def step(model, optimizer, loss, X, y):
        optimizer.zero_grad()
        value = loss(model(X), y)
        value.backward()
        for p in model.parameters():
            p.grad *= pull if id(p) in frozen or id(p) == one else 1
        optimizer.step()
        return value

    return step


KNOWING = [
    ByIdentities,
    lambda *given: ByIdentities(*given, list),
    lambda *given: ByIdentities(*given, frozenset),
    lambda *given: ByIdentities(*given, lambda ids: dict.fromkeys(ids, "decay")),
    ByOneIdentity,
    ByWeakReference,
]


def sides(make, *pulls):
    return [training(nn.Linear(6, 3), optimizer=lambda p, k=k: make(p, k)) for k in pulls]


@pytest.mark.parametrize("make", KNOWING)
def test_what_an_optimizer_knows_by_identity_it_knows_of_the_copy(make):
    assert reported(*sides(make, 0.1, 0.1)).same
    report = reported(*sides(make, 0.1, 0.2))
    assert report.level == "step", str(report)


def test_a_step_knows_the_weights_of_the_copy_by_identity():
    def side(pull):
        model = nn.Linear(6, 3)
        return training(model, step=by_an_identity_around_a_step(model.parameters(), pull))

    assert reported(side(0.5), side(0.5)).same
    assert not reported(side(0.5), side(0.25)).same


def test_a_weak_reference_trains_the_copy_and_leaves_the_model():
    class Clamping(torch.optim.SGD):
        def __init__(self, model):
            super().__init__(model.parameters(), lr=0.1)
            self.model = weakref.ref(model)

        @torch.no_grad()
        def step(self, closure=None):
            super().step(closure)
            for p in self.model().parameters():
                p.clamp_(-0.1, 0.1)

    one, other = (training(nn.Linear(6, 3), optimizer=descent) for _ in range(2))
    clamped = training(one.model, optimizer=lambda _: Clamping(one.model))
    before = [p.detach().clone() for p in one.model.parameters()]
    assert not reported(clamped, other).same
    assert all(map(torch.equal, before, one.model.parameters()))


def test_a_copy_that_fails_leaves_nothing_half_copied():
    held, twins = [[0], open], Twins()  # noqa: SIM115 - nothing is opened
    held.append(i for i in range(3))
    with pytest.raises(TypeError):
        twins(held)
    assert twins.copied() == []
    (copied,) = twins([held[0]])
    assert copied == [0]
    assert copied is not held[0]


def test_a_training_that_reaches_the_own_model_all_the_same_is_refused():
    model = nn.Linear(6, 3)
    before = [p.detach().clone() for p in model.parameters()]
    endless = (model for _ in range(99))

    def step(net, optimizer, loss, X, y):
        with torch.no_grad():
            for p in next(endless).parameters():
                p.clamp_(-0.1, 0.1)
        return stepped(net, optimizer, loss, X, y)

    one = training(model, step=step)
    with pytest.raises(RequestError, match="copy uses weight of the PyTorch model itself"):
        reported(one, training(nn.Linear(6, 3), step=stepped))
    assert all(map(torch.equal, before, model.parameters()))


def by_data(model):
    return [p.data for p in model.parameters()]


def by_arrays(model):
    return {"weights": [p.detach().numpy() for p in model.parameters()]}


def by_a_flat_buffer(model):
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    begin = 0
    for p in model.parameters():
        p.data = flat[begin : begin + p.numel()].view_as(p)
        begin += p.numel()
    return SimpleNamespace(flat=flat)


@pytest.mark.parametrize("held_by", [by_data, by_arrays, by_a_flat_buffer])
@pytest.mark.parametrize("beside", ["step", "optimizer"])
def test_weights_that_are_held_by_another_name_are_refused(held_by, beside):
    def clamped(*_):
        model = nn.Sequential(nn.Linear(6, 3)).double()
        held, optimizer = held_by(model), descent(model.parameters())
        if beside == "optimizer":
            optimizer.held = held
            return training(model, optimizer=lambda _: optimizer)

        def step(*given):
            value = stepped(*given)
            assert held
            return value

        return training(model, optimizer=lambda _: optimizer, step=step)

    with pytest.raises(RequestError, match=r"holds weights .* under another name, such as p\.data"):
        reported(clamped(), clamped())
