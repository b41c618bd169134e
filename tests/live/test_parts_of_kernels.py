"""A layer's kernel that functions are given, whole or in parts, is handed over as the layer's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
y = RNG.integers(0, 3, 16)
ROWS, SEQUENCES, IMAGES = (RNG.normal(size=(16, *each)) for each in ((6,), (4, 6), (3, 5, 5)))


class Network(nn.Module):
    """Layers, and what is computed with them."""

    def __init__(self, layers, compute):
        super().__init__()
        self.layers, self.compute = nn.ModuleDict(layers()), compute

    def forward(self, x):
        return self.compute(**self.layers, x=x)


def halves():
    return {"inner": nn.Linear(6, 6), "wide": nn.Linear(6, 8), "last": nn.Linear(4, 3)}


def in_one_call(inner, wide, last, x, gate=torch.sigmoid):
    a, b = wide(torch.relu(inner(x))).chunk(2, -1)
    return last(a * gate(b))


def in_two_calls(inner, wide, last, x, gate=torch.sigmoid):
    h, (W, V), (b, c) = torch.relu(inner(x)), wide.weight.chunk(2), wide.bias.chunk(2)
    return last(F.linear(h, W, b) * gate(F.linear(h, V, c)))


def in_two_products(inner, wide, last, x, gate=torch.sigmoid):
    h, W, b = torch.relu(inner(x)), wide.weight, wide.bias
    return last((h @ W[:4].T + b[:4]) * gate(h @ W[4:].T + b[4:]))


def mixing():
    return {"tokens": nn.Linear(4, 4), "last": nn.Linear(6, 3)}


def transposed(tokens, last, x, bend=torch.tanh):
    return last(bend(tokens(x.transpose(1, 2))).mean(2))


def by_einsum(tokens, last, x, bend=torch.tanh):
    mixed = torch.einsum("ntd,ht->ndh", x, tokens.weight) + tokens.bias
    return last(bend(mixed).mean(2))


def convolving():
    return {"first": nn.Conv2d(3, 4, 3, padding=1), "both": nn.Conv2d(7, 3, 3, padding=1)}


def joined(first, both, x, bend=torch.relu):
    return both(torch.cat([bend(first(x)), x], 1)).mean((2, 3))


def in_parts(first, both, x, bend=torch.relu):
    W = both.weight
    z = F.conv2d(bend(first(x)), W[:, :4], both.bias, padding=1) + F.conv2d(x, W[:, 4:], padding=1)
    return z.mean((2, 3))


WAYS = {
    "two calls": (halves, in_one_call, in_two_calls, ROWS),
    "two products": (halves, in_one_call, in_two_products, ROWS),
    "another axis": (mixing, transposed, by_einsum, SEQUENCES),
    "what a convolution is given": (convolving, joined, in_parts, IMAGES),
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("way", WAYS)
def test_a_kernel_in_parts_is_the_layers(way, order):
    layers, whole, apart, X = WAYS[way]
    both = [Network(layers, whole), Network(layers, apart)][::order]
    report = diverge(*map(training, both), X, y, steps=4, batch_size=8)
    assert report.same, str(report)
    assert not any("counterpart" in note for note in report.notes)


@pytest.mark.parametrize("way", WAYS)
def test_what_differs_beside_them_is_found(way):
    layers, whole, apart, X = WAYS[way]
    name = "gate" if layers is halves else "bend"
    other = Network(layers, lambda **own: apart(**own, **{name: F.elu}))
    report = diverge(*map(training, (Network(layers, whole), other)), X, y, steps=4, batch_size=8)
    assert not report.same
    assert report.cause is None or "elu" in report.cause
