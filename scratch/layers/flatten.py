"""Images to rows and rows to images: the link between convolutions and dense layers."""

import math

import numpy as np

from scratch.layers.layer import Layer

__all__ = ["Flatten", "Reshape"]


class Flatten(Layer):
    """a[i] = all numbers of X[i] in one row, the last axis fastest: row, column, channel.

    Shapes: X (n, ...), a (n, d). Keras has this order; PyTorch's images are (n, c, h, w), and must
    be permuted to (n, h, w, c) first for a dense layer's weights to mean the same.

    >>> layer = Flatten()
    >>> layer.forward(np.arange(4.0).reshape(1, 2, 1, 2))
    array([[0., 1., 2., 3.]])
    >>> layer.backward(np.ones((1, 4))).shape
    (1, 2, 1, 2)
    """

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X (n, d), as a view if its numbers lie in this order."""
        self.X = X
        return X.reshape(len(X), math.prod(X.shape[1:]))

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da in the shape of X, and in its order in memory."""
        dX = np.empty_like(self.X)
        dX[...] = da.reshape(self.X.shape)
        return dX


class Reshape(Layer):
    """a[i] = the numbers of X[i] in another shape, in the same order.

    Shapes: X (n, d), a (n, *shape); ValueError if d is not the product of shape.

    >>> layer = Reshape(1, 2, 1)
    >>> layer.forward(np.array([[3.0, 5.0]])).shape
    (1, 1, 2, 1)
    >>> layer.backward(np.ones((1, 1, 2, 1)))
    array([[1., 1.]])
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X (n, *shape), as a view if its numbers lie in this order."""
        self.before = X.shape
        return X.reshape(len(X), *self.shape)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da in the shape of X."""
        return da.reshape(self.before)
