"""Gradients of which only rounding is left, or mostly: they do not tell trainings apart.

Attention that nothing passes by makes the steps of a sequence more alike with each layer, until the
terms of the gradients of queries and keys cancel.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6, 5)), RNG.integers(0, 3, 32)
RULES = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.125),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.0078125),
}


def by_hand(q, k, v):
    return (q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1) @ v


def in_one_call(q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    def __init__(self, attend):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.attend = attend

    def forward(self, x):
        return self.attend(self.q(x), self.k(x), self.v(x))


class Stack(nn.Module):
    """Attention on attention, and a mean over the steps."""

    def __init__(self, attend, depth):
        super().__init__()
        self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 3)
        self.blocks = nn.Sequential(*(Attention(attend) for _ in range(depth)))

    def forward(self, x):
        return self.last(self.blocks(self.first(x)).mean(1))


def compared(change=lambda model: None, depth=3, rule="SGD", dtype="float64"):
    sides = []
    for attend in (by_hand, in_one_call):
        torch.manual_seed(1)
        sides.append(Stack(attend, depth))
    change(sides[1])
    both = (training(side, optimizer=RULES[rule]) for side in sides)
    return diverge(*both, X, y, steps=4, batch_size=8, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("depth", [3, 5])
def test_gradients_that_rounding_alone_moves_tell_no_trainings_apart(depth, rule, dtype):
    report = compared(depth=depth, rule=rule, dtype=dtype)
    assert report.same, str(report)


def test_what_is_not_judged_is_said():
    report = compared(depth=5)
    assert any("as their terms cancel: they are not judged" in note for note in report.notes)


def scaled(factor, name):
    def change(model):
        model.get_parameter(name).register_hook(lambda g: factor * g)

    return change


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "change",
    [scaled(1.0001, "first.weight"), scaled(1.01, "blocks.0.q.weight"),
     scaled(1.5, "blocks.1.q.weight"), scaled(0.0, "blocks.2.v.bias")],
)  # fmt: skip
def test_a_gradient_that_differs_by_more_is_found_beside_them(change, rule):
    assert compared(change, rule=rule).level == "gradient"


Z = X.mean(1)
T = Z[:, :1] - Z[:, :1].mean()  # whose mean is 0, as that of standardised targets


def squares(output, t):
    """Return the mean squared error, rounded otherwise than PyTorch's."""
    return ((output - t) / len(t) ** 0.5).square().sum()


def from_zero(loss, rule, factor=1.0, later=1.0, last=1.0):
    """A head that starts at 0, whose bias has a gradient of 0 in the first step alone."""
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    *rest, bias = model.parameters()
    rate = 0.0625 if rule == "SGD" else 0.015625
    groups = [{"params": rest}, {"params": [bias], "lr": factor * rate}]
    optimizer = getattr(torch.optim, rule)(groups, lr=rate)
    of_each = [
        lambda k: 1 if k < 4 else later,
        lambda k: last if k == 19 else later if k > 3 else 1,
    ]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, of_each)
    return Training(model, loss, optimizer, schedule)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("options", "same"), [({}, True), ({"factor": 1.5}, False), ({"later": 0.125}, False)]
)
def test_a_gradient_of_zero_at_first_excuses_no_later_step(options, same, rule):
    sides = from_zero(nn.MSELoss(), rule), from_zero(squares, rule, **options)
    report = diverge(*sides, Z, T, steps=20, batch_size=len(Z))
    assert report.same == same, str(report)
    assert same or report.level == "trajectory"


@pytest.mark.parametrize("rule", RULES)
def test_a_weight_whose_gradient_was_zero_at_first_is_compared_at_the_end(rule):
    sides = from_zero(nn.MSELoss(), rule), from_zero(squares, rule, last=2.0)
    report = diverge(*sides, Z, T, steps=20, batch_size=len(Z))
    assert (report.level, report.place) == ("result", "2.bias")


class ProductFirst(nn.Module):
    """Computes W xᵀ + b, whose gradients round otherwise than those of `Linear`."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    def forward(self, x):
        return (self.linear.weight @ x.T).T + self.linear.bias


def from_constants(written, rule="Adam", factor=1.0, head=1.0):
    """Units that begin equal, before a kernel whose columns do: no row's loss moves them."""
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    for p in model.parameters():
        nn.init.constant_(p, 0.1 if p.ndim == 2 else 0.0)
    model[0] = written(model[0])
    model[2].weight.register_hook(lambda g: head * g)
    return training(model, optimizer=lambda p: RULES[rule]([{"params": p, "lr": 0.01 * factor}]))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", RULES)
def test_gradients_that_are_rounding_before_a_constant_kernel_agree(rule, dtype):
    for written in ((lambda layer: layer, ProductFirst), (ProductFirst, lambda layer: layer)):
        both = (from_constants(each, rule) for each in written)
        report = diverge(*both, Z, y, steps=8, batch_size=16, dtype=dtype)
        assert report.same, str(report)


@pytest.mark.parametrize("rule", RULES)
def test_slips_beside_them_are_found(rule):
    ours = from_constants(lambda layer: layer, rule)
    for slip, level in (({"factor": 1.01}, "step"), ({"head": 1.01}, "gradient")):
        theirs = from_constants(ProductFirst, rule, **slip)
        assert diverge(ours, theirs, Z, y, steps=8, batch_size=16).level == level
