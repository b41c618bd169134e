"""A sequence read in both directions."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from scratch.initializers import glorot_uniform
from scratch.layers.layer import Draw, Layer
from scratch.layers.recurrent import Recurrent

__all__ = ["Bidirectional"]


class Bidirectional(Layer):
    """a = [h→, h←] side by side: one recurrent layer reads forwards, another backwards.

    Shapes: X (n, t, d_in), a (n, d_out + d_out′) of the last step that each has read, which for
    the backward one is the first of the sequence; or (n, t, d_out + d_out′) if both return
    sequences, each output at the place of its step. PyTorch's `out[:, -1]` takes the backward one
    after a single step, which is something else.
    ValueError unless the first layer reads forwards and the second in `reverse`.

    Gradient: each layer gets its half of da; dX is the sum of what both pass back.
    Source: Schuster and Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on
    Signal Processing 45, 1997.

    >>> from scratch import SimpleRNN
    >>> forwards, backwards = SimpleRNN(1, 1), SimpleRNN(1, 1, reverse=True)
    >>> for layer in (forwards, backwards):
    ...     layer.params[0][:] = 1.0  # U is 0: h depends on the latest step read only
    >>> Bidirectional(forwards, backwards).forward(np.array([[[0.0], [0.5], [1.0]]])).round(6)
    array([[0.761594, 0.      ]])
    """

    def __init__(self, forwards: Recurrent, backwards: Recurrent) -> None:
        if forwards.reverse or not backwards.reverse:
            raise ValueError("the first layer must read forwards and the second in reverse")
        if forwards.return_sequences != backwards.return_sequences:
            raise ValueError("both layers must return sequences, or neither")
        self.layers = forwards, backwards
        super().__init__([*forwards.params, *backwards.params])

    def attach(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep parameters and gradients in the given arrays, the forward layer's first."""
        super().attach(params, grads)
        first, second = self.layers
        k = len(first.params)
        first.attach(params[:k], grads[:k])
        second.attach(params[k:], grads[k:])

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Draw the weights of the forward layer, then of the backward one."""
        for layer in self.layers:
            layer.initialize(rng, draw)
        return self

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return [h→, h←]."""
        first, second = (layer.forward(X, training) for layer in self.layers)
        self.cut = first.shape[-1]
        a = np.empty_like(first, shape=(*first.shape[:-1], self.cut + second.shape[-1]))
        a[..., : self.cut], a[..., self.cut :] = first, second
        return a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients of both; return dX (n, t, d_in)."""
        first, second = self.layers
        return first.backward(da[..., : self.cut]) + second.backward(da[..., self.cut :])
