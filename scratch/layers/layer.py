"""What all layers have in common: a function, its derivative, parameters and their gradients."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from scratch.initializers import glorot_uniform

__all__ = ["Draw", "Layer", "sharing"]

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]  # a rule for initial weights


class Layer:
    """A function and its derivative: a = f(x; params), and dx and grads from da.

    `params` and `grads` are lists in the same order; a layer without parameters has empty ones.
    `state` holds what is learned without a gradient, such as running means: it is not trained, but
    must be saved, too. Some layers, such as dropout, compute another function in training.
    `backward` belongs to the latest `forward`: it uses what that call kept.
    """

    params: list[np.ndarray]
    grads: list[np.ndarray]
    state: dict[str, np.ndarray]

    def __init__(self, params: Sequence[np.ndarray] = ()) -> None:
        self.state = {}
        self.attach(params, [np.zeros_like(p) for p in params])

    def attach(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep parameters and gradients in the given arrays from now on (see `Sequential`)."""
        self.params, self.grads = list(params), list(grads)

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Draw every matrix and kernel by the rule, in order; vectors start at zero."""
        for p in self.params:
            p[...] = draw(rng, p.shape) if p.ndim > 1 else 0
        return self

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the layer's output (n, ...) for its input (n, ...)."""
        raise NotImplementedError

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set `grads` from da = dL/da, shaped as the output; return dx, shaped as the input."""
        raise NotImplementedError

    def backward_params(self, da: np.ndarray) -> None:
        """Set only `grads`: enough for the first layer with parameters, whose dx nobody needs."""
        self.backward(da)

    def __copy__(self) -> Self:
        """Return a layer with the same parameters, and inner layers of its own to read with."""
        return sharing(self, (Layer,), {})

    def __repr__(self) -> str:
        return " ".join([type(self).__name__, *(str(p.shape) for p in self.params)])


def sharing(value: Any, kinds: tuple[type, ...], found: dict[int, Any]) -> Any:
    """Return a copy of an object, and of those of these kinds in its attributes; arrays are shared.

    `found` gets each copy, by the identity of what it was made of, so that objects which know one
    another are copied as such.
    """
    if id(value) in found:
        return found[id(value)]
    if isinstance(value, kinds):
        made = found[id(value)] = object.__new__(type(value))
        vars(made).update({k: sharing(v, kinds, found) for k, v in vars(value).items()})
        return made
    if type(value) in (list, tuple):
        return type(value)(sharing(each, kinds, found) for each in value)
    if type(value) is dict:
        return {key: sharing(each, kinds, found) for key, each in value.items()}
    return value
