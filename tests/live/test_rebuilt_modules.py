"""Modules that copy themselves, or are reached by a registry: the copies alone are trained."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from frameworks.pytorch.copying import Untouched
from lockstep import RequestError, diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


def reported(a, b):
    return diverge(a, b, X, y, steps=8, batch_size=16)


class Scaled(nn.Module):
    def __init__(self, scale=0.5):
        super().__init__()
        self.first, self.last, self.scale = nn.Linear(6, 5), nn.Linear(5, 3), scale

    def forward(self, x):
        return self.last(torch.tanh(self.first(x))) * self.scale


class Rebuilt(Scaled):
    """Builds its copy anew, and loads its weights."""

    def __deepcopy__(self, memo):
        made = type(self)()
        made.load_state_dict(self.state_dict())
        return made


class Sharing(Scaled):
    def __deepcopy__(self, memo):
        made = type(self)()
        made.first, made.last = self.first, copy.deepcopy(self.last, memo)
        return made


def side(model, rate):
    return training(model, optimizer=lambda p: torch.optim.SGD(p, lr=rate))


@pytest.mark.parametrize("make", [Rebuilt, lambda: nn.Sequential(nn.Linear(6, 6), Rebuilt())])
def test_a_module_that_is_built_anew_for_its_copy_is_trained_as_any_other(make):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, other = (make() for _ in range(2))
    assert not torch.equal(torch.get_rng_state(), before)
    before = torch.get_rng_state()
    assert reported(side(one, 0.1), side(other, 0.1)).same
    report = reported(side(one, 0.1), side(other, 0.5))
    assert report.level == "step", str(report)
    assert torch.equal(torch.get_rng_state(), before)


def hooked():
    model = Rebuilt()
    model.last.register_forward_hook(lambda layer, x, output: 2 * output)
    return model


def frozen():
    model = Rebuilt()
    model.last.bias.requires_grad_(False)
    return model


class Holding(nn.Module):
    """Holds a weight of a module that copies itself, beside that module."""

    def __init__(self):
        super().__init__()
        self.inner = Rebuilt()
        self.held = [self.inner.last.weight]

    def forward(self, x):
        return self.inner(x) + self.held[0].sum()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Sharing, r"Sharing.__deepcopy__ makes a copy that shares first with the model"),
        (lambda: Rebuilt(0.25), r"Rebuilt.__deepcopy__ makes a copy that has another scale"),
        (hooked, r"Rebuilt.__deepcopy__ makes a copy with other hooks of last"),
        (frozen, r"Rebuilt.__deepcopy__ makes a copy that has another last.bias"),
        (Holding, r"the copy of the optimizer SGD holds another inner.last.weight"),
    ],
)
def test_a_copy_that_is_none_is_refused(make, said):
    model = make()
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(RequestError, match=said):
        reported(side(model, 0.1), side(make(), 0.1))
    assert [p.dtype for p in model.parameters()] == [p.dtype for p in before]
    assert all(map(torch.equal, before, model.parameters()))


def registered(held):
    """Return a class of modules that find their last layer, or its weight, by a class's table."""

    class Registered(Scaled):
        table = {}  # noqa: RUF012 - as users write it

        def __init__(self):
            super().__init__()
            self.key = len(self.table)
            self.table[self.key] = held(self.last)

        def forward(self, x):
            found, h = self.table[self.key], torch.tanh(self.first(x))
            return found(h) if isinstance(found, nn.Module) else torch.cat([h @ found.T])

    return Registered


@pytest.mark.parametrize("held", [lambda layer: layer, lambda layer: layer.weight])
def test_a_model_that_finds_its_own_layers_by_a_registry_is_refused(held):
    model, other = (registered(held)().double() for _ in range(2))
    with pytest.raises(RequestError, match=r"uses last\.weight of the PyTorch model itself"):
        reported(side(model, 0.1), side(other, 0.1))
    assert all(p.grad is None for p in model.parameters())


def test_gradients_that_reach_the_model_itself_are_refused_and_taken_back():
    model = nn.Linear(6, 3)
    model(torch.ones(1, 6)).sum().backward()
    before, untouched = model.bias.grad.clone(), Untouched(model)
    untouched.check()
    model(torch.ones(1, 6)).sum().backward()
    with pytest.raises(RequestError, match=r"changes weight\.grad of the PyTorch model itself"):
        untouched.check()
    assert torch.equal(model.bias.grad, before)


def test_modules_that_torch_fx_makes_are_compared_with_those_they_are_made_of():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    traced = torch.fx.symbolic_trace(copy.deepcopy(model))
    assert reported(side(model, 0.1), side(traced, 0.1)).same
    assert reported(side(model, 0.1), side(traced, 0.2)).level == "step"
