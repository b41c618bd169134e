"""The derivative of each kind of layer as a formula, and the mistakes that are made with it.

A derivative takes what a layer was given and returned, and dz = dL/d(what it returned); it returns
dL/dx and the gradients of the layer's weights.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["DERIVATIVES", "MISTAKES", "Derivative", "Seen"]

Array = np.ndarray


@dataclass(frozen=True)
class Seen:
    """A layer: what it was given (x) and returned (values), and its weights."""

    kind: str
    x: Array
    values: Array
    weights: list[Array]


Derivative = Callable[[Seen, Array], tuple[Array, list[Array]]]


def _elementwise(f: Callable[[Array, Array, Array], Array]) -> Derivative:
    """Return the derivative of an activation from f(z, a, da) = dz."""
    return lambda layer, da: (f(layer.x.reshape(da.shape), layer.values, da), [])


def _slope(layer: Seen) -> float:
    """Return the slope of a leaky ReLU below zero."""
    below = (layer.x < 0).nonzero()
    return float(layer.values[below][0] / layer.x[below][0]) if len(below[0]) else 0.0


def _dense(layer: Seen, dz: Array) -> tuple[Array, list[Array]]:
    W, *b = layer.weights
    x, rows = layer.x.reshape(-1, W.shape[0]), dz.reshape(-1, W.shape[1])
    dx = rows @ W.T
    return dx.reshape(layer.x.shape), [x.T @ rows, *(rows.sum(axis=0) for _ in b)]


def _untransposed(layer: Seen, dz: Array) -> tuple[Array, list[Array]]:
    W = layer.weights[0]
    dx, gradients = _dense(layer, dz)
    return (dz @ W if W.shape[0] == W.shape[1] else dx), gradients


def _bias(change: Callable[[Array, Array], Array]) -> Callable[[Derivative], Derivative]:
    """Return what changes the bias's gradient db to change(db, dz)."""

    def changed(own: Derivative) -> Derivative:
        def derivative(layer: Seen, dz: Array) -> tuple[Array, list[Array]]:
            dx, (dW, *db) = own(layer, dz)
            return dx, [dW, *(change(each, dz) for each in db)]

        return derivative

    return changed


def _convolution(layer: Seen, dz: Array, rotate: bool = True) -> tuple[Array, list[Array]]:
    """Return the derivative of a convolution with stride 1 and any padding of zeros."""
    W, *b = layer.weights
    kh, kw = W.shape[:2]
    down, right = dz.shape[1] + kh - 1, dz.shape[2] + kw - 1
    top, left = (down - layer.x.shape[1]) // 2, (right - layer.x.shape[2]) // 2
    x = np.zeros((len(dz), down, right, W.shape[2]))
    inside = np.s_[:, top : top + layer.x.shape[1], left : left + layer.x.shape[2]]
    if min(top, left) < 0 or x[inside].shape != layer.x.shape:
        return np.full_like(layer.x, np.nan), [np.full_like(w, np.nan) for w in layer.weights]
    x[inside] = layer.x
    dW = np.einsum("nyxcuv,nyxo->uvco", sliding_window_view(x, (kh, kw), axis=(1, 2)), dz)
    dx = np.zeros_like(x)
    kernel = W if rotate else W[::-1, ::-1]
    for u, v in np.ndindex(kh, kw):
        dx[:, u : u + dz.shape[1], v : v + dz.shape[2]] += dz @ kernel[u, v].T
    return dx[inside], [dW, *(dz.sum(axis=(0, 1, 2)) for _ in b)]


def _pooling(share: Callable[[Array], Array]) -> Derivative:
    """Return the derivative of a pooling: `share` of windows (..., k) says what each place gets."""

    def derivative(layer: Seen, dz: Array) -> tuple[Array, list[Array]]:
        (n, h, w, c), (rows, columns) = layer.x.shape, dz.shape[1:3]
        kh, kw = h // rows, w // columns
        cut = layer.x[:, : kh * rows, : kw * columns].reshape(n, rows, kh, columns, kw, c)
        windows = cut.transpose(0, 1, 3, 5, 2, 4).reshape(n, rows, columns, c, kh * kw)
        d = (share(windows) * dz[..., None]).reshape(n, rows, columns, c, kh, kw)
        dx = np.zeros_like(layer.x)
        dx[:, : kh * rows, : kw * columns] = d.transpose(0, 1, 4, 2, 5, 3).reshape(
            n, kh * rows, kw * columns, c
        )
        return dx, []

    return derivative


def _at(index: Array, windows: Array) -> Array:
    share: Array = np.arange(windows.shape[-1]) == index[..., None]
    return share


def _first(windows: Array) -> Array:
    return _at(windows.argmax(-1), windows)


def _last(windows: Array) -> Array:
    return _at(windows.shape[-1] - 1 - windows[..., ::-1].argmax(-1), windows)


def _every(windows: Array) -> Array:
    every: Array = windows == windows.max(-1, keepdims=True)
    return every


def _split(windows: Array) -> Array:
    every = _every(windows)
    return every / every.sum(-1, keepdims=True)


def _mean(windows: Array) -> Array:
    return np.full_like(windows, 1 / windows.shape[-1])


def _dropout(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    kept = layer.values != 0
    scale = layer.values[kept] / layer.x[kept]
    return da * kept * (scale[0] if len(scale) else 1.0), []


def _normalization(layer: Seen, da: Array, constants: bool = False) -> tuple[Array, list[Array]]:
    """Return the derivative of a batch normalization; `constants`: μ and σ do not depend on x."""
    gamma, beta = layer.weights
    axes = tuple(range(da.ndim - 1))
    x_hat = (layer.values - beta) / gamma
    shifted = layer.x - layer.x.mean(axis=axes)
    scale = np.sqrt((x_hat**2).sum(axis=axes) / (shifted**2).sum(axis=axes))
    d = da * gamma
    gradients = [(da * x_hat).sum(axis=axes), da.sum(axis=axes)]
    if constants:
        return d * scale, gradients
    return scale * (d - d.mean(axis=axes) - x_hat * (d * x_hat).mean(axis=axes)), gradients


def _embedding(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dV = np.zeros_like(layer.weights[0])
    np.add.at(dV, layer.x.astype(int), da)
    return np.zeros_like(layer.x), [dV]


def _last_word(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dV = np.zeros_like(layer.weights[0])
    dV[layer.x.astype(int)] = da
    return np.zeros_like(layer.x), [dV]


def _no_padding(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dx, (dV,) = _embedding(layer, da)
    dV[0] = 0
    return dx, [dV]


def _mean_of_word(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dx, (dV,) = _embedding(layer, da)
    counts = np.bincount(layer.x.astype(int).ravel(), minlength=len(dV))
    return dx, [dV / np.maximum(counts, 1)[:, None]]


def _unchanged(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    return da, []


_relu = _elementwise(lambda z, a, da: da * (z > 0))
DERIVATIVES: dict[str, Derivative] = {
    "dense": _dense,
    "convolution": _convolution,
    "max pooling": _pooling(_first),
    "average pooling": _pooling(_mean),
    "dropout": _dropout,
    "batch normalization": _normalization,
    "relu": _relu,
    "leaky relu": lambda layer, da: (np.where(layer.x > 0, da, _slope(layer) * da), []),
    "sigmoid": _elementwise(lambda z, a, da: da * a * (1 - a)),
    "tanh": _elementwise(lambda z, a, da: da * (1 - a * a)),
    "elu": _elementwise(lambda z, a, da: da * np.where(z > 0, 1, a + 1)),
    "embedding": _embedding,
}

_BIASES = {
    "averages the bias's gradient over the rows": _bias(lambda db, dz: db / len(dz)),
    "averages the bias's gradient": _bias(lambda db, dz: db * dz.shape[-1] / dz.size),
    "sums the bias's gradient over the wrong axis": _bias(
        lambda db, dz: dz.sum(-1).ravel()[: len(db)] if dz.sum(-1).size >= len(db) else db
    ),
}
_PASSED = {"passes the gradient on as it is": _unchanged}
MISTAKES: dict[str, dict[str, Derivative]] = {
    "dense": {"passes dz W back, not dz Wᵀ,": _untransposed}
    | {words: change(_dense) for words, change in _BIASES.items()},
    "convolution": {
        "turns the kernel round": lambda layer, dz: _convolution(layer, dz, rotate=False)
    }
    | {words: change(_convolution) for words, change in _BIASES.items()},
    "max pooling": {
        "gives the gradient to the last of several maxima": _pooling(_last),
        "gives the whole gradient to each of several maxima": _pooling(_every),
        "splits the gradient among several maxima": _pooling(_split),
        "gives every place of a window its share": _pooling(_mean),
    },
    "average pooling": {
        "gives every place the whole gradient": _pooling(lambda windows: np.ones_like(windows))
    },
    "dropout": _PASSED | {"does not scale": lambda layer, da: (da * (layer.values != 0), [])},
    "batch normalization": {
        "takes μ and σ for constants": lambda layer, da: _normalization(layer, da, constants=True)
    },
    "relu": {
        "takes 1 for the derivative at 0": _elementwise(lambda z, a, da: da * (z >= 0)),
        "masks by the gradient, not by z > 0,": _elementwise(lambda z, a, da: np.maximum(da, 0)),
        "masks by z < 0": _elementwise(lambda z, a, da: da * (z < 0)),
    }
    | _PASSED,
    "leaky relu": {"takes 0 for the slope below zero": _relu} | _PASSED,
    "sigmoid": {
        "takes z (1 − z) for a (1 − a)": _elementwise(lambda z, a, da: da * z * (1 - z)),
        "takes 1 − a for a (1 − a)": _elementwise(lambda z, a, da: da * (1 - a)),
        "takes a for a (1 − a)": _elementwise(lambda z, a, da: da * a),
        "takes 1 − a² for a (1 − a)": _elementwise(lambda z, a, da: da * (1 - a * a)),
    }
    | _PASSED,
    "tanh": {
        "takes 1 − a for 1 − a²": _elementwise(lambda z, a, da: da * (1 - a)),
        "takes 1 − z² for 1 − a²": _elementwise(lambda z, a, da: da * (1 - z * z)),
        "takes 1 + a² for 1 − a²": _elementwise(lambda z, a, da: da * (1 + a * a)),
        "takes a (1 − a) for 1 − a²": _elementwise(lambda z, a, da: da * a * (1 - a)),
        "takes 1 − tanh²a for 1 − a²": _elementwise(lambda z, a, da: da * (1 - np.tanh(a) ** 2)),
    }
    | _PASSED,
    "elu": {"takes 0 for the derivative below zero": _relu} | _PASSED,
    "embedding": {
        "gives word 0, the padding, no gradient": _no_padding,
        "keeps the gradient of a word's last occurrence only": _last_word,
        "averages the gradients of a word": _mean_of_word,
    },
}
