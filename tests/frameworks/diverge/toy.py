"""A network of two layers on thirty rows, in scratch and in PyTorch, to be changed on one side."""

from dataclasses import dataclass

import numpy as np

from frameworks import Parts, Spec
from frameworks.blueprint import Blueprint
from frameworks.diverge import Side, Split, walk


@dataclass(frozen=True)
class Numbers(Spec):
    inputs: int = 4
    outputs: int = 3
    epochs: int = 3
    batch_size: int = 8
    learning_rate: float = 0.125


SPEC, HIDDEN = Numbers(), 5
_rng = np.random.default_rng(3)
_X, _y = _rng.normal(size=(42, 4)), _rng.integers(0, 3, size=42)
SPLIT = Split(_X[:30], _y[:30], _X[30:], _y[30:], np.arange(3), "made-up", "stand-in")


def draw(spec, rng):
    pairs = (4, HIDDEN), (HIDDEN, 3)
    return [w for a, b in pairs for w in (rng.normal(size=(a, b)) / 2, rng.normal(size=b) / 4)]


def build_scratch(spec=SPEC) -> Parts:
    from scratch import SGD, CategoricalCrossEntropy, Dense, Sequential, Tanh

    network = Sequential(Dense(4, HIDDEN), Tanh(), Dense(HIDDEN, 3))
    optimizer = SGD(learning_rate=spec.learning_rate)
    return Parts(network, CategoricalCrossEntropy(), optimizer, draw)


def build_pytorch(spec=SPEC) -> Parts:
    import torch
    from torch import nn

    network = nn.Sequential(nn.Linear(4, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 3))
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, draw)


def side(implementation, change=None, build=None, data=SPLIT, **options):
    """Return one side, whose parts `change` replaces or changes in place."""
    stock = {"scratch": build_scratch, "pytorch": build_pytorch}
    build = build or stock[implementation]

    def build_changed(spec=SPEC):
        parts = build(spec)
        return (change(parts) if change else None) or parts

    builders = stock | {implementation: build_changed}
    blueprint = Blueprint("toy", SPEC, builders)
    return Side(blueprint, implementation, data, **options)


def both_ways(a, b, **options):
    """Walk in both orders; return the two walks, which must name the same level and cause."""
    one, other = walk(a, b, **options), walk(b, a, **options)
    said = [[(each.level, each.cause) for each in found.findings] for found in (one, other)]
    assert said[0] == said[1]
    return one, other
