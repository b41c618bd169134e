"""What every layer has in common: parameters, their gradients, and arrays that are used again."""

from collections.abc import Sequence

import numpy as np

from scratch.workspace import Workspace

__all__ = ["Layer"]


class Layer:
    """A function and its derivative: a = f(x; params), and dx and grads from da.

    `params` and `grads` are lists in the same order; a layer without parameters has empty ones.
    `backward` belongs to the latest `forward`: it uses what that call kept.

    What `forward` and `backward` return is an array that the layer owns and writes over at the next
    call of the same method; copy it to keep it.
    """

    params: list[np.ndarray]
    grads: list[np.ndarray]

    def __init__(self, params: Sequence[np.ndarray] = ()) -> None:
        self.bind(params, [np.zeros_like(p) for p in params])
        self.work = Workspace()

    def bind(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep parameters and gradients in the given arrays from now on (see `Sequential`)."""
        self.params, self.grads = list(params), list(grads)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the layer's output (n, d_out) for its input (n, d_in)."""
        raise NotImplementedError

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set `grads` from da = dL/da (n, d_out), and return dx = dL/dx (n, d_in)."""
        raise NotImplementedError

    def backward_params(self, da: np.ndarray) -> None:
        """Set `grads` only: enough for a network's first layer, whose dx nobody asks for."""
        self.backward(da)
