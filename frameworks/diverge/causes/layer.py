"""The layer at which two networks differ: its kind, its weights and its input."""

import numpy as np

from frameworks.diverge.evidence import Evidence

__all__ = ["input_of", "kind_of", "weights_of"]

Array = np.ndarray


def kind_of(evidence: Evidence) -> str:
    """Return the kind of the layer, or "" for the network's outputs."""
    layers, place = evidence.layers[0], evidence.places[0]
    return layers[place].kind if place < len(layers) else ""


def input_of(evidence: Evidence) -> Array:
    """Return the layer's input, which is equal on both sides."""
    layers, place = evidence.layers[0], evidence.places[0]
    if place < len(layers):
        given = layers[place].inputs
        if given is not None:
            return given
    if place == 0:
        return evidence.a.batch.X
    before = layers[place - 1].values
    return evidence.a.batch.X if before is None else before


def weights_of(evidence: Evidence) -> list[Array]:
    """Return the weights of the layer."""
    layers, place = evidence.layers[0], evidence.places[0]
    start = sum(layer.weights for layer in layers[:place])
    count = layers[place].weights if place < len(layers) else 0
    own = evidence.arrays[start : start + count]
    return [evidence.a.opened.initial_weights[i] for i in own]
