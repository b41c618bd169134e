"""Why a layer may return something else for the same input."""

from collections.abc import Callable
from math import isqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from experiments.harness.diverge.evidence import Evidence, Hypothesis, as_number
from experiments.harness.diverge.layers import align

__all__ = ["HYPOTHESES"]

Array = np.ndarray


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def _softmax(z: Array, axis: int = -1) -> Array:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "no activation": lambda z: z,
    "a ReLU": lambda z: np.maximum(z, 0),
    "a sigmoid": _sigmoid,
    "a tanh": np.tanh,
    "a softmax": _softmax,
    "a softmax along the rows, not the classes": lambda z: _softmax(z, 0),
}


def _pair(evidence: Evidence) -> tuple[Array, Array]:
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


def _layers(evidence: Evidence) -> tuple[list, list]:
    if evidence.found.where.endswith("training mode"):
        return evidence.a.training_layers, evidence.b.training_layers
    return evidence.a.layers, evidence.b.layers


def _kind(evidence: Evidence) -> str:
    layers = _layers(evidence)[0]
    return layers[evidence.position].kind if evidence.position < len(layers) else ""


def _input(evidence: Evidence) -> Array:
    """Return what went into the layer: it is equal on both sides."""
    if evidence.position == 0:
        return evidence.a.batch.X
    before = _layers(evidence)[0][evidence.position - 1].values
    return evidence.a.batch.X if before is None else before


def _weights(evidence: Evidence) -> list[Array]:
    """Return the weights of the layer."""
    layers = _layers(evidence)[0]
    start = sum(layer.weights for layer in layers[: evidence.position])
    count = layers[evidence.position].weights if evidence.position < len(layers) else 0
    return evidence.a.opened.initial_weights[start : start + count]


def other_shape(evidence: Evidence) -> str | None:
    """The padding differs where one output is as large as the input."""
    (x, y), before = _pair(evidence), _input(evidence)
    if x.shape == y.shape:
        return None
    if _kind(evidence) == "convolution" and x.ndim == y.ndim == 4:
        return f"the paddings differ: images of {x.shape[1:3]} against {y.shape[1:3]} pixels"
    return f"the shapes differ, {x.shape} against {y.shape}, after an input {before.shape}"


def rounded_to_float32(evidence: Evidence) -> str | None:
    """a' = float32(a)."""
    x, y = _pair(evidence)
    if x.dtype == np.float64 and np.array_equal(y, y.astype(np.float32).astype(np.float64)):
        return f"every number that {evidence.names[1]} returns is one that float32 holds"
    return None


def missing_bias(evidence: Evidence) -> str | None:
    """z' = z − b."""
    x, y = _pair(evidence)
    weights = _weights(evidence)
    if len(weights) == 2 and evidence.matches(x - weights[1], y):
        return f"{evidence.names[1]} leaves the bias out"
    return None


def other_kernel(evidence: Evidence) -> str | None:
    """z' = X W' + b with W' transposed, turned round, or with its channels confused."""
    if _kind(evidence) not in ("dense", "convolution") or not _weights(evidence):
        return None
    _, y = _pair(evidence)
    W, *b = _weights(evidence)
    ways = {"transposed": W.T} if W.ndim == 2 else {
        "turned round, as a convolution in mathematics": W[::-1, ::-1],
        "transposed": W.swapaxes(0, 1),
        "used with its input channels confused": W[:, :, ::-1],
        "used with its output channels confused": W[..., ::-1],
    }  # fmt: skip
    for way, changed in ways.items():
        z = _linear(_input(evidence), changed)
        if z is not None and evidence.matches(z + (b[0] if b else 0), y):
            return f"the kernel is {way}"
    return None


def _linear(X: Array, W: Array) -> Array | None:
    """Return the product or the correlation; None where shapes do not fit."""
    if W.ndim == 2:
        X = X.reshape(len(X), -1)
        return X @ W if X.shape[1] == W.shape[0] else None
    if X.ndim == 2:
        side = isqrt(X.shape[1] // W.shape[2])
        if side * side * W.shape[2] != X.shape[1]:
            return None
        X = X.reshape(len(X), side, side, W.shape[2])
    if min(X.shape[1:3]) < max(W.shape[:2]):
        return None
    return np.einsum("nyxcuv,uvco->nyxo", sliding_window_view(X, W.shape[:2], axis=(1, 2)), W)


def other_flattening(evidence: Evidence) -> str | None:
    """z' = X' W + b, where the images were flattened in another order."""
    x, weights = _input(evidence), _weights(evidence)
    if _kind(evidence) != "dense" or x.ndim != 4 or not weights:
        return None
    _, y = _pair(evidence)
    ways = {
        "channel by channel, (c, h, w)": (0, 3, 1, 2),
        "column by column, (w, h, c)": (0, 2, 1, 3),
        "in Fortran's order, (c, w, h)": (0, 3, 2, 1),
    }
    for way, axes in ways.items():
        z = _linear(x.transpose(axes).reshape(len(x), -1), weights[0])
        if z is not None and evidence.matches(z + sum(weights[1:]), y):
            return f"{evidence.names[1]} flattens images {way}, not (h, w, c)"
    return None


def other_activation(evidence: Evidence) -> str | None:
    """a' = g(z) in place of f(z)."""
    if _weights(evidence) or "pooling" in _kind(evidence) or not _kind(evidence):
        return None
    z, (_, y) = _input(evidence), _pair(evidence)
    for name, f in ACTIVATIONS.items():
        if z.shape == y.shape and evidence.matches(f(z), y):
            return f"{evidence.names[1]} has {name} there, not a {_kind(evidence)}"
    return _other_slope(evidence, z, y)


def _other_slope(evidence: Evidence, z: Array, y: Array) -> str | None:
    """a' = z where z > 0, else r z."""
    below = z < 0
    if z.shape != y.shape or not below.any():
        return None
    r = float(np.median(y[below] / z[below]))
    if not evidence.matches(np.where(below, r * z, z), y):
        return None
    return f"the slope below zero is {as_number(r)} in {evidence.names[1]}"


def applied_twice(evidence: Evidence) -> str | None:
    """a' = g(a): one activation too many."""
    x, y = _pair(evidence)
    for name, f in ACTIVATIONS.items():
        if x.shape == y.shape and evidence.matches(f(x), y):
            return f"{evidence.names[1]} applies {name} to what {evidence.names[0]} returns"
        if x.shape == y.shape and evidence.matches(f(y), x):
            return f"{evidence.names[0]} applies {name} to what {evidence.names[1]} returns"
    return None


def dropout(evidence: Evidence) -> str | None:
    """a' = a ⊙ mask outside training, or no mask within, or one without 1/(1 − p)."""
    x, y = _pair(evidence)
    dropped = (y == 0) & (x != 0)
    if x.shape == y.shape and dropped.any() and "training" not in evidence.found.where:
        scale = evidence.ratio(x[~dropped], y[~dropped])
        if scale or np.array_equal(x[~dropped], y[~dropped]):
            share = f"{dropped.mean():.0%} of the numbers are 0"
            return f"dropout is on outside training in {evidence.names[1]}: {share}"
    if _kind(evidence) == "dropout":
        scale = evidence.ratio(x, y)
        if scale:
            return f"what dropout keeps is scaled by another factor, {as_number(scale)} times"
    return None


def batch_statistics(evidence: Evidence) -> str | None:
    """x̂ from other means and variances: the batch's, the running ones, unbiased, or by rows."""
    x, weights = _input(evidence), _weights(evidence)
    if _kind(evidence) != "batch normalization" or len(weights) != 2:
        return None
    _, y = _pair(evidence)
    axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    ways = {
        "the batch's statistics": (mean, variance),
        "the batch's unbiased variance": (mean, variance * m / max(m - 1, 1)),
        "the running statistics": (0.0, 1.0),
        "each row's own statistics": (x.mean(-1, keepdims=True), x.var(-1, keepdims=True)),
    }
    for way, (mu, var) in ways.items():
        for epsilon in (1e-3, 1e-5, 1e-7, 1e-8, 0.0):
            with np.errstate(divide="ignore", invalid="ignore"):
                expected = weights[0] * (x - mu) / np.sqrt(var + epsilon) + weights[1]
            if evidence.matches(expected, y):
                return f"{evidence.names[1]} normalizes with {way}, ε = {as_number(epsilon)}"
    return None


def other_pooling(evidence: Evidence) -> str | None:
    """The mean or the minimum of every window in place of the maximum, or the other way round."""
    x, (_, y) = _input(evidence), _pair(evidence)
    if "pooling" not in _kind(evidence) or x.ndim != 4 or y.ndim != 4:
        return None
    kh, kw = x.shape[1] // y.shape[1], x.shape[2] // y.shape[2]
    windows = sliding_window_view(x, (kh, kw), axis=(1, 2))[:, ::kh, ::kw]
    for way, reduce in {"mean": np.mean, "maximum": np.max, "minimum": np.min}.items():
        if evidence.matches(reduce(windows, axis=(-2, -1)), y):  # type: ignore[operator]
            return f"{evidence.names[1]} takes the {way} of every window"
    return None


def other_scale(evidence: Evidence) -> str | None:
    """a' = r a."""
    r = evidence.ratio(*_pair(evidence))
    return None if r is None else f"the output is {as_number(r)} times as large"


HYPOTHESES: tuple[Hypothesis, ...] = (
    other_shape,
    missing_bias,
    other_kernel,
    other_flattening,
    batch_statistics,
    dropout,
    other_pooling,
    other_activation,
    applied_twice,
    other_scale,
    rounded_to_float32,
)
