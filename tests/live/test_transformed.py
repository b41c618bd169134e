"""What `torch.func` transforms, as `vmap` and `grad` do, is compared by what comes of it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(16, 6)), RNG.integers(2, size=16)


class Rows(nn.Module):
    """A network that takes its rows one by one, or all at once."""

    def __init__(self, one_by_one, times=2):
        super().__init__()
        self.fc, self.out = nn.Linear(6, 4), nn.Linear(4, 2)
        self.one_by_one, self.times = one_by_one, times

    def hidden(self, x):
        return torch.tanh(self.fc(x)) * self.times

    def forward(self, x):
        return self.out(torch.vmap(self.hidden)(x) if self.one_by_one else self.hidden(x))


class Slope(Rows):
    """The same, moved by the gradient of its hidden units."""

    def forward(self, x):
        if self.one_by_one:
            moved = torch.func.vmap(torch.func.grad(lambda row: self.hidden(row).sum()))(x)
        else:
            with torch.enable_grad():
                x = x.clone().requires_grad_()
                (moved,) = torch.autograd.grad(self.hidden(x).sum(), x, create_graph=True)
        return self.out(self.fc(x + moved))


@pytest.mark.parametrize("sides", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("kind", [Rows, Slope])
def test_rows_one_by_one_are_all_rows(kind, sides):
    report = diverge(*(training(kind(side)) for side in sides), X, y, steps=3, batch_size=8)
    assert report.same, str(report)


def test_what_differs_inside_is_found():
    report = diverge(
        training(Rows(True)), training(Rows(False, times=3)), X, y, steps=2, batch_size=8
    )
    assert not report.same
    assert report.level == "forward"


class Frozen(nn.Module):
    """A layer that learns nothing: frozen, or given its own weights without their gradient."""

    def __init__(self, way, width=6):
        super().__init__()
        self.fc, self.kept, self.out = nn.Linear(6, 6), nn.Linear(6, width), nn.Linear(width, 2)
        self.way = way
        self.kept.requires_grad_(way != "frozen")

    def forward(self, x):
        z = torch.tanh(self.fc(x))
        own = {name: p.detach() for name, p in self.kept.named_parameters()}
        if self.way == "functional_call":
            z = torch.func.functional_call(self.kept, own, z)
        elif self.way == "linear":
            z = F.linear(z, own["weight"], own["bias"])
        else:
            z = self.kept(z)
        return self.out(torch.relu(z))


@pytest.mark.parametrize("width", [6, 5])  # square, where nothing tells rows from columns, or not
@pytest.mark.parametrize("way", ["functional_call", "linear"])
@pytest.mark.parametrize("order", [1, -1])
def test_weights_without_their_gradient_are_those_of_their_module(way, width, order):
    def compared(one, other):
        sides = [training(Frozen(one, width)), training(Frozen(other, width))]
        return diverge(*sides[::order], X, y, steps=3, batch_size=8)

    report = compared("frozen", way)
    assert report.same, str(report)
    assert compared("trained", way).level == "gradient"


def test_a_layer_without_use_may_compute_its_weights_of_others():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 2)
            self.unused = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6))

        def forward(self, x):
            return self.fc(x)

    assert diverge(training(Beside()), training(Beside()), X, y, steps=2, batch_size=8).same
