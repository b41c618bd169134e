"""Pooling: one number for every window of an image, channel by channel.

A window is pooled along its width first, then along its height. Along one axis, the first numbers
of all windows are one view of the images, the second ones another, and so on (`_places`); the rest
is arithmetic on whole arrays.
"""

import numpy as np

from scratch.layers.layer import Layer
from scratch.layers.windows import Pair, pair, positions

__all__ = ["AveragePool2D", "MaxPool2D"]

_HEIGHT, _WIDTH = 1, 2  # axes of X (n, h, w, c)


class _Pool2D(Layer):
    """Windows of a given size and stride."""

    def __init__(self, size: int | Pair = 2, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.size = pair("size", size)
        self.stride = self.size if stride is None else pair("stride", stride)

    def _places(self, X: np.ndarray, axis: int) -> list[np.ndarray]:
        """Return the numbers at the first, second, ... place of every window along an axis."""
        size, stride = self.size[axis - 1], self.stride[axis - 1]
        last = X.shape[axis] - size
        return [X[(slice(None),) * axis + (slice(v, last + v + 1, stride),)] for v in range(size)]

    def _put(self, shares: list[np.ndarray], length: int, axis: int) -> np.ndarray:
        """Return an array of `length` along the axis, with the shares added at their places."""
        shape, size, stride = list(shares[0].shape), self.size[axis - 1], self.stride[axis - 1]
        covered = size == stride and size * shape[axis] == length  # each place by one window
        shape[axis] = length
        dX = (np.empty_like if covered else np.zeros_like)(shares[0], shape=tuple(shape))
        for place, share in zip(self._places(dX, axis), shares, strict=True):
            place[...] = share if size <= stride else place + share
        return dX


class MaxPool2D(_Pool2D):
    """z[i, y, x, c] = max over u, v of X[i, s·y + u, s·x + v, c].

    Shapes: X (n, h, w, c), z (n, oh, ow, c) with oh = ⌊(h − kh)/s⌋ + 1; remaining rows and columns
    are dropped. The stride s is the size unless given. ValueError for images smaller than a window.

    Gradient: dz goes to the place of the maximum; among equals to the first one, row by row, as in
    TensorFlow and PyTorch.
    Source: Zhou and Chellappa, "Computation of optical flow using a neural network", ICNN 1988.

    >>> layer = MaxPool2D(2)
    >>> layer.forward(np.array([[1.0, 7.0], [7.0, 2.0]]).reshape(1, 2, 2, 1)).item()
    7.0
    >>> layer.backward(np.array([5.0]).reshape(1, 1, 1, 1))[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]])
    """

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z (n, oh, ow, c) for X (n, h, w, c)."""
        self.image = X.shape[1:3]
        positions(self.image, self.size, self.stride)
        rows, self.exceeds_in_width = _maximum(self._places(X, _WIDTH))
        z, self.exceeds_in_height = _maximum(self._places(rows, _HEIGHT))
        return z

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dX (n, h, w, c): for every place, the sum over the windows that it is in."""
        h, w = self.image
        drows = self._put(_to_first_maximum(dz, self.exceeds_in_height), h, _HEIGHT)
        return self._put(_to_first_maximum(drows, self.exceeds_in_width), w, _WIDTH)


class AveragePool2D(_Pool2D):
    """z[i, y, x, c] = 1/(kh kw) Σ_u Σ_v X[i, s·y + u, s·x + v, c].

    Shapes, stride and remaining rows and columns as in `MaxPool2D`.
    Gradient: dz/(kh kw) to every place of the window.
    Source: LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of
    the IEEE 86, 1998, section II.B, there with a trained factor and bias.

    >>> layer = AveragePool2D(2)
    >>> layer.forward(np.array([[1.0, 7.0], [7.0, 1.0]]).reshape(1, 2, 2, 1)).item()
    4.0
    >>> layer.backward(np.array([8.0]).reshape(1, 1, 1, 1))[0, :, :, 0]
    array([[2., 2.],
           [2., 2.]])
    """

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z (n, oh, ow, c) for X (n, h, w, c)."""
        self.image = X.shape[1:3]
        positions(self.image, self.size, self.stride)
        rows = sum(self._places(X, _WIDTH)[1:], self._places(X, _WIDTH)[0])
        return sum(self._places(rows, _HEIGHT)[1:], self._places(rows, _HEIGHT)[0]) / self._count

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dX (n, h, w, c): for every place, the sum over the windows that it is in."""
        (h, w), (kh, kw) = self.image, self.size
        drows = self._put([dz / self._count] * kh, h, _HEIGHT)
        return self._put([drows] * kw, w, _WIDTH)

    @property
    def _count(self) -> int:
        return self.size[0] * self.size[1]


def _maximum(places: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the largest number of every window, and where each place exceeds all before it."""
    z, *others = places
    exceeds = []
    for x in others:
        exceeds.append(x > z)
        z = np.maximum(x, z)
    return z, exceeds


def _to_first_maximum(dz: np.ndarray, exceeds: list[np.ndarray]) -> list[np.ndarray]:
    """Return each place's share of dz: the last place that exceeds is the first maximum."""
    shares = []
    for exceed in reversed(exceeds):
        shares.append(dz * exceed)
        dz = dz - shares[-1]
    return [dz, *reversed(shares)]
