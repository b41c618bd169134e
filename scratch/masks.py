"""Masks over a network's flat parameter vector (p,), to select parameters."""

import numpy as np

from scratch.layers.layer import Layer
from scratch.network import Sequential

__all__ = ["layer_mask", "weight_mask"]


def weight_mask(network: Sequential) -> np.ndarray:
    """Return True for weights and kernels, False for vectors, such as biases.

    >>> from scratch import Dense
    >>> weight_mask(Sequential(Dense(1, 2), Dense(2, 1)))
    array([ True,  True, False, False,  True,  True, False])
    """
    return _join([np.full(w.size, w.ndim > 1) for w in network.weights])


def layer_mask(network: Sequential, *layers: Layer) -> np.ndarray:
    """Return True for the parameters of the given layers of the network, False for all others.

    Raises ValueError for a layer that is not in the network.

    >>> from scratch import Dense
    >>> head = Dense(2, 1)
    >>> layer_mask(Sequential(Dense(1, 2), head), head)
    array([False, False, False, False,  True,  True,  True])
    """
    for layer in layers:
        if not any(layer is own for own in network.layers):
            raise ValueError(f"layers: {layer!r} is not in the network")
    meant = [p for layer in layers for p in layer.params]
    return _join([np.full(p.size, any(p is own for own in meant)) for p in network.params])


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([*parts, np.empty(0, bool)])
