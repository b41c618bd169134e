"""Is each layer's `backward` the derivative of its `forward`? If not, which is wrong, by how much?

For a direction d, (f(x + hd) − f(x − hd)) / 2h is the derivative along d up to terms of h². A
gradient g promises g·d.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from scratch.layers import Dropout, Layer
from scratch.losses import Loss
from scratch.network import Sequential

__all__ = ["WrongGradient", "check_gradients"]

_H = 1e-5  # so that terms of h², 1e-10, and rounding errors, 1e-16/h, are both small


class WrongGradient(NamedTuple):
    """A gradient that central differences contradict; `error` is relative to the larger of both."""

    where: str  # "layer 2 (ReLU)" or "loss"
    of: str  # "input", or "params[0]"
    error: float


def check_gradients(
    network: Sequential,
    loss: Loss,
    X: np.ndarray,
    y: np.ndarray,
    *,
    training: bool = False,
    limit: float = 1e-6,
    seed: int = 0,
) -> list[WrongGradient]:
    """Return the gradients that are wrong by more than `limit`, layer by layer.

    Each layer is checked separately, on the inputs that reach it. The network is not changed.
    Inputs exactly on a kink, such as zeros before a ReLU, have no derivative to compare with.

    >>> from scratch import Dense, MeanSquaredError, Tanh
    >>> class Wrong(Tanh):
    ...     def backward(self, da):
    ...         return da * (1 - self.a)  # the square is missing
    >>> rng = np.random.default_rng(0)
    >>> network = Sequential(Dense(2, 3), Wrong(), Dense(3, 1)).initialize(rng)
    >>> X, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
    >>> [(wrong.where, wrong.of) for wrong in check_gradients(network, MeanSquaredError(), X, y)]
    [('layer 1 (Wrong)', 'input')]
    """
    network, rng, found = deepcopy(network), np.random.default_rng(seed), []
    network.bind(np.float64)
    x = X.astype(np.float64)
    for i, layer in enumerate(network.layers):
        where = f"layer {i} ({type(layer).__name__})"
        found += _check_layer(where, layer, x, training, rng)
        x = layer.forward(x, training)
    loss.forward(x, y)
    error = _error(lambda z: float(loss.forward(z, y)), x, loss.backward().copy(), rng)
    found.append(WrongGradient("loss", "input", error))
    return [each for each in found if not each.error <= limit]


def _check_layer(
    where: str, layer: Layer, x: np.ndarray, training: bool, rng: np.random.Generator
) -> list[WrongGradient]:
    a = layer.forward(x, training)
    if isinstance(layer, Dropout) and training:
        mask = layer.mask
        layer.draw = lambda shape: mask  # type: ignore[method-assign, assignment, return-value]
    da = rng.standard_normal(a.shape)
    dx = layer.backward(da).copy()
    grads = [g.copy() for g in layer.grads]

    def value(x: np.ndarray) -> float:
        return float((da * layer.forward(x, training)).sum())

    found = [WrongGradient(where, "input", _error(value, x, dx, rng))]
    for k, (p, g) in enumerate(zip(layer.params, grads, strict=True)):

        def value_at(new: np.ndarray, p: np.ndarray = p) -> float:
            kept = p.copy()
            p[...] = new
            result = value(x)
            p[...] = kept
            return result

        found.append(WrongGradient(where, f"params[{k}]", _error(value_at, p.copy(), g, rng)))
    return found


def _error(
    f: Callable[[np.ndarray], float], x: np.ndarray, g: np.ndarray, rng: np.random.Generator
) -> float:
    """Return the largest relative difference of g·d and the central difference, over three d."""
    errors = []
    for _ in range(3):
        d = rng.standard_normal(x.shape)
        promised, found = float((g * d).sum()), (f(x + _H * d) - f(x - _H * d)) / (2 * _H)
        largest = max(abs(promised), abs(found))
        errors.append(abs(promised - found) / largest if largest else 0.0)
    return max(errors)
