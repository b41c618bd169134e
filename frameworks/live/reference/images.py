"""Convolutions and pooling of any padding, dilation and number of groups, by scratch's layers.

Each is a plain one of scratch on arrays that are arranged for it: padded, or with zeros between
their elements. Sequences are images of height 1.
"""

from collections.abc import Sequence

import numpy as np

import scratch
from frameworks.live.reference.using import Call, using

__all__ = ["average", "convolve", "largest", "transposed"]

Array = np.ndarray
Sides = Sequence[tuple[int, int]]


def convolve(call: Call) -> Array | None:
    """Return a convolution: of padded images, with a kernel that has zeros between its elements."""
    values = call.values
    if values["padding"] == "same" or not _fits(call):
        return None
    X = _as_images(_padded(call.X, values["padding"]))
    W = _as_images(_spread(call.weights[0], values["dilation"]), lead=0)
    stride, groups = _pair(values["stride"]), values["groups"]
    c_in, c_out = W.shape[2:]
    parts = []
    for k in range(groups):
        own = slice(k * c_out // groups, (k + 1) * c_out // groups)
        layer = scratch.Conv2D(c_in, c_out // groups, W.shape[:2], stride=stride, bias=False)
        using(layer, [np.ascontiguousarray(W[..., own])])
        parts.append(layer.forward(np.ascontiguousarray(X[..., k * c_in : (k + 1) * c_in])))
    z = np.concatenate(parts, axis=-1)
    return _back(call, z + call.weights[1] if len(call.weights) > 1 else z)


def transposed(call: Call) -> Array | None:
    """Return a transposed convolution: of images with zeros between, with the kernel turned.

    Its canonical kernel is (kh, kw, c_out, c_in). The full result is (n − 1) s + k long; `crop` of
    it is left out, or added where it is negative.
    """
    values = call.values
    if isinstance(values["crop"], str) or values["groups"] != 1 or not _fits(call):
        return None
    W = _spread(call.weights[0].swapaxes(-1, -2), values["dilation"])
    axes = tuple(range(W.ndim - 2))
    turned = _as_images(np.flip(W, axes), lead=0)
    X = _spread(call.X, values["stride"], first=1)
    X = _as_images(_padded(X, [(k - 1, k - 1) for k in W.shape[:-2]]))
    kh, kw, c_in, c_out = turned.shape
    layer = scratch.Conv2D(c_in, c_out, (kh, kw), bias=False)
    using(layer, [np.ascontiguousarray(turned)])
    z = _back(call, layer.forward(np.ascontiguousarray(X)))
    z = _padded(z, [(max(-a, 0), max(-b, 0)) for a, b in values["crop"]])
    inner = [slice(max(a, 0), -max(b, 0) or None) for a, b in values["crop"]]
    z = z[(slice(None), *inner)]
    return z + call.weights[1] if len(call.weights) > 1 else z


def largest(call: Call) -> Array | None:
    """Return the maximum of each window."""
    values = call.values
    if not _is_known(call):
        return None
    X = _as_images(_padded(call.X, values["padding"], -np.inf))
    layer = scratch.MaxPool2D(_pair(values["size"]), _pair(values["stride"]))
    return _back(call, layer.forward(X))


def average(call: Call) -> Array | None:
    """Return the mean of each window; of its padding only what is `counted` is divided by."""
    values = call.values
    if not _is_known(call):
        return None
    size, stride = _pair(values["size"]), _pair(values["stride"])
    X = _as_images(_padded(call.X, values["padding"]))
    inside = np.ones((1, *call.X.shape[1:-1], 1))
    counted = values.get("counted", [(0, 0)] * len(values["padding"]))
    inside = _padded(inside, counted, 1.0)
    rest = [(p - c, q - d) for (p, q), (c, d) in zip(values["padding"], counted, strict=True)]
    share = scratch.AveragePool2D(size, stride).forward(_as_images(_padded(inside, rest)))
    return _back(call, scratch.AveragePool2D(size, stride).forward(X) / share)


def _fits(call: Call) -> bool:
    """Return whether the kernel is canonical, of one or two dimensions."""
    return call.X.ndim < 5 and call.weights[0].shape[:-2] == call.values["kernel"]


def _is_known(call: Call) -> bool:
    padding = call.values.get("padding")
    return isinstance(padding, tuple) and "dilation" not in call.values and call.X.ndim < 5


def _padded(X: Array, sides: Sides, value: float = 0.0) -> Array:
    return np.pad(X, [(0, 0), *sides, (0, 0)], constant_values=value)


def _spread(a: Array, steps: Sequence[int], first: int = 0) -> Array:
    """Return an array with `step` − 1 zeros between its elements, along each axis from `first`."""
    shape = list(a.shape)
    for axis, step in enumerate(steps, first):
        shape[axis] = (shape[axis] - 1) * step + 1
    found = np.zeros(shape, a.dtype)
    found[(slice(None),) * first + tuple(slice(None, None, step) for step in steps)] = a
    return found


def _as_images(a: Array, lead: int = 1) -> Array:
    """Return sequences as images of height 1, behind `lead` axes."""
    return np.expand_dims(a, lead) if a.ndim == 3 else a


def _pair(values: Sequence[int]) -> tuple[int, int]:
    first, *rest = values
    return (first, rest[0]) if rest else (1, first)


def _back(call: Call, z: Array) -> Array:
    return z[:, 0] if call.X.ndim == 3 else z
