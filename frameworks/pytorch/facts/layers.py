"""What a PyTorch module says of itself."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from frameworks.live.stating import Entry, described, facts, given
from frameworks.probe import kind_of
from frameworks.pytorch.calls import stock_name
from frameworks.pytorch.facts.activations import activation_entries
from frameworks.pytorch.facts.images import convolution, pooling, transposed_convolution
from frameworks.pytorch.facts.sequences import attention, cell, embedding, recurrent, recurrent_kind
from frameworks.pytorch.hooks import tracks_biased_variance
from frameworks.recordings.trace import Facts

__all__ = ["layer_facts"]

Entries = dict[str, Entry]
Shape = tuple[int, ...] | None


def layer_facts(layer: nn.Module, input_shape: Shape = None) -> Facts:
    """Return the facts of a module.

    `input_shape` is the canonical shape of one row, channels last: paddings depend on it. A module
    whose kind is not known is stated with its kind alone.
    """
    if (activation := activation_entries(layer)) is not None:
        kind, entries = activation
        return facts(kind, entries | _weights(layer))
    kind = recurrent_kind(layer) if isinstance(layer, nn.RNNBase) else kind_of(layer)
    if stock_name(layer).startswith("InstanceNorm"):
        return facts("group normalization", _instance_normalization(layer) | _weights(layer))
    read = _READERS.get(kind)
    return facts(kind, (read(layer, input_shape) if read else {}) | _weights(layer))


def _dense(layer: Any, input_shape: Shape) -> Entries:
    return given(layer, units="out_features") | _bias(layer)


def _bias(layer: Any) -> Entries:
    bias = layer.bias is not None
    return {"bias": (bias, f"bias={bias}")}


def _affine(layer: Any, name: str) -> Entries:
    own = getattr(layer, name)
    shift = own and layer.bias is not None
    return {"scale": (own, f"{name}={own}"), "shift": (shift, f"bias={shift}")}


def _batch_normalization(layer: Any, input_shape: Shape) -> Entries:
    """PyTorch takes `momentum` of the batch's statistics, and its unbiased variance."""
    entries = given(layer, epsilon="eps") | _affine(layer, "affine") | _keep(layer)
    unbiased = not tracks_biased_variance(layer)
    which = "unbiased" if unbiased else "biased"
    entries["unbiased"] = unbiased, f"running variance of the batch's {which} variance"
    if layer.running_mean is None:
        entries["statistics"] = "batch", "track_running_stats=False"
    return entries


def _keep(layer: Any) -> Entries:
    momentum = layer.momentum
    return {"keep": ("cumulative" if momentum is None else 1 - momentum, f"momentum={momentum}")}


def _layer_normalization(layer: Any, input_shape: Shape) -> Entries:
    entries = given(layer, epsilon="eps") | _affine(layer, "elementwise_affine")
    return entries | _axes(layer)


def _rms_normalization(layer: Any, input_shape: Shape) -> Entries:
    """Without an `eps` it is that of the dtype."""
    if layer.eps is not None:
        entries = given(layer, epsilon="eps")
    else:
        dtype = next((p.dtype for p in layer.parameters()), None)
        epsilon = torch.finfo(dtype or torch.get_default_dtype()).eps
        entries = {"epsilon": (epsilon, f"eps=None, {epsilon:.3g} for {dtype}")}
    scale = layer.elementwise_affine
    return entries | {"scale": (scale, f"elementwise_affine={scale}")} | _axes(layer)


def _axes(layer: Any) -> Entries:
    """Return the axes, counted from the last, if they are others than the last."""
    k = len(layer.normalized_shape)
    said = f"normalized_shape={tuple(layer.normalized_shape)}"
    return {} if k == 1 else {"axes": (tuple(range(-k, 0)), said)}


def _group_normalization(layer: Any, input_shape: Shape) -> Entries:
    return given(layer, epsilon="eps", groups="num_groups") | _affine(layer, "affine")


def _instance_normalization(layer: Any) -> Entries:
    """One group for each channel."""
    entries = given(layer, epsilon="eps") | _affine(layer, "affine")
    entries["groups"] = layer.num_features, stock_name(layer)
    if layer.track_running_stats:
        entries |= _keep(layer)
        entries["statistics"] = "running", "track_running_stats=True"
    return entries


def _dropout(layer: Any, input_shape: Shape) -> Entries:
    entries = given(layer, rate="p")
    if (name := stock_name(layer)) not in ("Dropout", "AlphaDropout"):
        entries["whole_channels"] = True, name
    return entries


def _weights(layer: nn.Module) -> Entries:
    """Return which of the module's own parameters are frozen, and how they are parametrized."""
    own = list(layer.parameters())
    if not own:
        return {}
    entries: Entries = {}
    for name, parts in getattr(layer, "parametrizations", {}).items():
        words = ", ".join(described(each, vars(nn.Module())) for each in parts)
        entries[f"{_part(name)}_parametrization"] = words, words
    if not any(p.requires_grad for p in own):
        entries["frozen"] = True, "requires_grad=False"
        return entries
    for name, parameter in layer.named_parameters():
        if not parameter.requires_grad:
            entries[f"{_part(name)}_frozen"] = True, f"{name}.requires_grad=False"
    return entries


def _part(name: str) -> str:
    """Return the canonical name of a parameter: "bias_hh_l0" is a recurrent bias."""
    if name.startswith(("weight_hh", "bias_hh")):
        name = f"recurrent_{name}"
    return name.split("_hh")[0].split("_ih")[0].replace("weight", "kernel")


_READERS: dict[str, Callable[[Any, Shape], Entries]] = {
    "dense": _dense,
    "convolution": convolution,
    "transposed convolution": transposed_convolution,
    "max pooling": pooling,
    "average pooling": pooling,
    "batch normalization": _batch_normalization,
    "layer normalization": _layer_normalization,
    "group normalization": _group_normalization,
    "rms normalization": _rms_normalization,
    "dropout": _dropout,
    "alpha dropout": _dropout,
    "embedding": embedding,
    "simple rnn": recurrent,
    "lstm": recurrent,
    "gru": recurrent,
    **dict.fromkeys(("simple rnn cell", "lstm cell", "gru cell"), cell),
    "bidirectional": recurrent,
    "attention": attention,
}
