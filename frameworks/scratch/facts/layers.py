"""What a layer of scratch says of itself."""

import math
from collections.abc import Callable
from typing import Any

from frameworks.live.stating import Entry, facts, given, window
from frameworks.probe import kind_of
from frameworks.recordings.trace import Facts
from scratch.layers.recurrent import Recurrent

__all__ = ["layer_facts"]

Entries = dict[str, Entry]
Shape = tuple[int, ...] | None


def layer_facts(layer: Any, input_shape: Shape = None) -> Facts:
    """Return the facts of a layer; `input_shape` is the shape of one row."""
    kind = kind_of(layer)
    read = _LAYERS.get(kind)
    entries = read(layer, input_shape) if read else {}
    return facts(kind, entries)


def _dense(layer: Any, shape: Shape) -> Entries:
    bias = len(layer.params) > 1
    return {"units": (layer.W.shape[1], repr(layer)), "bias": (bias, f"bias={bias}")}


def _convolution(layer: Any, shape: Shape) -> Entries:
    bias = len(layer.params) > 1
    ones = (1, 1)
    numbers = window(layer.kernel, layer.stride, layer.padding, ones, shape)
    return {
        **given(layer, kernel="kernel", stride="stride"),
        "dilation": (ones, "no dilation"),
        "filters": (layer.W.shape[3], repr(layer)),
        "groups": (1, "one group"),
        "bias": (bias, f"bias={bias}"),
        "padding": (numbers, f"padding={layer.padding!r}"),
    }


def _pooling(layer: Any, shape: Shape) -> Entries:
    padding = window(layer.size, layer.stride, "valid", (1, 1), shape)
    return given(layer, size="size", stride="stride") | {"padding": (padding, "no padding")}


def _normalization(layer: Any, shape: Shape) -> Entries:
    entries = given(layer, epsilon="epsilon")
    if hasattr(layer, "momentum"):
        entries |= given(layer, keep="momentum", unbiased="unbiased")
    if hasattr(layer, "groups"):
        entries |= given(layer, groups="groups")
    entries["scale"] = True, "γ"
    return entries | ({"shift": (True, "β")} if len(layer.params) > 1 else {})


def _embedding(layer: Any, shape: Shape) -> Entries:
    tokens, units = layer.params[0].shape
    entries: Entries = {"tokens": (tokens, f"v={tokens}"), "units": (units, f"d={units}")}
    if layer.padding is not None and layer.freeze_padding:
        entries["frozen_row"] = layer.padding, f"padding={layer.padding}, freeze_padding=True"
    elif layer.padding is not None:
        entries["masked"] = layer.padding, f"padding={layer.padding}"
    return entries


def _recurrent(layer: Recurrent, shape: Shape) -> Entries:
    biases = len(layer.params) - 2
    entries = given(layer, units="d_out", return_sequences="return_sequences")
    entries["activation"] = "tanh", "tanh"
    if layer.gates > 1:
        entries["recurrent_activation"] = "sigmoid", "σ"
    if hasattr(layer, "reset_after"):
        entries |= given(layer, reset_after="reset_after")
    entries["biases"] = biases, f"{biases} biases"
    for name, own in {"reverse": "reverse", "zero_at_padding": "zero_at_padding"}.items():
        entries |= given(layer, **{name: own}) if getattr(layer, own) else {}
    return entries


def _bidirectional(layer: Any, shape: Shape) -> Entries:
    inner = layer.layers[0]
    own: Entries = {"cell": (kind_of(inner), type(inner).__name__)}
    return _recurrent(inner, shape) | own | {"joined": ("side by side", "[h→, h←]")}


def _attention(layer: Any, shape: Shape) -> Entries:
    d, bias = layer.params[0].shape[0], len(layer.params) > 4
    size = d // layer.heads
    entries: Entries = {
        "heads": (layer.heads, f"heads={layer.heads}"),
        "key_size": (size, f"d={d}"),
        "value_size": (size, f"d={d}"),
        "bias": (bias, f"bias={bias}"),
        "attention_scale": (1 / math.sqrt(size), f"1/√{size}"),
    }
    return entries | (given(layer, causal="causal") if layer.causal else {})


def _gelu(layer: Any, shape: Shape) -> Entries:
    constant = layer.cubic if layer.approximate else layer.root_half
    return given(layer, approximate="approximate") | {"constant": (constant, f"{constant:.10g}")}


def _selu(layer: Any, shape: Shape) -> Entries:
    side = "right" if layer.right_at_zero else "left"
    return {"slope_at_zero": (side, f"right_at_zero={layer.right_at_zero}")}


_LAYERS: dict[str, Callable[[Any, Shape], Entries]] = {
    "dense": _dense,
    "convolution": _convolution,
    "max pooling": _pooling,
    "average pooling": _pooling,
    **{f"{each} normalization": _normalization for each in ("batch", "layer", "group", "rms")},
    "embedding": _embedding,
    "simple rnn": _recurrent,
    "lstm": _recurrent,
    "gru": _recurrent,
    "bidirectional": _bidirectional,
    "attention": _attention,
    "dropout": lambda layer, shape: given(layer, rate="rate"),
    "leaky relu": lambda layer, shape: given(layer, slope="slope"),
    "elu": lambda layer, shape: given(layer, alpha="alpha"),
    "softplus": lambda layer, shape: given(layer, threshold="threshold"),
    "softmax": lambda layer, shape: {"axis": (-1, "the last axis")},
    "gelu": _gelu,
    "selu": _selu,
}
