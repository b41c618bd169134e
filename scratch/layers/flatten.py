"""Images to rows: what stands between convolutions and dense layers."""

import math

import numpy as np

from scratch.layers.layer import Layer

__all__ = ["Flatten"]


class Flatten(Layer):
    """a[i] = all numbers of X[i] in one row, the last axis fastest: row, column, channel.

    Shapes: X (n, ...), a (n, d). Keras has this order; PyTorch's images are (n, c, h, w), and have
    to be permuted to (n, h, w, c) first for a dense layer's weights to mean the same.

    >>> layer = Flatten()
    >>> layer.forward(np.arange(4.0).reshape(1, 2, 1, 2))
    array([[0., 1., 2., 3.]])
    >>> layer.backward(np.ones((1, 4))).shape
    (1, 2, 1, 2)
    """

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return X (n, d), a view of it where its numbers lie in this order."""
        self.shape = X.shape
        return X.reshape(len(X), math.prod(X.shape[1:]))

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da in the shape of X."""
        return da.reshape(self.shape)
