"""The layer at which two networks part, and what went into it."""

import numpy as np

from frameworks.diverge.evidence import Evidence
from frameworks.diverge.layers import align
from frameworks.probe import LayerOutput

__all__ = ["input_of", "kind_of", "outputs_of", "weights_of"]

Array = np.ndarray


def outputs_of(evidence: Evidence) -> tuple[Array, Array]:
    """Return the two outputs that part, first those of a layer, else the network's."""
    a, b = evidence.a, evidence.b
    if evidence.found.where == "the network's outputs":
        return a.outputs, b.outputs
    ours, theirs = _layers(evidence)
    j = dict(align(ours, theirs))[evidence.position]
    x, y = ours[evidence.position].values, theirs[j].values
    assert x is not None
    assert y is not None
    return x, y


def _layers(evidence: Evidence) -> tuple[list[LayerOutput], list[LayerOutput]]:
    if evidence.found.where.endswith("training mode"):
        return evidence.a.training_layers, evidence.b.training_layers
    return evidence.a.layers, evidence.b.layers


def kind_of(evidence: Evidence) -> str:
    """Return the kind of the layer, or nothing for the network's outputs."""
    layers = _layers(evidence)[0]
    return layers[evidence.position].kind if evidence.position < len(layers) else ""


def input_of(evidence: Evidence) -> Array:
    """Return what went into the layer: it is equal on both sides."""
    if evidence.position == 0:
        return evidence.a.batch.X
    before = _layers(evidence)[0][evidence.position - 1].values
    return evidence.a.batch.X if before is None else before


def weights_of(evidence: Evidence) -> list[Array]:
    """Return the weights of the layer."""
    layers = _layers(evidence)[0]
    start = sum(layer.weights for layer in layers[: evidence.position])
    count = layers[evidence.position].weights if evidence.position < len(layers) else 0
    return evidence.a.opened.initial_weights[start : start + count]
