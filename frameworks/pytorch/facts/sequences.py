"""What PyTorch's embeddings, recurrent modules and attention say of themselves."""

import math
from typing import Any

from torch import nn

from frameworks.live.stating import Entry, given

__all__ = ["attention", "cell", "embedding", "recurrent", "recurrent_kind"]

Entries = dict[str, Entry]
Shape = tuple[int, ...] | None

_CELLS = {"RNN": "simple rnn", "LSTM": "lstm", "GRU": "gru"}


def embedding(layer: Any, input_shape: Shape) -> Entries:
    """Return an embedding's entries; the row of `padding_idx` has no gradient."""
    entries = given(layer, tokens="num_embeddings", units="embedding_dim")
    options = {
        "frozen_row": "padding_idx",
        "largest_norm": "max_norm",
        "gradient_by_frequency": "scale_grad_by_freq",
    }
    for name, own in options.items():
        value = getattr(layer, own)
        if value is not None and value is not False:  # 0 is an index
            entries |= given(layer, **{name: own})
    if layer.sparse:
        entries["gradient"] = "sparse", "sparse=True"
    return entries


def recurrent_kind(layer: nn.RNNBase) -> str:
    """Return the kind of a recurrent module: "bidirectional", or that of its cell."""
    return "bidirectional" if layer.bidirectional else _CELLS[_mode(layer)]


def recurrent(layer: Any, input_shape: Shape) -> Entries:
    """Return a recurrent module's entries.

    It always returns the whole sequence and the last state: which of them is used, it does not say.
    """
    mode, entries = _mode(layer), cell(layer, input_shape)
    if layer.num_layers > 1:
        entries |= given(layer, layers="num_layers")
        entries |= _inner_dropout(layer)
    if getattr(layer, "proj_size", 0):
        entries |= given(layer, projected="proj_size")
    if layer.bidirectional:
        entries["cell"] = _CELLS[mode], mode
        entries["joined"] = "side by side", "bidirectional=True"
    return entries


def cell(layer: Any, input_shape: Shape) -> Entries:
    """Return what a recurrent module and a cell of it, which takes one step, both state."""
    nonlinearity = getattr(layer, "nonlinearity", "tanh")
    entries = given(layer, units="hidden_size")
    entries["activation"] = nonlinearity, f"nonlinearity={nonlinearity!r}"
    if _mode(layer) != "RNN":
        entries["recurrent_activation"] = "sigmoid", "always sigmoid"
    if _mode(layer) == "GRU":
        entries["reset_after"] = True, "always after the product"
    entries["biases"] = 2 * layer.bias, f"bias={layer.bias}: bias_ih and bias_hh"
    return entries


def _mode(layer: nn.RNNBase | nn.RNNCellBase) -> str:
    """Return RNN, LSTM or GRU."""
    kinds = {"RNN": nn.RNN | nn.RNNCell, "LSTM": nn.LSTM | nn.LSTMCell}
    return next((name for name, kind in kinds.items() if isinstance(layer, kind)), "GRU")


def attention(layer: Any, input_shape: Shape) -> Entries:
    """Return multi-head attention's entries; the scale is what multiplies q kᵀ."""
    size = layer.head_dim
    bias = layer.in_proj_bias is not None
    entries: Entries = {
        "heads": (layer.num_heads, f"num_heads={layer.num_heads}"),
        "key_size": (size, f"embed_dim={layer.embed_dim}"),
        "value_size": (size, f"embed_dim={layer.embed_dim}"),
        "bias": (bias, f"bias={bias}"),
        "attention_scale": (1 / math.sqrt(size), f"1/√{size}"),
    }
    entries |= _inner_dropout(layer)
    if layer.bias_k is not None:
        entries["added_key"] = "learned", "add_bias_kv=True"
    if layer.add_zero_attn:
        entries["added_key"] = "zero", "add_zero_attn=True"
    return entries


def _inner_dropout(layer: Any) -> Entries:
    """Return the rate at which a module drops inside, also where a copy has it switched off."""
    rate = getattr(layer, "stated_dropout", layer.dropout)
    return {"rate": (rate, f"dropout={rate}")} if rate else {}
