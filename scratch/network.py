"""A network: layers in sequence, with all their parameters in one flat vector."""

from collections.abc import Iterator, Sequence
from copy import copy
from os import PathLike
from typing import Any, Self

import numpy as np

from scratch.initializers import glorot_uniform
from scratch.layers.dropout import Dropout
from scratch.layers.layer import Draw, Layer, sharing
from scratch.layers.masking import Mask
from scratch.losses import Loss
from scratch.receptive import in_order

__all__ = ["Residual", "Sequential", "evaluated"]

_ROWS = 256  # per prediction pass, so that what layers keep stays small


class Sequential(Layer):
    """Layers in sequence: a = f_L(... f_2(f_1(X))). A sequence is itself a layer.

    `theta` (p,) holds every parameter of every layer, `grad` (p,) every gradient, in the order of
    `weights`; the layers' own `params` and `grads` are views into them, and an optimizer steps the
    whole network at once. A layer belongs to the last network that it was put into. A layer that
    occurs twice has its parameters once, and the gradients of both places are added.

    >>> from scratch import Dense, ReLU
    >>> network = Sequential(Dense(2, 4), ReLU(), Dense(4, 1)).initialize(np.random.default_rng(0))
    >>> network
    Sequential of 17 parameters
      Dense (2, 4) (4,)
      ReLU
      Dense (4, 1) (1,)
    >>> network.predict(np.zeros((3, 2))).shape
    (3, 1)
    """

    passed: list[Layer]  # in the order of the latest `forward`, see `in_order`

    def __init__(self, *layers: Layer, dtype: np.dtype | type = np.float64) -> None:
        if not layers:
            raise ValueError("a network needs at least one layer, got none")
        self.twins: list[tuple[Layer, Layer]] = []  # a layer, and its copy at its next place
        used: set[int] = set()
        self.layers = tuple(self._take(layer, used) for layer in layers)
        self.bind(dtype)

    def bind(self, dtype: np.dtype | type) -> None:
        """Move all parameters into one new flat vector of the given dtype; values are kept."""
        self.flat, self._grad = _flatten(self.params, dtype), _flatten(self.grads, dtype)
        self.attach(_views(self.flat, self.params), _views(self._grad, self.grads))

    def attach(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep parameters and gradients in the given arrays from now on, layer by layer."""
        k = 0
        for layer in self._leaves():
            end = k + len(layer.params)
            layer.attach(params[k:end], grads[k:end])
            k = end
        for layer, twin in self.twins:
            twin.attach(layer.params, [np.zeros_like(g) for g in layer.grads])
            twin.state = layer.state

    @property
    def theta(self) -> np.ndarray:
        """All parameters (p,); assigned values are copied into them."""
        self._require_own_layers()
        return self.flat

    @theta.setter
    def theta(self, value: np.ndarray) -> None:
        self.theta[...] = value

    @property
    def grad(self) -> np.ndarray:
        """All gradients (p,)."""
        return self._grad

    @grad.setter
    def grad(self, value: np.ndarray) -> None:
        self._grad[...] = value

    @property
    def params(self) -> list[np.ndarray]:  # type: ignore[override]
        """The parameters of every layer, in order, as views into `theta`."""
        return [p for layer in self._leaves() for p in layer.params]

    @property
    def grads(self) -> list[np.ndarray]:  # type: ignore[override]
        """The gradients of every layer, in order, as views into `grad`."""
        return [g for layer in self._leaves() for g in layer.grads]

    @property
    def weights(self) -> list[np.ndarray]:
        """The same arrays as `params`, under the usual name for networks."""
        return self.params

    @property
    def state(self) -> dict[str, np.ndarray]:  # type: ignore[override]
        """What layers learn without a gradient: to be saved along with `weights`."""
        pairs = enumerate(self._leaves())
        return {f"{i}.{name}": a for i, layer in pairs for name, a in layer.state.items()}

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Draw every matrix and kernel by the rule, in order; biases start at zero."""
        for layer in self._leaves():
            layer.initialize(rng, draw)
        return self

    def use_masks(self, masks: Sequence[np.ndarray]) -> None:
        """Give each `Dropout` its mask for the next step, in order; ValueError for a wrong number.

        A mask is shaped as the layer's input.
        """
        dropouts = [layer for layer in self._leaves() if isinstance(layer, Dropout)]
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

    def save(self, path: str | PathLike[str]) -> None:
        """Write all parameters and states to an .npz file."""
        np.savez(path, *self.weights, **self.state)  # type: ignore[arg-type]

    def load(self, path: str | PathLike[str]) -> None:
        """Read what `save` wrote; ValueError if it is that of a network with other layers."""
        with np.load(path) as file:
            if extra := file.keys() ^ self._names():
                raise ValueError(f"{path}: arrays of another network: {', '.join(sorted(extra))}")
            self.set_weights([file[f"arr_{i}"] for i in range(len(self.weights))])
            for name, array in self.state.items():
                array[...] = file[name]

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the outputs (n, d_out) for X (n, d_in)."""
        if X.dtype.kind != "f":
            X = X.astype(self.flat.dtype)
        self.passed = in_order(self.layers)
        for layer in self.passed:
            X = layer.forward(X, training)
        return X

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set `grad` from da = dL/d(outputs) (n, d_out), for the latest `forward`; return dX."""
        for layer in reversed(self.passed):
            da = layer.backward(da)
        self._add_twins()
        return da

    def backward_params(self, da: np.ndarray) -> None:
        """Set only `grad`; stop at the first layer with parameters."""
        learns_from = next((i for i, layer in enumerate(self.passed) if layer.params), 0)
        for layer in reversed(self.passed[learns_from + 1 :]):
            da = layer.backward(da)
        self.passed[learns_from].backward_params(da)
        self._add_twins()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the outputs in evaluation mode; what `backward` and losses read stays as it is."""
        return evaluated(self, X)[0]

    __call__ = predict

    def loss_and_grad(
        self,
        loss: Loss,
        X: np.ndarray,
        y: np.ndarray,
        w: np.ndarray | None = None,
        training: bool = False,
    ) -> tuple[float, list[np.ndarray]]:
        """Return L and dL/d(weights), one new array for each of `weights`."""
        outputs = self.forward(X, training)
        loss.require(outputs, y)
        value = float(loss.forward(outputs, y, w))
        self.backward_params(loss.backward())
        return value, [g.copy() for g in self.grads]

    def __repr__(self) -> str:
        inside = "\n".join(repr(layer) for layer in self.layers).replace("\n", "\n  ")
        size = sum(p.size for p in self.params)
        return f"{type(self).__name__} of {size:,} parameters\n  {inside}"

    def __copy__(self) -> "Sequential":
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put copied or unpickled parameters back into one flat vector."""
        self.__dict__.update(state)
        self.bind(self.flat.dtype)

    def _take(self, layer: Layer, used: set[int]) -> Layer:
        """Return the layer or, at its next place, a twin that keeps its own inputs."""
        if isinstance(layer, Sequential):
            inner = tuple(self._take(each, used) for each in layer.layers)
            if any(a is not b for a, b in zip(inner, layer.layers, strict=True)):
                layer = copy(layer)
                layer.layers, layer.twins = inner, []
            return layer
        original = getattr(layer, "original", layer)
        if id(original) not in used:
            used.add(id(original))
            return layer
        twin = copy(layer)
        twin.original = original  # type: ignore[attr-defined]
        self.twins.append((original, twin))
        return twin

    def _leaves(self) -> Iterator[Layer]:
        """Yield every layer that is not a sequence, once and in order."""
        for layer in self.layers:
            if isinstance(layer, Sequential):
                yield from layer._leaves()
            elif not hasattr(layer, "original"):
                yield layer

    def _add_twins(self) -> None:
        for layer, twin in self.twins:
            for g, g_twin in zip(layer.grads, twin.grads, strict=True):
                g += g_twin

    def _names(self) -> set[str]:
        return {f"arr_{i}" for i in range(len(self.weights))} | self.state.keys()

    def _require_own_layers(self) -> None:
        if any(p.base is not self.flat for p in self.params):
            raise RuntimeError("the layers now belong to another network, into which they were put")


class Residual(Sequential):
    """Layers with a skip connection: a = X + f(X); dX = da + what f passes back.

    Shapes: f(X) has the shape of X.
    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016,
    equation 1.

    >>> from scratch import Dense
    >>> Residual(Dense(2, 2)).forward(np.array([[3.0, 5.0]]))  # the weights are still zero
    array([[3., 5.]])
    """

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X + f(X)."""
        return X + super().forward(X, training)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients; return dX."""
        return da + super().backward(da)


def evaluated(network: Sequential, X: np.ndarray, loss: Any = None) -> tuple[np.ndarray, Any]:
    """Return the outputs in evaluation mode, and a copy of the loss, with the masks of these rows.

    The passes are those of copies: nothing is changed that the next `backward` reads.
    """
    found: dict[int, Any] = {}
    network, loss = (sharing(each, (Layer, Mask, Loss), found) for each in (network, loss))
    masks = [each for each in found.values() if isinstance(each, Mask)]
    given, parts, noted = [mask.steps for mask in masks], [], []
    for i in range(0, max(len(X), 1), _ROWS):
        parts.append(network.forward(X[i : i + _ROWS]))
        noted.append([mask.steps for mask in masks])
    for mask, before, steps in zip(masks, given, zip(*noted, strict=True), strict=True):
        if mask.steps is not before:
            mask.steps = np.concatenate(steps)
    return np.concatenate(parts), loss


def _flatten(arrays: Sequence[np.ndarray], dtype: np.dtype | type) -> np.ndarray:
    return np.concatenate([a.ravel() for a in arrays] or [np.empty(0)]).astype(dtype)


def _views(flat: np.ndarray, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut a flat vector into consecutive views with the shapes of the given arrays."""
    ends = np.cumsum([p.size for p in like])
    return [flat[end - p.size : end].reshape(p.shape) for end, p in zip(ends, like, strict=True)]
