"""A pass through a scratch network, layer by layer, nested ones too."""

from collections.abc import Iterator

import numpy as np

import scratch

__all__ = ["leaves", "walk"]


def leaves(network: scratch.Sequential) -> Iterator[scratch.Layer]:
    """Yield a network's layers, in order, those of its inner networks in their place."""
    for layer in network.layers:
        if isinstance(layer, scratch.Sequential):
            yield from leaves(layer)
        else:
            yield layer


def walk(
    network: scratch.Sequential, x: np.ndarray, training: bool = False
) -> Iterator[tuple[scratch.Layer, np.ndarray, np.ndarray]]:
    """Pass x through; yield each layer, nested ones too, with its input and its output."""
    start = x
    for layer in network.layers:
        if isinstance(layer, scratch.Sequential):
            for step in walk(layer, x, training):
                yield step
                x = step[2]
        else:
            a = layer.forward(x, training)
            yield layer, x, a
            x = a
    if isinstance(network, scratch.Residual):
        yield network, x, start + x
