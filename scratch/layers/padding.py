"""Zeros around images and sequences."""

import numpy as np

from scratch.layers.layer import Layer
from scratch.layers.sequences import OfSequences, around_steps
from scratch.layers.windows import Borders, Pair, borders

__all__ = ["ZeroPadding1D", "ZeroPadding2D", "inside", "pad"]


class ZeroPadding2D(Layer):
    """a = X with zeros around it: a[i, top + y, left + x, c] = X[i, y, x, c].

    Shapes: X (n, h, w, c), a (n, top + h + bottom, left + w + right, c). `padding`: one number for
    all sides, (height, width), or ((top, bottom), (left, right)), as in Keras; PyTorch's order is
    (left, right, top, bottom). ValueError for a negative number.

    Gradient: dX is the part of da that lies on X.

    >>> layer = ZeroPadding2D(((0, 1), (1, 0)))
    >>> layer.forward(np.array([[1.0, 2.0]]).reshape(1, 1, 2, 1))[0, :, :, 0]
    array([[0., 1., 2.],
           [0., 0., 0.]])
    >>> layer.backward(np.arange(6.0).reshape(1, 2, 3, 1))[0, :, :, 0]
    array([[1., 2.]])
    """

    def __init__(self, padding: int | Pair | Borders = 1) -> None:
        super().__init__()
        self.padding = borders("padding", padding)

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X with zeros around it."""
        self.image = X.shape[1:3]
        return pad(X, self.padding)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return the part of da that lies on X."""
        return da[inside(self.image, self.padding)]


class ZeroPadding1D(OfSequences, ZeroPadding2D):
    """a = X with zeros before and after it.

    Shapes: X (n, t, c), a (n, before + t + after, c). `padding`: one number for both, or
    (before, after). ValueError for a negative number.

    >>> ZeroPadding1D((2, 0)).forward(np.ones((1, 1, 1))).ravel()
    array([0., 0., 1.])
    """

    def __init__(self, padding: int | Pair = 1) -> None:
        super().__init__(around_steps("padding", padding))


def pad(X: np.ndarray, added: Borders, value: float = 0) -> np.ndarray:
    """Return images X (n, h, w, c) with a border of one value, or X itself if there is none.

    >>> pad(np.ones((1, 1, 1, 1)), ((1, 0), (0, 0)), value=-np.inf).ravel()
    array([-inf,   1.])
    >>> X = np.ones((1, 1, 1, 1))
    >>> pad(X, ((0, 0), (0, 0))) is X
    True
    """
    if not any(map(any, added)):
        return X
    n, h, w, c = X.shape
    padded = np.full_like(X, value, shape=(n, h + sum(added[0]), w + sum(added[1]), c))
    padded[inside((h, w), added)] = X
    return padded


def inside(image: Pair, added: Borders) -> tuple[slice, ...]:
    """Return where an image (h, w) lies in what `pad` returns."""
    (top, _), (left, _) = added
    return np.s_[:, top : top + image[0], left : left + image[1]]
