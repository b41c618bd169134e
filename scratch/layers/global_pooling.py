"""Global pooling: one number for each channel of a whole image or sequence."""

import math
from typing import Self

import numpy as np

from scratch.layers.layer import Layer

__all__ = ["GlobalAveragePool", "GlobalMaxPool"]


class GlobalAveragePool(Layer):
    """z[i, c] = mean of X[i, ..., c] over all pixels, or all steps.

    Shapes: X (n, h, w, c) or (n, t, c), z (n, c).
    Gradient: dz/m to each of the m pixels.
    Source: Lin, Chen and Yan, "Network in network", ICLR 2014, section 3.2.

    >>> layer = GlobalAveragePool()
    >>> layer.forward(np.array([[[1.0, 7.0], [3.0, 9.0]]]))
    array([[2., 8.]])
    >>> layer.backward(np.array([[1.0, 2.0]]))
    array([[[0.5, 1. ],
            [0.5, 1. ]]])
    """

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z (n, c)."""
        self.X, self.m = X, math.prod(X.shape[1:-1])
        return X.sum(axis=tuple(range(1, X.ndim - 1))) / self.m

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dX, shaped as X and in its order in memory."""
        return _spread(dz / self.m, self.X)


class GlobalMaxPool(Layer):
    """z[i, c] = maximum of X[i, ..., c] over all pixels, or all steps.

    Shapes: X (n, h, w, c) or (n, t, c), z (n, c).
    Gradient: dz to the place of the maximum; among equals to the first one, row by row, or with
    `split_ties` to each an equal share. Keras splits, as does `amax` in PyTorch;
    `torch.nn.AdaptiveMaxPool2d(1)` takes the first one.
    Source: Oquab, Bottou, Laptev and Sivic, "Is object localization for free?", CVPR 2015.

    >>> X = np.array([[[1.0], [3.0], [3.0]]])
    >>> layer, other = GlobalMaxPool.pytorch(), GlobalMaxPool.keras()
    >>> layer.forward(X), other.forward(X)
    (array([[3.]]), array([[3.]]))
    >>> layer.backward(np.array([[1.0]])).ravel(), other.backward(np.array([[1.0]])).ravel()
    (array([0., 1., 0.]), array([0. , 0.5, 0.5]))
    """

    def __init__(self, *, split_ties: bool = False) -> None:
        super().__init__()
        self.split_ties = split_ties

    @classmethod
    def keras(cls) -> Self:
        """Return Keras' `GlobalMaxPooling1D` or 2D: equal maxima share the gradient."""
        return cls(split_ties=True)

    @classmethod
    def pytorch(cls) -> Self:
        """Return `torch.nn.AdaptiveMaxPool1d(1)` or 2d: the first of equal maxima has it all."""
        return cls()

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z (n, c)."""
        self.X = X
        return X.max(axis=tuple(range(1, X.ndim - 1)))

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dX, shaped as X and in its order in memory."""
        n, *pixels, c = self.X.shape
        rows = self.X.reshape(n, math.prod(pixels), c)
        if self.split_ties:
            share = (rows == rows.max(axis=1, keepdims=True)).astype(dz.dtype)
            share = share / share.sum(axis=1, keepdims=True)
        else:
            place = np.arange(rows.shape[1])[:, np.newaxis]
            share = place == rows.argmax(axis=1)[:, np.newaxis]
        return _spread(dz, self.X) * share.reshape(self.X.shape)


def _spread(dz: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return dz (n, c) at every pixel of an array shaped as X and in its order in memory."""
    dX = np.empty_like(X)
    dX[...] = dz.reshape(len(dz), *[1] * (X.ndim - 2), dz.shape[-1])
    return dX
