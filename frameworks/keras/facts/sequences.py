"""What Keras' embeddings, recurrent layers and attention say of themselves."""

from collections.abc import Mapping
from typing import Any

from frameworks.keras.facts.activations import activation_entries
from frameworks.keras.facts.rounding import rounded
from frameworks.keras.loading import keras
from frameworks.live.stating import Entry, given

__all__ = ["attention", "bidirectional", "cell", "embedding", "recurrent"]

Entries = dict[str, Entry]
Shape = tuple[int, ...] | None


def embedding(layer: Any, input_shape: Shape) -> Entries:
    """Return an embedding's entries.

    On TensorFlow its gradient lists every occurrence of a token, and optimizers square each of
    them before they are added; a penalty makes the gradient dense.
    """
    entries = given(layer, tokens="input_dim", units="output_dim")
    if layer.mask_zero:
        entries["masked"] = 0, "mask_zero=True"
    dense = layer.embeddings_regularizer is not None
    if keras.config.backend() == "tensorflow" and not dense:
        entries["gradient"] = "by occurrence", "a sparse gradient: each occurrence is squared"
    return entries


def recurrent(layer: Any, input_shape: Shape) -> Entries:
    """Return a recurrent layer's entries: those of its cell, and how it goes through the steps."""
    entries = cell(layer, input_shape) | given(layer, return_sequences="return_sequences")
    options = {
        "reverse": "go_backwards",
        "zero_at_padding": "zero_output_for_mask",
        "keeps_state": "stateful",
    }
    return entries | _if_set(layer, options)


def cell(layer: Any, input_shape: Shape) -> Entries:
    """Return what a recurrent layer and a cell, which takes one step, both state.

    A GRU that resets after the product has two biases.
    """
    entries = given(layer, units="units")
    entries["activation"] = _function("activation", layer.activation)
    if hasattr(layer, "recurrent_activation"):
        gates = _function("recurrent_activation", layer.recurrent_activation)
        entries["recurrent_activation"] = gates
    biases = int(layer.use_bias)
    if hasattr(layer, "reset_after"):
        entries |= given(layer, reset_after="reset_after")
        biases *= 1 + layer.reset_after
    entries["biases"] = biases, f"use_bias={layer.use_bias}"
    rates = {"input_dropout": "dropout", "recurrent_dropout": "recurrent_dropout"}
    return entries | _if_set(layer, rates)


def _if_set(layer: Any, options: Mapping[str, str]) -> Entries:
    return given(layer, **{k: v for k, v in options.items() if getattr(layer, v)})


def _function(name: str, function: Any) -> Entry:
    kind, _ = activation_entries(function)
    return kind, f"{name}={getattr(function, '__name__', kind)}"


def bidirectional(layer: Any, input_shape: Shape) -> Entries:
    """Return what the forward layer says, the kind of cell, and how the two are joined."""
    inner = layer.forward_layer
    name = type(inner).__name__
    cell = {"SimpleRNN": "simple rnn"}.get(name, name.lower())
    joined = {"concat": "side by side"}.get(layer.merge_mode, layer.merge_mode)
    own: Entries = {"cell": (cell, name), "joined": (joined, f"merge_mode={layer.merge_mode!r}")}
    return recurrent(inner, input_shape) | own


def attention(layer: Any, input_shape: Shape) -> Entries:
    """Return multi-head attention's entries; the scale is what multiplies q kᵀ."""
    heads, key, scale = layer._num_heads, layer._key_dim, layer._inverse_sqrt_key_dim
    acts = rounded(float(scale)) if isinstance(scale, float) else float(scale)
    entries: Entries = {
        "heads": (heads, f"num_heads={heads}"),
        "key_size": (key, f"key_dim={key}"),
        "value_size": (layer._value_dim, f"value_dim={layer._value_dim}"),
        "bias": (layer._use_bias, f"use_bias={layer._use_bias}"),
        "attention_scale": (acts, f"1/√{key} = {acts:.10g}"),
    }
    if layer._dropout:
        entries["rate"] = layer._dropout, f"dropout={layer._dropout}"
    if getattr(layer, "_use_gate", False):
        entries["gate"] = True, "use_gate=True"
    return entries
