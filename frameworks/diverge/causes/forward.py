"""Why a layer may return a different output for the same input."""

from collections.abc import Callable

import numpy as np

from frameworks.diverge.causes.kernels import (
    batch_statistics,
    linear,
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
    """The outputs have different shapes: in a convolution, the padding or the stride differs."""
    (x, y), before = evidence.pair, input_of(evidence)
    if x.shape == y.shape:
        return None
    if kind_of(evidence) == "convolution" and x.ndim == y.ndim == 4:
        small, large = sorted((x.shape[1:3], y.shape[1:3]))
        return f"the padding or the stride differs: images of {small} and {large} pixels"
    small, large = sorted((x.shape, y.shape))
    return f"the shapes differ, {small} and {large}, for an input of {before.shape}"


def rounded_to_float32(evidence: Evidence) -> str | None:
    """A' = float32(a)."""
    if not evidence.rounded(*evidence.pair):
        return None
    return f"every output of {evidence.names[1]} is exactly representable in float32"


def missing_bias(evidence: Evidence) -> str | None:
    """Z' = X W instead of X W + b."""
    x, y = evidence.pair
    weights = weights_of(evidence)
    if len(weights) != 2 or kind_of(evidence) not in ("dense", "convolution"):
        return None
    z = linear(input_of(evidence), weights[0])
    if z is None or not (evidence.matches(z + weights[1], x) and evidence.matches(z, y)):
        return None
    return f"{evidence.names[1]} leaves the bias out"


def other_activation(evidence: Evidence) -> str | None:
    """A' = g(z) instead of f(z)."""
    if weights_of(evidence) or "pooling" in kind_of(evidence) or not kind_of(evidence):
        return None
    z, pair = input_of(evidence), evidence.pair
    return evidence.both("has", *(_activation(evidence, z, a) for a in pair))


def _activation(evidence: Evidence, z: Array, a: Array) -> str | None:
    """Identify f in a = f(z); with a slope below zero, a = z where z > 0, else r z."""
    if z.shape != a.shape:
        return None
    for name, f in ACTIVATIONS.items():
        if evidence.matches(f(z), a):
            return f"{name} there"
    below = z < 0
    r = float(np.median(a[below] / z[below])) if below.any() else 0.0
    if not evidence.matches(np.where(below, r * z, z), a):
        return None
    return f"a slope of {as_number(r)} below zero"


def applied_twice(evidence: Evidence) -> str | None:
    """A' = g(a): one activation too many."""
    x, y = evidence.pair
    for name, f in ACTIVATIONS.items():
        if x.shape == y.shape and evidence.matches(f(x), y):
            return f"{evidence.names[1]} applies {name} to the output of {evidence.names[0]}"
    return None


def dropout(evidence: Evidence) -> str | None:
    """A' = a ⊙ mask in evaluation mode, or a mask without the factor 1/(1 − p)."""
    x, y = evidence.pair
    if kind_of(evidence) != "dropout" or x.shape != y.shape:
        return None
    dropped, z = (y == 0) & (x != 0), input_of(evidence)
    if "training" in evidence.found.where:
        if np.array_equal(y, z) and x.any() and evidence.ratio(z[x != 0], x[x != 0]):
            return f"{evidence.names[1]} drops nothing in training mode"
        return evidence.times("what dropout keeps", x, y)
    kept = x[~dropped], y[~dropped]
    if not (dropped.any() and kept[1].any() and np.array_equal(x, z)):
        return None
    if evidence.ratio(*kept) or np.array_equal(*kept):
        share = f"{dropped.mean():.0%} of the outputs are 0"
        return f"dropout is active in evaluation mode in {evidence.names[1]}: {share}"
    return None


def other_scale(evidence: Evidence) -> str | None:
    """A' = r a."""
    return evidence.times("the output", *evidence.pair)


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
