"""Pooling: one number for every window of an image, channel by channel."""

import math
from collections.abc import Iterator

import numpy as np

from scratch.layers.layer import Layer
from scratch.layers.windows import Pair, pair, positions, windows
from scratch.workspace import blocks

__all__ = ["AveragePool2D", "MaxPool2D"]

Taps = Iterator[tuple[int, np.ndarray]]


class _Pool2D(Layer):
    """What the two have in common: the way of the numbers into the windows, and back.

    A tap is a place in the window, counted row by row. The images are split into their taps, one
    array for each, so that everything else is arithmetic on whole arrays; a few images at a time,
    as in `kernels`.
    """

    def __init__(self, size: int | Pair = 2, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.size = pair("size", size)
        self.stride = self.size if stride is None else pair("stride", stride)
        self.count = math.prod(self.size)
        self.overlap = self.stride[0] < self.size[0] or self.stride[1] < self.size[1]

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return z (n, oh, ow, c) for X (n, h, w, c)."""
        self.image = X.shape[1:]
        oh, ow = positions((X.shape[1], X.shape[2]), self.size, self.stride)
        z = self.work.take("z", len(X), (oh, ow, X.shape[3]), X.dtype)
        by_tap = windows(X, self.size, self.stride).transpose(3, 4, 0, 1, 2, 5)
        for block in self._blocks(z):
            view = by_tap[:, :, block]
            memory = self.work.take("taps", view.size, (), X.dtype)
            memory.reshape(view.shape)[...] = view
            self._join(memory.reshape(self.count, *z[block].shape), z[block], block)
        return z

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dX (n, h, w, c): for every place, the sum over the windows that it is in."""
        dX = self.work.take("dX", len(dz), self.image, dz.dtype)
        (sy, sx), (oh, ow) = self.stride, dz.shape[1:3]
        if self.stride != self.size or (sy * oh, sx * ow) != self.image[:2]:
            dX.fill(0)  # else every place is in exactly one window, and written below
        for block in self._blocks(dz):
            for tap, d in self._split(dz[block], block):
                u, v = divmod(tap, self.size[1])
                places = dX[block, u : u + sy * oh : sy, v : v + sx * ow : sx]
                if self.overlap:
                    places += d
                else:
                    places[...] = d
        return dX

    def _blocks(self, z: np.ndarray) -> Iterator[slice]:
        return blocks(len(z), self.count * math.prod(z.shape[1:]) * z.itemsize)

    def _join(self, taps: np.ndarray, z: np.ndarray, block: slice) -> None:
        """Set z (m, oh, ow, c), the outputs of a block, from its taps (k, m, oh, ow, c)."""
        raise NotImplementedError

    def _split(self, dz: np.ndarray, block: slice) -> Taps:
        """Yield every tap's number, and the gradient (m, oh, ow, c) that goes to it."""
        raise NotImplementedError


class MaxPool2D(_Pool2D):
    """z[i, y, x, c] = max over u, v of X[i, s·y + u, s·x + v, c].

    Shapes: X (n, h, w, c), z (n, oh, ow, c) with oh = ⌊(h − kh)/s⌋ + 1; rows and columns left over
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

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return z (n, oh, ow, c) for X (n, h, w, c)."""
        image = positions(X.shape[1:3], self.size, self.stride)
        self.exceeds = self.work.take("exceeds", len(X), (self.count, *image, X.shape[3]), bool)
        return super().forward(X)

    def _join(self, taps: np.ndarray, z: np.ndarray, block: slice) -> None:
        """Keep which taps exceed all before them: the last of these is the first maximum."""
        z[...] = taps[0]
        for tap in range(1, self.count):
            np.greater(taps[tap], z, out=self.exceeds[block, tap])
            np.maximum(taps[tap], z, out=z)

    def _split(self, dz: np.ndarray, block: slice) -> Taps:
        """From the last tap to the first: what is left of dz goes to a tap that exceeds."""
        d, left = self.work.like("d", dz), self.work.like("left", dz)
        left[...] = dz
        for tap in range(self.count - 1, 0, -1):
            np.multiply(left, self.exceeds[block, tap], out=d)
            left -= d
            yield tap, d
        yield 0, left


class AveragePool2D(_Pool2D):
    """z[i, y, x, c] = 1/(kh kw) Σ_u Σ_v X[i, s·y + u, s·x + v, c].

    Shapes, stride and what is left over as in `MaxPool2D`.
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

    def _join(self, taps: np.ndarray, z: np.ndarray, block: slice) -> None:
        """Set the means."""
        np.add.reduce(taps, axis=0, out=z)
        z /= self.count

    def _split(self, dz: np.ndarray, block: slice) -> Taps:
        """Yield the same share for every tap."""
        share = np.divide(dz, self.count, out=self.work.like("share", dz))
        for tap in range(self.count):
            yield tap, share
