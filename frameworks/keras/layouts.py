"""How each kind of Keras layer maps to the canonical weights, whose layout is Keras' own."""

from frameworks.keras.loading import keras

__all__ = ["canonical", "canonical_states"]


def canonical(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return a layer's own weights in the canonical layout; TypeError for an unknown layer."""
    if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
        return [layer.kernel, *([] if layer.bias is None else [layer.bias])]
    if isinstance(layer, keras.layers.BatchNormalization):
        return [w for w in (layer.gamma, layer.beta) if w is not None]
    if layer.weights:
        raise TypeError(f"the canonical layout of {type(layer).__name__} is not known")
    return []


def canonical_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return what a layer learns without a gradient, in the canonical order."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return [layer.moving_mean, layer.moving_variance]
    return []
