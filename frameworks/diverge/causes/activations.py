"""Activations as formulas, independent of every implementation: what a layer may apply instead."""

from collections.abc import Callable
from math import sqrt

import numpy as np

__all__ = ["ACTIVATIONS", "activation_of", "erf", "log_softmax", "sigmoid", "softmax"]

Array = np.ndarray
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805  # of SELU


def sigmoid(z: Array) -> Array:
    """1 / (1 + e⁻ᶻ), without overflow."""
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def log_softmax(z: Array, axis: int = -1) -> Array:
    """Logarithms of the softmax, exact where that is almost 0."""
    z = z - z.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def softmax(z: Array, axis: int = -1) -> Array:
    """Exponentials, divided by their sum."""
    return np.exp(log_softmax(z, axis))


def erf(z: Array) -> Array:
    """The error function."""
    from scipy.special import erf as exact

    found: Array = exact(z)
    return found


def _gelu(z: Array) -> Array:
    return z * (1 + erf(z / sqrt(2))) / 2


def _gelu_by_tanh(z: Array) -> Array:
    return z * (1 + np.tanh(sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2


def _elu(z: Array) -> Array:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _selu(z: Array) -> Array:
    return _SCALE * np.where(z > 0, z, _ALPHA * np.expm1(np.minimum(z, 0)))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "no activation": lambda z: z,
    "a ReLU": lambda z: np.maximum(z, 0),
    "a sigmoid": sigmoid,
    "a tanh": np.tanh,
    "a softmax": softmax,
    "a log-softmax": log_softmax,
    "a softmax over the rows instead of the classes": lambda z: softmax(z, 0),
    "an ELU": _elu,
    "a SELU": _selu,
    "a GELU": _gelu,
    "a GELU in its approximation by a tanh": _gelu_by_tanh,
    "a SiLU": lambda z: z * sigmoid(z),
    "a softplus": lambda z: np.logaddexp(0, z),
    "a ReLU6": lambda z: np.clip(z, 0, 6),
    "a hard sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
}


def activation_of(matches: Callable[[Array, Array], bool], z: Array, a: Array) -> str | None:
    """Identify f in a = f(z); with a slope below zero, a = z where z > 0, else r z.

    `matches` says whether two arrays are equal. Where several fit, as a ReLU and a ReLU6 below 6,
    it is the first.
    """
    if z.shape != a.shape:
        return None
    with np.errstate(over="ignore"):
        for name, f in ACTIVATIONS.items():
            if matches(f(z), a):
                return name
    below = z < 0
    r = float(np.median(a[below] / z[below])) if below.any() else 0.0
    if not r or not np.isfinite(r) or not matches(np.where(below, r * z, z), a):
        return None
    return f"a slope of {r:.6g} below zero"
