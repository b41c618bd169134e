"""What a Keras layer says of itself."""

from collections.abc import Callable
from typing import Any

from frameworks.keras.facts.activations import activation_entries
from frameworks.keras.facts.images import (
    convolution,
    pooling,
    separable_convolution,
    transposed_convolution,
)
from frameworks.keras.facts.sequences import attention, bidirectional, cell, embedding, recurrent
from frameworks.keras.facts.weights import weight_entries
from frameworks.keras.loading import keras
from frameworks.live.stating import Entry, facts, given, plain_attributes
from frameworks.probe import kind_of
from frameworks.recordings.trace import Facts

__all__ = ["layer_facts"]

Entries = dict[str, Entry]
Shape = tuple[int, ...] | None


_OF_KNOWN_CELLS = keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU


def layer_facts(layer: Any, input_shape: Shape = None) -> Facts:
    """Return the facts of a layer, or of an activation function such as `layer.activation`.

    `input_shape` is the canonical shape of one row: paddings depend on it. A layer whose kind is
    not known is stated with its kind alone.
    """
    kind, entries = activation_entries(layer)
    if entries is not None:
        return facts(kind, entries | weight_entries(layer))
    inner = getattr(layer, "forward_layer", layer)
    if isinstance(inner, keras.layers.RNN) and not isinstance(inner, _OF_KNOWN_CELLS):
        kind = f"rnn of {type(inner.cell).__name__}"
        kind = kind if inner is layer else f"bidirectional {kind}"
        return facts(kind, weight_entries(layer))
    kind = kind_of(layer)
    read = _READERS.get(kind)
    entries = (read(layer, input_shape) if read else {}) | weight_entries(layer)
    return facts(kind, entries | _own_attributes(layer))


def _own_attributes(layer: Any) -> Entries:
    """Return the plain attributes of a layer of the user's own."""
    if not isinstance(layer, keras.Layer) or type(layer).__module__.startswith("keras."):
        return {}
    own = plain_attributes(layer, {*vars(keras.Layer(name="any")), "built"})
    return {f"attribute_{name}": (value, f"{name}={value!r}") for name, value in own.items()}


def _dense(layer: Any, input_shape: Shape) -> Entries:
    return given(layer, units="units", bias="use_bias")


def _batch_normalization(layer: Any, input_shape: Shape) -> Entries:
    """Keras keeps `momentum` of the old statistics, and the biased variance."""
    entries = given(layer, epsilon="epsilon", keep="momentum", scale="scale", shift="center")
    entries["unbiased"] = False, "running variance of the batch's biased variance"
    if not layer.trainable:
        entries["statistics"] = "running", "trainable=False"
    if getattr(layer, "renorm", False):
        entries |= given(layer, renorm="renorm")
    return entries | _axes(layer, input_shape)


def _layer_normalization(layer: Any, input_shape: Shape) -> Entries:
    entries = given(layer, epsilon="epsilon", scale="scale", shift="center")
    return entries | _axes(layer, input_shape)


def _rms_normalization(layer: Any, input_shape: Shape) -> Entries:
    return given(layer, epsilon="epsilon") | {"scale": (True, "scale")} | _axes(layer, input_shape)


def _group_normalization(layer: Any, input_shape: Shape) -> Entries:
    entries = given(layer, epsilon="epsilon", scale="scale", shift="center")
    groups = layer.groups
    if groups == -1 and input_shape is not None:
        groups = input_shape[-1]
    return entries | {"groups": (groups, f"groups={layer.groups}")}


def _axes(layer: Any, input_shape: Shape) -> Entries:
    """Return the axes, counted from the last, if they are others than the channels."""
    own = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    rank = None if input_shape is None else len(input_shape) + 1
    axes = tuple(i if i < 0 else i - rank if rank else i for i in own)
    first = getattr(layer, "data_format", None) == "channels_first"
    return {} if axes in ((-1,), ()) or first else {"axes": (axes, f"axis={layer.axis}")}


def _dropout(layer: Any, input_shape: Shape) -> Entries:
    entries = given(layer, rate="rate")
    if "Spatial" in type(layer).__name__:
        return entries | {"whole_channels": (True, type(layer).__name__)}
    if layer.noise_shape is not None:
        entries["noise_shape"] = tuple(layer.noise_shape), f"noise_shape={layer.noise_shape}"
    return entries


def _noise(layer: Any, input_shape: Shape) -> Entries:
    return given(layer, **{name: name for name in ("rate", "stddev")
                           if isinstance(getattr(layer, name, None), int | float)})  # fmt: skip


_READERS: dict[str, Callable[[Any, Shape], Entries]] = {
    "dense": _dense,
    "convolution": convolution,
    "separable convolution": separable_convolution,
    "transposed convolution": transposed_convolution,
    "max pooling": pooling,
    "average pooling": pooling,
    "batch normalization": _batch_normalization,
    "layer normalization": _layer_normalization,
    "group normalization": _group_normalization,
    "rms normalization": _rms_normalization,
    "dropout": _dropout,
    **dict.fromkeys(("alpha dropout", "gaussian dropout", "gaussian noise"), _noise),
    "embedding": embedding,
    "simple rnn": recurrent,
    "lstm": recurrent,
    "gru": recurrent,
    **dict.fromkeys(("simple rnn cell", "lstm cell", "gru cell"), cell),
    "bidirectional": bidirectional,
    "attention": attention,
}
