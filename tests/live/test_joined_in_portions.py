"""Three arrays that are joined at once, or by two and two: one function corresponds to several."""

import keras
import numpy as np
import pytest
import torch
from torch import nn

from lockstep import Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 6)), RNG.integers(0, 5, 24)
JOINED = {
    "sum": (keras.layers.Add, lambda u, v, w: u + v + w, lambda u, v, w: u + (v + w)),
    "product": (keras.layers.Multiply, lambda u, v, w: u * v * w, lambda u, v, w: w * v * u),
    "concatenation": (
        keras.layers.Concatenate,
        lambda u, v, w: torch.cat([u, v, w], 1),
        lambda u, v, w: torch.cat([torch.cat([u, v], 1), w], 1),
    ),
}


class Joining(nn.Module):
    """Three layers of one input, joined before the last."""

    def __init__(self, join, width=8):
        super().__init__()
        self.c, self.b, self.a = (nn.Linear(6, 8) for _ in range(3))
        self.out, self.join = nn.Linear(width, 5), join

    def forward(self, x):
        u, v = torch.relu(self.a(x)), torch.tanh(self.b(x))
        return self.out(self.join(u, v, self.c(x)))


def in_pytorch(join, how):
    model = Joining(join, 24 if how == "concatenation" else 8)
    return Training(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.0625))


def in_keras(layer):
    x, dense = keras.layers.Input((6,)), keras.layers.Dense
    joined = layer()([dense(8, "relu")(x), dense(8, "tanh")(x), dense(8)(x)])
    model = keras.Model(x, dense(5)(joined))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0625), loss)
    return Training(model)


def compared(a, b):
    return diverge(a, b, X, Y, steps=2, batch_size=8)


@pytest.mark.parametrize("how", JOINED)
def test_what_is_joined_at_once_is_what_is_joined_by_two_and_two(how):
    layer, *joins = JOINED[how]
    sides = [in_keras(layer), *(in_pytorch(join, how) for join in joins)]
    for k, a in enumerate(sides):
        for b in [*sides[:k], *sides[k + 1 :]]:
            report = compared(a, b)
            assert report.same, str(report)


@pytest.mark.parametrize(
    "wrong", [lambda u, v, w: u + v, lambda u, v, w: u + v - w, lambda u, v, w: u + v + 2 * w]
)
def test_another_sum_differs_where_it_is_joined(wrong):
    ours, theirs = in_keras(keras.layers.Add), in_pytorch(wrong, "sum")
    for report in (compared(ours, theirs), compared(theirs, ours)):
        assert report.level == "forward"
        assert "add" in report.place
        assert report.cause is None
