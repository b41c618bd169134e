"""PyTorch's decoder layer beside one of linear layers, whatever these are called."""

import numpy as np
import pytest
import torch
from torch import nn

from lockstep import diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, MEMORY, y = RNG.normal(size=(16, 5, 8)), RNG.normal(size=(16, 4, 8)), RNG.integers(0, 3, 16)
D = 8


class Stock(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.TransformerDecoderLayer(D, 2, 12, dropout=0.0, batch_first=True)
        self.last = nn.Linear(D, 3)

    def forward(self, x, memory):
        mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=x.dtype)
        return self.last(self.t(x, memory, tgt_mask=mask).mean(1))


def heads(x):
    return x.unflatten(2, (2, -1)).transpose(1, 2)


def attended(q, k, v, causal=False):
    scores = heads(q) @ heads(k).transpose(2, 3) / (D // 2) ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones(5, 5, dtype=torch.bool).triu(1), -torch.inf)
    return (scores.softmax(-1) @ heads(v)).transpose(1, 2).flatten(2)


class ByHand(nn.Module):
    """The same of linear layers, of which the names of the two attentions' are given."""

    def __init__(self, names, memory_again=False):
        super().__init__()
        self.names, self.memory_again = names, memory_again
        for name in names:
            self.add_module(name, nn.Linear(D, D))
        self.wide, self.narrow = nn.Linear(D, 12), nn.Linear(12, D)
        self.norms, self.last = nn.ModuleList(nn.LayerNorm(D) for _ in range(3)), nn.Linear(D, 3)

    def forward(self, x, memory):
        q, k, v, o, q2, k2, v2, o2 = map(self.get_submodule, self.names)
        x = self.norms[0](x + o(attended(q(x), k(x), v(x), causal=True)))
        x = self.norms[1](x + o2(attended(q2(x), k2(memory), v2(memory if not self.memory_again
                                                               else memory.flip(1)))))  # fmt: skip
        x = self.norms[2](x + self.narrow(torch.relu(self.wide(x))))
        return self.last(x.mean(1))


class Packed(ByHand):
    """The same, with queries, keys and values in one layer, or in two."""

    def __init__(self):
        super().__init__(["o", "o2", "cq"])
        self.qkv, self.kv = nn.Linear(D, 3 * D), nn.Linear(D, 2 * D)

    def forward(self, x, memory):
        x = self.norms[0](x + self.o(attended(*self.qkv(x).chunk(3, -1), causal=True)))
        x = self.norms[1](x + self.o2(attended(self.cq(x), *self.kv(memory).chunk(2, -1))))
        x = self.norms[2](x + self.narrow(torch.relu(self.wide(x))))
        return self.last(x.mean(1))


NAMES = {
    "numbered": "q1 k1 v1 o1 q2 k2 v2 o2",
    "the second numbered": "q k v o q2 k2 v2 o2",
    "the first numbered": "q0 k0 v0 o q k v co",
    "prefixed": "self_q self_k self_v self_o cross_q cross_k cross_v cross_o",
    "without a meaning": "a b c d e f g h",
}


def compared(a, b):
    return diverge(training(a), training(b), (X, MEMORY), y, steps=4, batch_size=8)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("own", [*NAMES, "packed"])
def test_it_is_the_same_whatever_its_layers_are_called(own, order):
    by_hand = Packed() if own == "packed" else ByHand(NAMES[own].split())
    report = compared(*[Stock(), by_hand][::order])
    assert report.same, str(report)


@pytest.mark.parametrize("own", NAMES)
def test_values_that_are_taken_in_another_order_are_found(own):
    assert not compared(Stock(), ByHand(NAMES[own].split(), memory_again=True)).same
