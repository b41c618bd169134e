"""How each kind of Keras layer maps to the canonical weights, most of which are laid out alike."""

import math

import numpy as np

from frameworks.keras.loading import keras
from frameworks.layout import Arrays, Layout

__all__ = ["canonical_states", "in_order", "layout_of"]

_KERNELS = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
)

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)

_CELLS = (keras.layers.SimpleRNNCell, keras.layers.LSTMCell, keras.layers.GRUCell)


def layout_of(layer: keras.layers.Layer) -> Layout:
    """Return the layout of one layer's own weights; TypeError for an unknown one of Keras."""
    if isinstance(layer, _KERNELS):
        return Layout.same(layer.kernel, layer.bias)
    if isinstance(layer, keras.layers.DepthwiseConv1D | keras.layers.DepthwiseConv2D):
        return _depthwise(layer)
    if isinstance(layer, _NORMALIZATIONS):
        return Layout.same(layer.gamma, layer.beta)
    if isinstance(layer, keras.layers.RMSNormalization):
        return Layout.same(layer.scale)
    if isinstance(layer, keras.layers.Embedding):
        return Layout.same(layer.embeddings)
    if isinstance(layer, keras.layers.RNN) and isinstance(layer.cell, _CELLS):
        return _recurrent(layer.cell)
    if isinstance(layer, _CELLS):
        return _recurrent(layer)
    if isinstance(layer, keras.layers.Bidirectional):
        return Layout.joined(layout_of(layer.forward_layer), layout_of(layer.backward_layer))
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return _attention(layer)
    if not type(layer).__module__.startswith("keras."):  # of the user's own: as it is
        return Layout.same(*layer.trainable_weights)
    if layer.weights:
        raise TypeError(f"the canonical layout of {type(layer).__name__} is not known")
    return Layout.same()


def _depthwise(layer: keras.layers.Layer) -> Layout:
    """The kernel (..., c, m) as a convolution in c groups has it, (..., 1, c·m); perhaps a bias."""
    own = [w for w in (layer.kernel, layer.bias) if w is not None]
    *size, c, m = layer.kernel.shape
    return Layout(
        own,
        len(own),
        lambda a: [a[0].reshape(*size, 1, c * m), *a[1:]],
        lambda a: [a[0].reshape(*size, c, m), *a[1:]],
    )


def _recurrent(cell: keras.layers.Layer) -> Layout:
    """W, U and b; a GRU that resets after the product has two biases in one array (2, 3 d_out)."""
    own = [w for w in (cell.kernel, cell.recurrent_kernel, cell.bias) if w is not None]
    if len(own) < 3 or len(cell.bias.shape) == 1:
        return Layout.same(*own)
    return Layout(own, 4, _apart, _stacked)


def _apart(arrays: Arrays) -> list[np.ndarray]:
    W, U, b = arrays
    return [W, U, *b]


def _stacked(arrays: Arrays) -> list[np.ndarray]:
    W, U, *b = arrays
    return [W, U, np.stack(b)]


def _attention(layer: keras.layers.MultiHeadAttention) -> Layout:
    """W and b for queries, keys, values and outputs, in which Keras keeps the heads apart."""
    own = layer.weights
    shapes = [tuple(w.shape) for w in own]
    step = len(own) // 4
    flat: list[tuple[int, ...]] = [(shape[0], -1) if len(shape) > 2 else (-1,) for shape in shapes]
    flat[-step] = math.prod(shapes[-step][:2]), -1  # of the heads, as rows
    return Layout(own, len(own), lambda a: _reshaped(a, flat), lambda a: _reshaped(a, shapes))


def _reshaped(arrays: Arrays, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    return [a.reshape(shape) for a, shape in zip(arrays, shapes, strict=True)]


def in_order(network: keras.Model) -> list[keras.layers.Layer]:
    """Return a network's layers in the canonical order: branch by branch, each to its end.

    That is the order of scratch's `Concatenate` and `Add`; Keras sorts a network that forks by the
    distance to the output, which puts the branches' layers alternately.
    """
    if isinstance(network, keras.Sequential) or not hasattr(network, "operations"):
        return network.layers
    seen: set[tuple[int, int]] = set()
    places: dict[int, int] = {}

    def follow(tensor: keras.KerasTensor) -> None:
        """Go back from a tensor to the inputs; count the operations on the way."""
        operation, call, _ = tensor._keras_history
        if (id(operation), call) not in seen:
            seen.add((id(operation), call))
            for source in operation._inbound_nodes[call].input_tensors:
                follow(source)
            places.setdefault(id(operation), len(places))

    for output in network.outputs:
        follow(output)
    return sorted(network.layers, key=lambda layer: places.get(id(layer), len(places)))


def canonical_states(
    layer: keras.layers.Layer, names: tuple[str, ...] = ()
) -> list[keras.Variable]:
    """Return what one layer learns without a gradient, in the canonical order.

    `names`: what layers of a page's own keep (see `frameworks.program.Program`).
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return [layer.moving_mean, layer.moving_variance]
    return [getattr(layer, name) for name in names if hasattr(layer, name)]
