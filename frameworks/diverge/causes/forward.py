"""Why a layer may return a different output for the same input."""

from collections.abc import Callable

import numpy as np

from frameworks.diverge.causes.kernels import (
    batch_statistics,
    other_flattening,
    other_kernel,
    other_pooling,
)
from frameworks.diverge.causes.layer import input_of, kind_of, weights_of
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["ACTIVATIONS", "HYPOTHESES"]

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
    "a softmax over the rows instead of the classes": lambda z: _softmax(z, 0),
}


def other_shape(evidence: Evidence) -> str | None:
    """The outputs have different shapes: in a convolution, the padding differs."""
    (x, y), before = evidence.pair, input_of(evidence)
    if x.shape == y.shape:
        return None
    if kind_of(evidence) == "convolution" and x.ndim == y.ndim == 4:
        return f"the padding differs: images of {x.shape[1:3]} and {y.shape[1:3]} pixels"
    return f"the shapes differ, {x.shape} and {y.shape}, for an input of {before.shape}"


def rounded_to_float32(evidence: Evidence) -> str | None:
    """A' = float32(a)."""
    x, y = evidence.pair
    if x.dtype == np.float64 and np.array_equal(y, y.astype(np.float32).astype(np.float64)):
        return f"every output of {evidence.names[1]} is exactly representable in float32"
    return None


def missing_bias(evidence: Evidence) -> str | None:
    """Z' = z − b."""
    x, y = evidence.pair
    weights = weights_of(evidence)
    if len(weights) == 2 and evidence.matches(x - weights[1], y):
        return f"{evidence.names[1]} leaves the bias out"
    return None


def other_activation(evidence: Evidence) -> str | None:
    """A' = g(z) instead of f(z)."""
    if weights_of(evidence) or "pooling" in kind_of(evidence) or not kind_of(evidence):
        return None
    z, (_, y) = input_of(evidence), evidence.pair
    for name, f in ACTIVATIONS.items():
        if z.shape == y.shape and evidence.matches(f(z), y):
            return f"{evidence.names[1]} has {name} there instead of a {kind_of(evidence)}"
    return _other_slope(evidence, z, y)


def _other_slope(evidence: Evidence, z: Array, y: Array) -> str | None:
    """A' = z where z > 0, else r z."""
    below = z < 0
    if z.shape != y.shape or not below.any():
        return None
    r = float(np.median(y[below] / z[below]))
    if not evidence.matches(np.where(below, r * z, z), y):
        return None
    return f"the slope below zero is {as_number(r)} in {evidence.names[1]}"


def applied_twice(evidence: Evidence) -> str | None:
    """A' = g(a): one activation too many."""
    x, y = evidence.pair
    for name, f in ACTIVATIONS.items():
        if x.shape == y.shape and evidence.matches(f(x), y):
            return f"{evidence.names[1]} applies {name} to the output of {evidence.names[0]}"
        if x.shape == y.shape and evidence.matches(f(y), x):
            return f"{evidence.names[0]} applies {name} to the output of {evidence.names[1]}"
    return None


def dropout(evidence: Evidence) -> str | None:
    """A' = a ⊙ mask in evaluation mode, or a mask without the factor 1/(1 − p)."""
    x, y = evidence.pair
    dropped = (y == 0) & (x != 0)
    if x.shape == y.shape and dropped.any() and "training" not in evidence.found.where:
        scale = evidence.ratio(x[~dropped], y[~dropped])
        if scale or np.array_equal(x[~dropped], y[~dropped]):
            share = f"{dropped.mean():.0%} of the outputs are 0"
            return f"dropout is active in evaluation mode in {evidence.names[1]}: {share}"
    if kind_of(evidence) == "dropout":
        scale = evidence.ratio(x, y)
        if scale:
            return f"the scale of what dropout keeps is {as_number(scale)} times as large"
    return None


def other_scale(evidence: Evidence) -> str | None:
    """A' = r a."""
    r = evidence.ratio(*evidence.pair)
    return None if r is None else f"the output is {as_number(r)} times as large"


HYPOTHESES: tuple[Hypothesis, ...] = (
    other_shape,
    missing_bias,
    other_kernel,
    other_flattening,
    batch_statistics,
    other_pooling,
    other_activation,
    applied_twice,
    dropout,
    other_scale,
    rounded_to_float32,
)
