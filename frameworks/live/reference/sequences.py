"""Embeddings, recurrent layers and attention, by scratch's."""

import math
from typing import Any

import numpy as np

import scratch
from frameworks.live.reference.using import Call, using
from scratch.layers.recurrent import Recurrent

__all__ = ["attention", "embedding", "recurrent"]

Array = np.ndarray


def embedding(call: Call) -> Array:
    """Return the rows that the indices name."""
    (W,) = call.weights
    return using(scratch.Embedding(*W.shape), [W]).forward(call.X)


def recurrent(call: Call) -> Array | None:
    """Return the state after every step, or the last one; of both directions side by side."""
    values = call.values
    gates = values.get("recurrent_activation", "sigmoid")
    if values["activation"] not in ("tanh", "relu") or gates != "sigmoid":
        return None
    if "cell" not in values:
        return _layer(call, call.weights, bool(values.get("reverse"))).forward(call.X)
    if values["joined"] != "side by side":
        return None
    half = len(call.weights) // 2
    forwards = _layer(call, call.weights[:half], reverse=False)
    backwards = _layer(call, call.weights[half:], reverse=True)
    return scratch.Bidirectional(forwards, backwards).forward(call.X)


def _layer(call: Call, weights: list[Array], reverse: bool) -> Recurrent:
    """Return scratch's layer; of the kind that its number of gates and its reset gate tell."""
    W, U, *biases = weights
    d_in, d_out = len(W), len(U)
    options: dict[str, Any] = {
        "return_sequences": call.values.get("return_sequences", True),
        "reverse": reverse,
    }
    if call.steps is not None:
        options["mask"] = scratch.Mask()
        options["mask"].steps = call.steps
        options["zero_at_padding"] = bool(call.values.get("zero_at_padding"))
    made: dict[tuple[int, str], type[Recurrent]] = {
        (1, "tanh"): scratch.SimpleRNN,
        (1, "relu"): _RectifiedRNN,
        (3, "tanh"): scratch.GRU,
        (4, "tanh"): scratch.LSTM,
    }
    kind = made[W.shape[1] // d_out, call.values["activation"]]
    if kind is not scratch.GRU:
        return using(kind(d_in, d_out, biases=len(biases), **options), weights)
    layer = scratch.GRU(d_in, d_out, reset_after=call.values.get("reset_after", True), **options)
    count = len(layer.params) - 2
    return using(layer, [W, U, *_in_place_of(biases, count, W.shape[1])])


def _in_place_of(biases: list[Array], count: int, width: int) -> list[Array]:
    """Return as many biases as a GRU has: zeros for what is missing, and the sum of two for one."""
    if len(biases) > count:
        return [sum(biases[1:], biases[0])]
    return [*biases, *[np.zeros(width)] * (count - len(biases))]


class _RectifiedRNN(scratch.SimpleRNN):
    """h_t = max(x_t W + h_{t−1} U + b, 0), forward alone."""

    def advance(self, i: int, s: Array) -> None:
        (h,) = self.states
        h[i + 1] = np.maximum(s[0], 0)


def attention(call: Call) -> Array | None:
    """Return multi-head attention of queries, keys and values; of one input, all of it.

    `causal` is stated of a call, not of a layer.
    """
    values = call.values
    if call.training and values.get("rate"):
        return None
    d = values["heads"] * values["key_size"]
    step = len(call.weights) // 4
    if values["value_size"] != values["key_size"] or call.weights[0].shape[1] != d:
        return None
    *inner, outer = (call.weights[k * step : (k + 1) * step] for k in range(4))
    inputs = call.inputs if len(call.inputs) == 3 else (call.X,) * 3
    if any(x.shape[-1] != len(w[0]) for x, w in zip(inputs, inner, strict=True)):
        return None  # of two inputs
    q, k, v = (_heads(_linear(x, w), values["heads"]) for x, w in zip(inputs, inner, strict=True))
    q = q * (values["attention_scale"] * math.sqrt(values["key_size"]))
    allowed = None if call.steps is None else call.steps[:, None, None, :]
    if values.get("causal"):
        causal = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
        allowed = causal if allowed is None else allowed & causal
    a, _ = scratch.attend(q, k, v, allowed)
    n, h, t, size = a.shape
    return _linear(a.swapaxes(1, 2).reshape(n, t, h * size), outer)


def _linear(X: Array, weights: list[Array]) -> Array:
    return using(scratch.Dense(*weights[0].shape, bias=len(weights) > 1), weights).forward(X)


def _heads(z: Array, heads: int) -> Array:
    """Return (n, t, d) as heads (n, h, t, d/h)."""
    n, t, d = z.shape
    return z.reshape(n, t, heads, d // heads).swapaxes(1, 2)
