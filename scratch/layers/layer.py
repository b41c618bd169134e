"""What every layer has in common: parameters, their gradients, and arrays that are used again."""

from collections.abc import Sequence

import numpy as np

from scratch.initializers import glorot_uniform
from scratch.workspace import Workspace

__all__ = ["Layer"]


class Layer:
    """A function and its derivative: a = f(x; params), and dx and grads from da.

    `params` and `grads` are lists in the same order; a layer without parameters has empty ones.
    `state` holds what is learned without a gradient, such as running means: it is not trained, but
    belongs to what has to be saved. `training` says which of two functions a layer is that has two,
    such as dropout.
    `backward` belongs to the latest `forward`: it uses what that call kept.

    What `forward` and `backward` return is an array that the layer owns and writes over at the next
    call of the same method, or a view of what it was given; copy it to keep it.
    """

    training: bool = False
    params: list[np.ndarray]
    grads: list[np.ndarray]
    state: dict[str, np.ndarray]

    def __init__(self, params: Sequence[np.ndarray] = ()) -> None:
        self.state = {}
        self.bind(params, [np.zeros_like(p) for p in params])
        self.work = Workspace()

    def bind(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep parameters and gradients in the given arrays from now on (see `Sequential`)."""
        self.params, self.grads = list(params), list(grads)

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw every matrix and kernel by Glorot's rule, in order; vectors start at zero."""
        for p in self.params:
            p[...] = glorot_uniform(rng, p.shape) if p.ndim > 1 else 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the layer's output (n, ...) for its input (n, ...)."""
        raise NotImplementedError

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set `grads` from da = dL/da, shaped as the output; return dx, shaped as the input."""
        raise NotImplementedError

    def backward_params(self, da: np.ndarray) -> None:
        """Set `grads` only: enough for the first layer that has any: nobody asks for its dx."""
        self.backward(da)
