"""A pass through a scratch network, layer by layer, nested ones too."""

from collections.abc import Generator, Iterator, Sequence

import numpy as np

import scratch
from scratch.branches import Branches

__all__ = ["leaves", "walk"]


def leaves(network: scratch.Sequential) -> Iterator[scratch.Layer]:
    """Yield a network's layers, in order, those of its inner networks in their place."""
    for layer in network.layers:
        if isinstance(layer, scratch.Sequential):
            yield from leaves(layer)
        else:
            yield layer


Step = tuple[scratch.Layer, np.ndarray, np.ndarray]


def walk(layer: scratch.Layer, x: np.ndarray, training: bool = False) -> Iterator[Step]:
    """Pass x through; yield each layer, nested ones too, with its input and its output."""
    if isinstance(layer, Branches):
        outputs = []
        for branch in layer.layers:
            outputs.append((yield from _through([branch], x, training)))
        yield layer, x, layer.join(outputs)
    elif isinstance(layer, scratch.Sequential):
        a = yield from _through(layer.layers, x, training)
        if isinstance(layer, scratch.Residual):
            yield layer, a, x + a
    else:
        yield layer, x, layer.forward(x, training)


def _through(
    layers: Sequence[scratch.Layer], x: np.ndarray, training: bool
) -> Generator[Step, None, np.ndarray]:
    """Pass x through layers in sequence, in the same way; return their output."""
    for layer in layers:
        for step in walk(layer, x, training):
            yield step
            x = step[2]
    return x
