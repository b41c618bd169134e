"""Why a linear, pooling, normalization or sigmoid layer may return a different output."""

from itertools import product
from math import isqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from frameworks.agreement.controls import controlled
from frameworks.agreement.variants import KERAS_SIGMOID, has_sigmoid
from frameworks.diverge.causes.layer import input_of, kind_of, weights_of
from frameworks.diverge.evidence import Evidence, as_number

__all__ = [
    *("batch_statistics", "less_exact_sigmoid", "linear", "other_kernel", "other_pooling"),
    "other_window",
]

Array = np.ndarray


def other_kernel(evidence: Evidence) -> str | None:
    """Z' = X W' + b with W transposed, rotated, or with its channels reversed."""
    if kind_of(evidence) not in ("dense", "convolution") or not weights_of(evidence):
        return None
    (x, y), (W, *b) = evidence.pair, weights_of(evidence)
    bias = b[0] if b else 0
    ways = {"transposed": W.T} if W.ndim == 2 else {
        "rotated by 180°, as in a mathematical convolution": W[::-1, ::-1],
        "transposed": W.swapaxes(0, 1),
        "used with its input channels reversed": W[:, :, ::-1],
        "used with its output channels reversed": W[..., ::-1],
    }  # fmt: skip
    plain = linear(input_of(evidence), W)
    if plain is None or not evidence.matches(plain + bias, x):
        return None
    for way, changed in ways.items():
        z = linear(input_of(evidence), changed)
        if z is not None and evidence.matches(z + bias, y):
            return f"in {evidence.names[1]} the kernel is {way}"
    return None


def other_window(evidence: Evidence) -> str | None:
    """Windows of another stride or dilation, or that begin elsewhere: in other zeros around."""
    x, weights = input_of(evidence), weights_of(evidence)
    if kind_of(evidence) != "convolution" or not weights or x.ndim != 4:
        return None
    return evidence.both("has", *(_windows(evidence, x, weights, y) for y in evidence.pair))


def _windows(evidence: Evidence, x: Array, weights: list[Array], y: Array) -> str | None:
    """Identify the stride, the dilation, and how far before the image the first window begins."""
    (W, *b), (kh, kw) = weights, weights[0].shape[:2]
    if y.ndim != 4 or y.shape[-1] != W.shape[-1]:
        return None
    for stride, dilation, before in product((1, 2, 3), (1, 2), range(kh + 1)):
        padded = np.zeros((len(x), *(s + 4 * max(kh, kw) + 8 for s in x.shape[1:3]), x.shape[3]))
        padded[:, before : before + x.shape[1], before : before + x.shape[2]] = x
        z = np.zeros(y.shape)
        ends = [stride * n for n in y.shape[1:3]]
        if max(ends) + dilation * max(kh, kw) > min(padded.shape[1:3]):
            continue
        for u, v in np.ndindex(kh, kw):
            down, right = dilation * u, dilation * v
            seen = padded[:, down : down + ends[0] : stride, right : right + ends[1] : stride]
            z += seen @ W[u, v]
        if evidence.matches(z + sum(b), y):
            pixels = "pixel" if before == 1 else "pixels"
            where = f"{before} {pixels} before the image" if before else "at its first pixel"
            dilated = f" and dilation {dilation}" if dilation > 1 else ""
            return f"windows at stride {stride}{dilated} that begin {where}"
    return None


def linear(X: Array, W: Array) -> Array | None:
    """Return the product or the cross-correlation; None if the shapes do not fit."""
    if W.ndim == 2:
        X = X.reshape(len(X), -1)
        return X @ W if X.shape[1] == W.shape[0] else None
    if X.ndim == 2 and W.ndim == 4:
        side = isqrt(X.shape[1] // W.shape[2])
        if side * side * W.shape[2] != X.shape[1]:
            return None
        X = X.reshape(len(X), side, side, W.shape[2])
    if not X.ndim == W.ndim == 4 or X.shape[3] != W.shape[2]:  # of sequences, or in groups
        return None
    if min(X.shape[1:3]) < max(W.shape[:2]):
        return None
    return np.einsum("nyxcuv,uvco->nyxo", sliding_window_view(X, W.shape[:2], axis=(1, 2)), W)


def batch_statistics(evidence: Evidence) -> str | None:
    """x̂ from other means and variances: the batch's, the running ones, unbiased, or per row."""
    x, weights = input_of(evidence), weights_of(evidence)
    if kind_of(evidence) != "batch normalization" or len(weights) != 2:
        return None
    ours, theirs = (_statistics(evidence, x, weights, y) for y in evidence.pair)
    return evidence.both("normalizes with", ours, theirs)


def _statistics(evidence: Evidence, x: Array, weights: list[Array], y: Array) -> str | None:
    """Identify the means and variances behind y, and ε."""
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
                return f"{way}, ε = {as_number(epsilon)}"
    return None


def other_pooling(evidence: Evidence) -> str | None:
    """The mean, maximum or minimum of every window instead of what side a takes."""
    if "pooling" not in kind_of(evidence):
        return None
    x = input_of(evidence)
    return evidence.both("takes", *(_pooled(evidence, x, y) for y in evidence.pair))


def _pooled(evidence: Evidence, x: Array, y: Array) -> str | None:
    if x.ndim != 4 or y.ndim != 4:
        return None
    kh, kw = x.shape[1] // y.shape[1], x.shape[2] // y.shape[2]
    windows = sliding_window_view(x, (kh, kw), axis=(1, 2))[:, ::kh, ::kw]
    for way, reduce in {"mean": np.mean, "maximum": np.max, "minimum": np.min}.items():
        if evidence.matches(reduce(windows, axis=(-2, -1)), y):  # type: ignore[operator]
            return f"the {way} of every window"
    return None


def less_exact_sigmoid(evidence: Evidence) -> str | None:
    """Scratch with TensorFlow's σ(z), whose error exceeds a nudge, explains the Keras side."""
    floor, sides = evidence.floor, (evidence.a.side, evidence.b.side)
    if floor is None or sides[0].dtype == "float64" or evidence.flipped:  # it tests both ways
        return None
    which = controlled([side.implementation for side in sides])
    if which is None or not has_sigmoid(sides[which].blueprint):
        return None
    if (apart := floor.control(sides[which], sides[1 - which], KERAS_SIGMOID)) is None:
        return None
    return (
        f"TensorFlow's sigmoid; with it scratch agrees with {sides[which].implementation} within "
        f"the "
        f"noise floor: losses {apart.loss:.1e}, weights {apart.weight:.1e}, "
        f"test loss {apart.test_loss:.1e}"
    )
