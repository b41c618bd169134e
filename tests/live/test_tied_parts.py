"""Optimizers, hooks and schedules that hold a PyTorch model's parameters act on the copy's."""

from dataclasses import replace
from types import MethodType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import LBFGS, SGD, Optimizer
from torch.optim.lr_scheduler import StepLR

from lockstep import RequestError, diverge

from .modules import stepped, training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


def network():
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def trained(optimizer, **options):
    model = network()
    return training(model, optimizer=lambda p: optimizer(p, **options))


def compared(a, b):
    """Compare two trainings; their models, in mid-training, must stay as they are."""
    models = (a.model, b.model)
    for model in models:
        F.cross_entropy(model(torch.tensor(X)), torch.tensor(y)).backward()
    before = [p.detach().clone() for model in models for p in model.parameters()]
    report = diverge(a, b, X, y, steps=6, batch_size=16)
    after = [p for model in models for p in model.parameters()]
    assert all(map(torch.equal, before, after))
    return report


class Listing(Optimizer):
    """Plain descent on parameters that it keeps in a list of its own."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})
        self.mine = [p for group in self.param_groups for p in group["params"]]

    @torch.no_grad()
    def step(self, closure=None):
        for p in self.mine:
            p -= self.param_groups[0]["lr"] * p.grad


class Wrapping(Optimizer):
    """Lets an optimizer of PyTorch's step, on its own groups."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})
        self.base = SGD(self.param_groups, lr, momentum=0.5)

    def step(self, closure=None):
        self.base.step()


@pytest.mark.parametrize(
    ("optimizer", "one", "other"),
    [(LBFGS, {"max_iter": 3}, {"max_iter": 4}), (Listing, {"lr": 0.1}, {"lr": 0.2}),
     (Wrapping, {"lr": 0.1}, {"lr": 0.2})],
)  # fmt: skip
def test_an_optimizer_steps_the_copy_by_whichever_attribute_it_reaches_it(optimizer, one, other):
    assert compared(trained(optimizer, **one), trained(optimizer, **one)).same
    assert not compared(trained(optimizer, **one), trained(optimizer, **other)).same


def test_optimizers_of_ones_own_compute_what_pytorch_s_do():
    assert compared(trained(Listing, lr=0.1), trained(SGD, lr=0.1)).same
    assert compared(trained(Wrapping, lr=0.1), trained(SGD, lr=0.1, momentum=0.5)).same


def test_lbfgs_goes_on_from_the_directions_that_it_has_found_in_float32():
    side = trained(LBFGS, max_iter=3)
    model, optimizer = side.model.float(), side.optimizer

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(torch.tensor(X).float()), torch.tensor(y))
        loss.backward()
        return loss

    optimizer.step(closure)
    assert diverge(side, side, X, y, steps=3, batch_size=16).same


def test_a_schedule_reaches_an_optimizer_within_another_after_a_step_of_ones_own():
    def scheduled(side):
        return replace(side, step=stepped, scheduler=StepLR(side.optimizer, 2, 0.5))

    stock = scheduled(trained(SGD, lr=0.1, momentum=0.5))
    assert compared(scheduled(trained(Wrapping, lr=0.1)), stock).same


def clamped(limit):
    """A hook that knows the model by a variable around it."""
    side = trained(SGD, lr=0.1)
    model = side.model

    @torch.no_grad()
    def hook(optimizer, args, kwargs):
        for p in model.parameters():
            p.clamp_(-limit, limit)

    side.optimizer.register_step_post_hook(hook)
    return side


class Clamping:
    def __init__(self, model, limit):
        self.model, self.limit = model, limit

    @torch.no_grad()
    def hook(self, optimizer, args, kwargs):
        for p in self.model.parameters():
            p.clamp_(-self.limit, self.limit)


def clamped_by_a_method(limit):
    side = trained(SGD, lr=0.1)
    side.optimizer.register_step_post_hook(Clamping(side.model, limit).hook)
    return side


def clamped_by_what_is_in_a_collection(limit):
    side = trained(SGD, lr=0.1)
    held = {"models": [("first", side.model)]}

    @torch.no_grad()
    def hook(optimizer, args, kwargs):
        for p in held["models"][0][1].parameters():
            p.clamp_(-limit, limit)

    side.optimizer.register_step_post_hook(hook)
    return side


def decayed(strength):
    """A step that was replaced on the optimizer, which a schedule then wraps."""
    side = trained(SGD, lr=0.1)

    @torch.no_grad()
    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            p.mul_(1 - strength)
        return type(self).step(self, closure)

    side.optimizer.step = MethodType(step, side.optimizer)
    return replace(side, scheduler=StepLR(side.optimizer, 2))


def scaled(factor):
    """A forward pass that was replaced on the model, and calls the one that it had."""
    side = trained(SGD, lr=0.1)
    forward = side.model.forward
    side.model.forward = lambda x: factor * forward(x)
    return side


def tied(factor):
    """A hook of a layer that uses another layer."""
    side = trained(SGD, lr=0.1)
    first, _, last = side.model
    last.register_forward_hook(lambda layer, x, out: out + factor * first.weight.sum())
    return side


@pytest.mark.parametrize(
    "make",
    [clamped, clamped_by_a_method, clamped_by_what_is_in_a_collection, decayed, scaled, tied],
)
def test_hooks_and_replaced_methods_act_on_the_copy(make):
    assert compared(make(0.2), make(0.2)).same
    assert not compared(make(0.2), make(0.1)).same


def test_a_hook_may_average_weights_into_a_model_of_its_own():
    side = trained(SGD, lr=0.1)
    model, mean = side.model, network().float()
    before = [p.detach().clone() for p in mean.parameters()]

    @torch.no_grad()
    def hook(optimizer, args, kwargs):
        for p, q in zip(model.parameters(), mean.parameters(), strict=True):
            q.lerp_(p, 0.1)

    side.optimizer.register_step_post_hook(hook)
    assert compared(side, trained(SGD, lr=0.1)).same
    assert all(map(torch.equal, before, mean.parameters()))


GLOBAL = network()


def globally(optimizer, args, kwargs):
    GLOBAL[0].weight.data.mul_(0.5)


def test_what_uses_the_model_by_a_global_name_or_from_within_a_class_is_refused():
    side = training(GLOBAL)
    side.optimizer.register_step_post_hook(globally)
    with pytest.raises(RequestError, match="the function globally uses GLOBAL itself"):
        compared(side, trained(SGD))
    side = trained(SGD)
    own = side.optimizer

    class Halving:
        def step(self):
            own.param_groups[0]["lr"] /= 2

    with pytest.raises(RequestError, match="step uses own itself, of which a copy is trained"):
        compared(replace(side, scheduler=Halving()), trained(SGD))


class Schedule:
    """A schedule without a state_dict."""

    def __init__(self, optimizer, k):
        self.optimizer, self.k, self.n = optimizer, k, 0

    def step(self):
        self.n += 1
        self.optimizer.param_groups[0]["lr"] = 0.1 / (1 + self.n // self.k)


def test_a_schedule_without_a_state_is_followed_beside_a_step_of_ones_own():
    def side(k):
        one = trained(SGD, lr=0.1)
        return replace(one, step=stepped, scheduler=Schedule(one.optimizer, k))

    assert compared(side(2), side(2)).same
    assert not compared(side(2), side(3)).same


class Bare:
    """Wraps an optimizer, and is none of PyTorch's."""

    def __init__(self, base):
        self.base, self.param_groups = base, base.param_groups
        self.step, self.zero_grad = base.step, base.zero_grad


class Wrapper(Bare):
    def __init__(self, base):
        super().__init__(base)
        self.state_dict, self.load_state_dict = base.state_dict, base.load_state_dict
        self.register_step_pre_hook = base.register_step_pre_hook


def test_what_wraps_an_optimizer_is_used_by_a_step_of_ones_own_or_refused():
    def side(wrapper, lr):
        one = trained(SGD, lr=lr)
        return replace(one, step=stepped, optimizer=wrapper(one.optimizer))

    stock = replace(trained(SGD, lr=0.1), step=stepped)
    assert compared(side(Wrapper, 0.1), stock).same
    assert not compared(side(Wrapper, 0.2), stock).same
    with pytest.raises(RequestError, match="the optimizer Bare has no state_dict: derive it from"):
        compared(side(Bare, 0.1), stock)


def test_an_optimizer_without_a_learning_rate_is_refused():
    side = trained(SGD, lr=0.1)
    del side.optimizer.param_groups[0]["lr"]
    with pytest.raises(RequestError, match="the optimizer SGD has a group without a learning rate"):
        compared(side, trained(SGD, lr=0.1))
