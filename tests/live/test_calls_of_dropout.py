"""Dropout wherever it is called: in training alone, in the user's own step, or more than once."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from lockstep import diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 6)), RNG.normal(size=(16, 3))


class Dropping(nn.Module):
    """Two layers, with what a function makes of the numbers between them."""

    def __init__(self, between=lambda h, training: h):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.out, self.between = nn.Linear(6, 4), nn.Linear(4, 3), between

    def forward(self, x):
        return self.out(self.between(self.first(x), self.training))


def in_training_alone(drop, rate):
    return Dropping(lambda h, training: drop(h, rate, True) if training else h)


def compared(one, other, steps=(None, None)):
    sides = [
        training(m, loss=nn.MSELoss(), step=s) for m, s in zip((one, other), steps, strict=True)
    ]
    return diverge(*sides, X, Y, steps=2, batch_size=8)


@pytest.mark.parametrize("drop", [F.dropout, F.feature_alpha_dropout])
def test_dropout_that_is_called_in_training_alone_is_compared(drop):
    half = in_training_alone(drop, 0.5)
    assert not compared(half, Dropping()).same
    assert not compared(half, in_training_alone(drop, 0.25)).same
    assert compared(half, in_training_alone(drop, 0.5)).same


def test_dropout_that_drops_nothing_takes_no_mask():
    one = Dropping(lambda h, training: F.dropout(F.dropout(h, 0.0, training), 0.5, training))
    assert compared(one, Dropping(lambda h, training: F.dropout(h, 0.5, training))).same


def taking(inputs=lambda X: X, times=1):
    def step(model, optimizer, loss, X, y):
        optimizer.zero_grad()
        value = sum(loss(model(inputs(X)), y) for _ in range(times)) / times
        value.backward()
        optimizer.step()
        return value

    return step


def test_dropout_in_a_step_of_ones_own_drops():
    steps = taking(lambda X: F.dropout(X, 0.5)), taking()
    assert compared(Dropping(), Dropping(), steps).level == "loss"
    assert compared(Dropping(), Dropping(), (steps[0], steps[0])).same


def test_a_second_pass_within_a_step_drops_too():
    model = in_training_alone(F.dropout, 0.5)
    assert compared(model, model, (taking(times=2), taking())).level == "loss"
    assert compared(model, model, (taking(times=2), taking(times=2))).same


def by_grad(model, optimizer, loss, X, y):
    value, parameters = loss(model(X), y), list(model.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return value


@pytest.mark.parametrize(("reentrant", "step"), [(False, None), (True, None), (False, by_grad)])
def test_what_a_checkpoint_computes_again_drops_what_it_dropped(reentrant, step):
    def block(h):
        return F.dropout(torch.tanh(F.dropout(h, 0.5)), 0.5)

    def repeated(h, training):
        return checkpoint(block, h, use_reentrant=reentrant) if training else h

    def once(h, training):
        return block(h) if training else h

    def twice(f):
        return Dropping(lambda h, training: f(f(h, training), training))

    assert compared(twice(once), twice(repeated), (step, step)).same


def annealed(at):
    """A training whose rate of dropout changes at a step."""
    torch.manual_seed(0)
    model, n = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.1), nn.Linear(5, 3)), [0]

    def step(model, optimizer, loss, X, y):
        n[0] += 1
        if n[0] == at:
            model[1].p = 0.6
        return by_grad(model, optimizer, loss, X, y)

    return training(model, loss=nn.MSELoss(), step=step)


def test_a_rate_that_changes_in_training_is_obeyed():
    against = partial(diverge, annealed(3), X=X, y=Y, steps=6, batch_size=8)
    report = against(annealed(3))
    assert report.same
    assert "Dropout whose rate changes draws masks of its own" in " ".join(str(report).split())
    assert not against(annealed(4)).same
    assert not against(annealed(99)).same


def in_place_of_what_is_added(**options):
    """Return x + dropout of x: in place, x is that, too."""
    return Dropping(lambda h, training: h + F.dropout(h, 0.25, training, **options))


def test_dropout_in_place_changes_what_it_is_given():
    twice = Dropping(lambda h, training: 2 * F.dropout(h, 0.25, training))
    assert compared(in_place_of_what_is_added(inplace=True), twice).same
    assert not compared(in_place_of_what_is_added(inplace=True), in_place_of_what_is_added()).same


class Ignoring(Dropping):
    """Drops in place, and takes no notice of what is returned."""

    def __init__(self, drop):
        super().__init__()
        self.drop = drop

    def forward(self, x):
        h = self.first(x)
        self.drop(h, 0.25, self.training)
        return self.out(h)


IN_PLACE = [
    (partial(F.dropout, inplace=True), F.dropout),
    (partial(F.dropout1d, inplace=True), F.dropout1d),
    (torch.dropout_, F.dropout),
    (torch.alpha_dropout_, F.alpha_dropout),
    (torch.feature_dropout_, F.dropout2d),
    (torch.feature_alpha_dropout_, F.feature_alpha_dropout),
]


@pytest.mark.filterwarnings("ignore:dropout2d:UserWarning")
@pytest.mark.parametrize(("ignoring", "drop"), IN_PLACE)
def test_what_is_dropped_in_place_needs_not_be_taken(ignoring, drop):
    dropping = Dropping(lambda h, training: drop(h, 0.25, training))
    report = compared(Ignoring(ignoring), dropping)
    assert report.same, str(report)
    assert not compared(Ignoring(ignoring), Dropping()).same


@pytest.mark.parametrize(
    ("of_torch", "drop"),
    [(torch.dropout, F.dropout), (torch.alpha_dropout, F.alpha_dropout),
     (torch.feature_alpha_dropout, F.feature_alpha_dropout)],
)  # fmt: skip
@pytest.mark.parametrize("named", [False, True])
def test_the_functions_of_torch_have_the_rate_that_they_are_given(of_torch, drop, named):
    def called(h, training):
        return of_torch(h, p=0.25, train=training) if named else of_torch(h, 0.25, training)

    report = compared(Dropping(called), Dropping(lambda h, on: drop(h, 0.25, on)))
    assert report.same, str(report)
    other = compared(Dropping(called), Dropping(lambda h, on: drop(h, 0.5, on)))
    assert other.cause == (
        "the first pytorch has p=0.25 in dropout after first, the second pytorch p=0.5 in dropout "
        "after first"
    ).replace("in dropout", f"in {'alpha ' * ('alpha' in drop.__name__)}dropout")
