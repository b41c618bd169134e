"""The mistakes that are made with the derivative of each kind of layer."""

from collections.abc import Callable

import numpy as np

from frameworks.diverge.causes.derivatives import (
    Derivative,
    Seen,
    at_index,
    convolution,
    dense,
    elementwise,
    embedding,
    everywhere,
    normalization,
    pooling,
    relu,
)

__all__ = ["MISTAKES"]

Array = np.ndarray

_ZERO = 1e-9  # relative: less is rounding


def _untransposed(layer: Seen, dz: Array) -> tuple[Array, list[Array]]:
    W = layer.weights[0]
    dx, gradients = dense(layer, dz)
    return (dz @ W if W.shape[0] == W.shape[1] else dx), gradients


def _bias(change: Callable[[Array, Array], Array]) -> Callable[[Derivative], Derivative]:
    """Return what changes the bias's gradient db to change(db, dz)."""

    def changed(own: Derivative) -> Derivative:
        def derivative(layer: Seen, dz: Array) -> tuple[Array, list[Array]]:
            dx, (dW, *db) = own(layer, dz)
            return dx, [dW, *(change(each, dz) for each in db)]

        return derivative

    return changed


def _last(windows: Array) -> Array:
    return at_index(windows.shape[-1] - 1 - windows[..., ::-1].argmax(-1), windows)


def _every(windows: Array) -> Array:
    every: Array = windows == windows.max(-1, keepdims=True)
    return every


def _split(windows: Array) -> Array:
    every = _every(windows)
    return every / every.sum(-1, keepdims=True)


def _last_word(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dV = np.zeros_like(layer.weights[0])
    dV[layer.x.astype(int)] = da
    return np.zeros_like(layer.x), [dV]


def _no_padding(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dx, (dV,) = embedding(layer, da)
    dV[0] = 0
    return dx, [dV]


def _mean_of_word(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    dx, (dV,) = embedding(layer, da)
    counts = np.bincount(layer.x.astype(int).ravel(), minlength=len(dV))
    return dx, [dV / np.maximum(counts, 1)[:, None]]


def _unchanged(layer: Seen, da: Array) -> tuple[Array, list[Array]]:
    return da, []


def _over_the_wrong_axis(db: Array, dz: Array) -> Array:
    """Return what a sum over the features is; that of a softmax is 0, as no gradient is."""
    sums = dz.sum(-1).ravel()[: len(db)]
    tells = len(sums) == len(db) and np.abs(sums).max() > _ZERO * np.abs(dz).max()
    return sums if tells else db


_BIASES = {
    "averages the bias's gradient over the rows": _bias(lambda db, dz: db / len(dz)),
    "averages the bias's gradient": _bias(lambda db, dz: db * dz.shape[-1] / dz.size),
    "sums the bias's gradient over the wrong axis": _bias(_over_the_wrong_axis),
}
_PASSED = {"passes the gradient on as it is": _unchanged}
MISTAKES: dict[str, dict[str, Derivative]] = {
    "dense": {"passes dz W back, not dz Wᵀ,": _untransposed}
    | {words: change(dense) for words, change in _BIASES.items()},
    "convolution": {
        "turns the kernel round": lambda layer, dz: convolution(layer, dz, rotate=False)
    }
    | {words: change(convolution) for words, change in _BIASES.items()},
    "max pooling": {
        "gives the gradient to the last of several maxima": pooling(_last),
        "gives the whole gradient to each of several maxima": pooling(_every),
        "splits the gradient among several maxima": pooling(_split),
        "gives every place of a window its share": pooling(everywhere),
    },
    "average pooling": {
        "gives every place the whole gradient": pooling(lambda windows: np.ones_like(windows))
    },
    "dropout": _PASSED | {"does not scale": lambda layer, da: (da * (layer.values != 0), [])},
    "batch normalization": {
        "takes μ and σ for constants": lambda layer, da: normalization(layer, da, constants=True)
    },
    "relu": {
        "takes 1 for the derivative at 0": elementwise(lambda z, a, da: da * (z >= 0)),
        "masks by the gradient, not by z > 0,": elementwise(lambda z, a, da: np.maximum(da, 0)),
        "masks by z < 0": elementwise(lambda z, a, da: da * (z < 0)),
    }
    | _PASSED,
    "leaky relu": {"takes 0 for the slope below zero": relu} | _PASSED,
    "sigmoid": {
        "takes z (1 − z) for a (1 − a)": elementwise(lambda z, a, da: da * z * (1 - z)),
        "takes 1 − a for a (1 − a)": elementwise(lambda z, a, da: da * (1 - a)),
        "takes a for a (1 − a)": elementwise(lambda z, a, da: da * a),
        "takes 1 − a² for a (1 − a)": elementwise(lambda z, a, da: da * (1 - a * a)),
    }
    | _PASSED,
    "tanh": {
        "takes 1 − a for 1 − a²": elementwise(lambda z, a, da: da * (1 - a)),
        "takes 1 − z² for 1 − a²": elementwise(lambda z, a, da: da * (1 - z * z)),
        "takes 1 + a² for 1 − a²": elementwise(lambda z, a, da: da * (1 + a * a)),
        "takes a (1 − a) for 1 − a²": elementwise(lambda z, a, da: da * a * (1 - a)),
        "takes 1 − tanh²a for 1 − a²": elementwise(lambda z, a, da: da * (1 - np.tanh(a) ** 2)),
    }
    | _PASSED,
    "elu": {"takes 0 for the derivative below zero": relu} | _PASSED,
    "embedding": {
        "gives word 0, the padding, no gradient": _no_padding,
        "keeps the gradient of a word's last occurrence only": _last_word,
        "averages the gradients of a word": _mean_of_word,
    },
}
