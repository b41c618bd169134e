"""A network: layers one after the other, with all their parameters in one flat vector."""

from collections.abc import Sequence

import numpy as np

from scratch.layers.dropout import Dropout
from scratch.layers.layer import Layer
from scratch.losses import Loss

__all__ = ["Sequential"]


class Sequential:
    """Layers in sequence: a = f_L(... f_2(f_1(X))).

    `theta` (p,) holds every parameter of every layer, `grad` (p,) every gradient, in the order of
    `weights`; the layers' own `params` and `grads` are views into them, and an optimizer steps the
    whole network at once.

    >>> from scratch import Dense, ReLU
    >>> network = Sequential(Dense(2, 4), ReLU(), Dense(4, 1)).initialize(np.random.default_rng(0))
    >>> network.theta.shape, [w.shape for w in network.weights]
    ((17,), [(2, 4), (4,), (4, 1), (1,)])
    """

    def __init__(self, *layers: Layer, dtype: np.dtype | type = np.float64) -> None:
        if not layers:
            raise ValueError("a network needs at least one layer, got none")
        self.layers = layers
        self.learns_from = next((i for i, layer in enumerate(layers) if layer.params), 0)
        self.bind(dtype)

    def bind(self, dtype: np.dtype | type) -> None:
        """Move all parameters into one new flat vector of the given type, values kept."""
        params = [p for layer in self.layers for p in layer.params]
        self.theta = np.concatenate([p.ravel() for p in params] or [np.empty(0)]).astype(dtype)
        self.grad = np.zeros_like(self.theta)
        weights, grads = _views(self.theta, params), _views(self.grad, params)
        self.weights, self.grads = list(weights), list(grads)
        for layer in self.layers:
            k = len(layer.params)
            layer.bind(weights[:k], grads[:k])
            del weights[:k], grads[:k]

    def initialize(self, rng: np.random.Generator) -> "Sequential":
        """Draw every matrix and kernel by Glorot's rule, in order; biases start at zero."""
        for layer in self.layers:
            layer.initialize(rng)
        return self

    def train(self, mode: bool = True) -> "Sequential":
        """Put every layer into training mode, or out of it; outside is where they begin."""
        for layer in self.layers:
            layer.training = mode
        return self

    @property
    def state(self) -> list[np.ndarray]:
        """What layers learn without a gradient, in order: to be saved along with `weights`."""
        return [a for layer in self.layers for a in layer.state.values()]

    def use_masks(self, masks: Sequence[np.ndarray]) -> None:
        """Hand every `Dropout` its mask for the next step, in order; ValueError for another number.

        A mask is shaped as the layer's input.
        """
        dropouts = [layer for layer in self.layers if isinstance(layer, Dropout)]
        if len(masks) != len(dropouts):
            raise ValueError(f"masks: expected {len(dropouts)} arrays, got {len(masks)}")
        for layer, mask in zip(dropouts, masks, strict=True):
            layer.use(mask)

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Copy the given arrays into the parameters; ValueError names one that does not fit."""
        if len(weights) != len(self.weights):
            raise ValueError(f"weights: expected {len(self.weights)} arrays, got {len(weights)}")
        for i, (own, new) in enumerate(zip(self.weights, weights, strict=True)):
            if np.shape(new) != own.shape:
                raise ValueError(f"weights[{i}]: expected shape {own.shape}, got {np.shape(new)}")
        for own, new in zip(self.weights, weights, strict=True):
            own[...] = new

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return the outputs (n, d_out) for X (n, d_in), in an array that the next call reuses."""
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def backward(self, da: np.ndarray) -> None:
        """Set `grad` from da = dL/d(outputs) (n, d_out), for the latest `forward`.

        It ends at the first layer with parameters: nobody asks for the gradient of its inputs.
        """
        first, *others = self.layers[self.learns_from :]
        for layer in reversed(others):
            da = layer.backward(da)
        first.backward_params(da)

    def backward_to_inputs(self, da: np.ndarray) -> np.ndarray:
        """Do what `backward` does, and return dX, shaped as the inputs.

        That is how a network learns through another one: a generator through its critic.
        """
        for layer in reversed(self.layers):
            da = layer.backward(da)
        return da

    def loss_and_grad(
        self, loss: Loss, X: np.ndarray, y: np.ndarray, w: np.ndarray | None = None
    ) -> tuple[float, list[np.ndarray]]:
        """Return L and dL/d(weights), one new array for each of `weights`."""
        value = loss.forward(self.forward(X), y, w)
        self.backward(loss.backward())
        return value, [g.copy() for g in self.grads]


def _views(flat: np.ndarray, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut a flat vector into consecutive views with the shapes of the given arrays."""
    ends = np.cumsum([p.size for p in like])
    return [flat[end - p.size : end].reshape(p.shape) for end, p in zip(ends, like, strict=True)]
