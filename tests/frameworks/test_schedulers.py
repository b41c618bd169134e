"""Stock schedulers of PyTorch that a builder gives its optimizer, in trainings that go on."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from frameworks import Parts, Program, PyTorchRegressor, PyTorchTrainer
from frameworks.spec import Spec

SPEC = Spec(inputs=3, outputs=1)
SMALL = {"dtype": "float64", "random_state": 0, "batch_size": 8}
X = np.random.default_rng(0).normal(size=(40, 3))
Y = X @ [1.0, 2.0, 3.0]


class Scheduled:
    """A hook that is an object."""

    def __init__(self, scheduler):
        self.scheduler = scheduler

    def __call__(self, *_):
        self.scheduler.step()


class ScheduledSGD(torch.optim.SGD):
    """An optimizer that owns its schedule."""

    def __init__(self, parameters):
        super().__init__(parameters, 0.1)
        self.schedule = lr_scheduler.StepLR(self, 10, 0.5)
        self.register_step_post_hook(lambda *_: self.schedule.step())


def steps(scheduler):
    return lambda *_: scheduler.step()


def weights(spec, rng):
    return [rng.normal(size=(3, 1)), np.zeros(1)]


def build(make, hook, spec=SPEC):
    network = nn.Linear(3, 1)
    if make is None:
        optimizer = ScheduledSGD(network.parameters())
    else:
        optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.5)
        optimizer.register_step_post_hook(hook(make(optimizer)))
    return Parts(network, nn.MSELoss(), optimizer, weights)


def falling(optimizer):
    return lr_scheduler.LambdaLR(optimizer, lambda k: 1 / (1 + k))


def joined(optimizer):
    both = [lr_scheduler.ConstantLR(optimizer, 0.5, 7), lr_scheduler.ExponentialLR(optimizer, 0.9)]
    return lr_scheduler.SequentialLR(optimizer, both, [8])


def one_cycle(optimizer):
    return lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=100)


def cosine(optimizer):
    return lr_scheduler.CosineAnnealingLR(optimizer, 30)


def of_step(scheduler):
    return partial(lambda scheduler, *_: scheduler.step(), scheduler)


KINDS = {
    "around a function": (falling, steps),
    "several in turn": (joined, steps),
    "an argument": (one_cycle, of_step),
    "in an object": (cosine, Scheduled),
    "in the optimizer": (None, None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_goes_on_with_the_schedule(kind):
    original = PyTorchRegressor(partial(build, *KINDS[kind]), epochs=1, **SMALL).fit(X, Y)
    other = pickle.loads(pickle.dumps(original))
    for each in (original, other):
        each.partial_fit(X, Y).partial_fit(X, Y)
    for ours, theirs in zip(other.get_weights(), original.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def build_program(spec=SPEC):
    network = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    scheduler = cosine(optimizer)

    def step(batch, draws):
        optimizer.zero_grad()
        loss = (network(batch.X)[:, 0] - batch.y).square().mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
        return {"loss": loss}

    return Program((network,), (optimizer,), step, weights)


def test_watching_a_programs_step_leaves_its_schedule_where_it_was():
    watched, other = (PyTorchTrainer(build_program, epochs=1, **SMALL).fit(X, Y) for _ in "ab")
    watched._adapter.gradients_of_step(watched._prepare(X, Y, first=False))
    for each in (watched, other):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(watched.get_weights()[0], other.get_weights()[0])


class Own(torch.optim.SGD):
    """An optimizer that counts its steps, lists its parameters, and follows each by an average."""

    def __init__(self, parameters):
        super().__init__(parameters, 0.1)
        self.count, self.mine = 0, self.param_groups[0]["params"][:]
        self.averages = {p: p.detach().double() for p in self.mine}

    @torch.no_grad()
    def step(self, closure=None):
        self.count += 1
        for p in self.mine:
            self.averages[p].lerp_(p, 0.5)
            p.sub_((p.grad + p - self.averages[p]) / (10 + self.count))


def build_own(spec=SPEC):
    network = nn.Linear(3, 1)
    return Parts(network, nn.MSELoss(), Own(network.parameters()), weights)


@pytest.mark.parametrize("copied", [copy.copy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_goes_on_with_what_an_optimizer_keeps_in_attributes(copied):
    original, untouched = (PyTorchRegressor(build_own, epochs=1, **SMALL).fit(X, Y) for _ in "ab")
    other = copied(original)
    for each in (other, original, untouched):  # one after the other: they share nothing
        each.partial_fit(X, Y).partial_fit(X, Y)
    for each in (other, original):
        np.testing.assert_array_equal(each.get_weights()[0], untouched.get_weights()[0])
        assert each._adapter.parts.optimizer.count == 15
