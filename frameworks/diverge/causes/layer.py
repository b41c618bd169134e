"""The layer at which two networks differ: its kind, its weights and its input."""

import numpy as np

from frameworks.diverge.evidence import Evidence
from frameworks.probe import LayerOutput

__all__ = ["input_of", "kind_of", "weights_of"]

Array = np.ndarray


def _layers(evidence: Evidence) -> list[LayerOutput]:
    """Return side a's layers, in the mode in which they differ."""
    training = evidence.found.where.endswith("training mode")
    return evidence.a.training_layers if training else evidence.a.layers


def kind_of(evidence: Evidence) -> str:
    """Return the kind of the layer, or "" for the network's outputs."""
    layers = _layers(evidence)
    return layers[evidence.item.position].kind if evidence.item.position < len(layers) else ""


def input_of(evidence: Evidence) -> Array:
    """Return the layer's input, which is equal on both sides."""
    layers = _layers(evidence)
    if evidence.item.position < len(layers):
        given = layers[evidence.item.position].inputs
        if given is not None:
            return given
    if evidence.item.position == 0:
        return evidence.a.batch.X
    before = _layers(evidence)[evidence.item.position - 1].values
    return evidence.a.batch.X if before is None else before


def weights_of(evidence: Evidence) -> list[Array]:
    """Return the weights of the layer."""
    layers = _layers(evidence)
    start = sum(layer.weights for layer in layers[: evidence.item.position])
    count = layers[evidence.item.position].weights if evidence.item.position < len(layers) else 0
    return evidence.a.opened.initial_weights[start : start + count]
