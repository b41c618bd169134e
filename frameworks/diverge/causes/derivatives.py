"""The derivative of each kind of layer, as a formula.

A derivative takes what a layer was given and returned, and dz = dL/d(what it returned); it returns
dL/dx and the gradients of the layer's weights.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = [
    *("DERIVATIVES", "Derivative", "Seen", "at_index", "convolution", "dense", "elementwise"),
    *("embedding", "everywhere", "normalization", "pooling", "relu"),
]

Array = np.ndarray


@dataclass(frozen=True)
class Seen:
    """A layer: what it was given (x) and returned (values), and its weights."""

    kind: str
    x: Array
    values: Array
    weights: list[Array]


Derivative = Callable[[Seen, Array], tuple[Array, list[Array]]]


def elementwise(f: Callable[[Array, Array, Array], Array]) -> Derivative:
    """Return the derivative of an activation from f(z, a, da) = dz."""
    return lambda layer, da: (f(layer.x.reshape(da.shape), layer.values, da), [])


def _slope(layer: Seen) -> float:
    """Return the slope of a leaky ReLU below zero."""
    below = (layer.x < 0).nonzero()
    return float(layer.values[below][0] / layer.x[below][0]) if len(below[0]) else 0.0


def dense(layer: Seen, dz: Array) -> tuple[Array, list[Array]]:
    W, *b = layer.weights
    x, rows = layer.x.reshape(-1, W.shape[0]), dz.reshape(-1, W.shape[1])
    dx = rows @ W.T
    return dx.reshape(layer.x.shape), [x.T @ rows, *(rows.sum(axis=0) for _ in b)]


def convolution(layer: Seen, dz: Array, rotate: bool = True) -> tuple[Array, list[Array]]:
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


def pooling(share: Callable[[Array], Array]) -> Derivative:
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


def at_index(index: Array, windows: Array) -> Array:
    share: Array = np.arange(windows.shape[-1]) == index[..., None]
    return share


def _first(windows: Array) -> Array:
    return at_index(windows.argmax(-1), windows)


def everywhere(windows: Array) -> Array:
    return np.full_like(windows, 1 / windows.shape[-1])


def _dropout(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    kept = layer.values != 0
    scale = layer.values[kept] / layer.x[kept]
    return da * kept * (scale[0] if len(scale) else 1.0), []


def normalization(layer: Seen, da: Array, constants: bool = False) -> tuple[Array, list[Array]]:
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


def embedding(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dV = np.zeros_like(layer.weights[0])
    np.add.at(dV, layer.x.astype(int), da)
    return np.zeros_like(layer.x), [dV]


relu = elementwise(lambda z, a, da: da * (z > 0))
DERIVATIVES: dict[str, Derivative] = {
    "dense": dense,
    "convolution": convolution,
    "max pooling": pooling(_first),
    "average pooling": pooling(everywhere),
    "dropout": _dropout,
    "batch normalization": normalization,
    "relu": relu,
    "leaky relu": lambda layer, da: (np.where(layer.x > 0, da, _slope(layer) * da), []),
    "sigmoid": elementwise(lambda z, a, da: da * a * (1 - a)),
    "tanh": elementwise(lambda z, a, da: da * (1 - a * a)),
    "elu": elementwise(lambda z, a, da: da * np.where(z > 0, 1, a + 1)),
    "embedding": embedding,
}
