"""Pooling: one number for every window of an image or a sequence, channel by channel.

A window is pooled along its width first, then along its height. Along one axis, the first numbers
of all windows are one view of the images, the second ones another, and so on (`_places`); the rest
is arithmetic on whole arrays.
"""

import numpy as np

from scratch.layers.layer import Layer
from scratch.layers.padding import inside, pad
from scratch.layers.sequences import OfSequences, StepPadding, of_steps, on_steps
from scratch.layers.windows import Padding, Pair, Windows, on_images, pair

__all__ = ["AveragePool1D", "AveragePool2D", "MaxPool1D", "MaxPool2D"]

_HEIGHT, _WIDTH = 1, 2  # axes of X (n, h, w, c)


class _Pool(Layer):
    """Windows that are laid on an image with a border."""

    def __init__(self, windows: Windows) -> None:
        super().__init__()
        self.windows, self.size, self.stride = windows, windows.size, windows.stride
        added = ((0, 0), (0, 0)) if isinstance(windows.padding, str) else windows.padding
        if any(max(sides) >= size for size, sides in zip(windows.extent, added, strict=True)):
            raise ValueError(f"padding must be below {windows.extent}, the window, got {added}")

    def _pad(self, X: np.ndarray, border: float, beyond: float) -> np.ndarray:
        """Return X with its border, and with what a last window reaches beyond it.

        Both have one value each. Where X lies in it is kept.
        """
        added = self.windows.borders(X.shape[1:3])
        self.inside = inside(X.shape[1:3], added)
        padded = pad(pad(X, added, border), self.windows.beyond(X.shape[1:3]), beyond)
        self.padded = padded.shape[1:3]
        return padded

    def _places(self, X: np.ndarray, axis: int) -> list[np.ndarray]:
        """Return the numbers at the first, second, ... place of every window along an axis."""
        count = self.windows.positions(self.padded)[axis - 1]
        before = (slice(None),) * axis
        places = (self.windows.places(axis - 1, v, count) for v in range(self.size[axis - 1]))
        return [X[(*before, place)] for place in places]

    def _put(self, shares: list[np.ndarray], axis: int) -> np.ndarray:
        """Return an array of X's length along the axis, with the shares added at their places."""
        shape, size, stride = list(shares[0].shape), self.size[axis - 1], self.stride[axis - 1]
        apart = size <= stride and self.windows.dilation[axis - 1] == 1  # each place in one window
        covered = size * shape[axis] if apart and size == stride else 0
        shape[axis] = self.padded[axis - 1]
        dX = np.empty_like(shares[0], shape=tuple(shape))
        dX[(*(slice(None),) * axis, slice(covered, None))] = 0
        for place, share in zip(self._places(dX, axis), shares, strict=True):
            place[...] = share if apart else place + share
        return dX


class _MaxPool(_Pool):
    """The maximum; a border of −∞ never is one."""

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z (n, oh, ow, c) for X (n, h, w, c)."""
        X = self._pad(X, -np.inf, -np.inf)
        rows, self.exceeds_in_width = _maximum(self._places(X, _WIDTH))
        z, self.exceeds_in_height = _maximum(self._places(rows, _HEIGHT))
        return z

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dX (n, h, w, c): for every place, the sum over the windows that it is in."""
        drows = self._put(_to_first_maximum(dz, self.exceeds_in_height), _HEIGHT)
        return self._put(_to_first_maximum(drows, self.exceeds_in_width), _WIDTH)[self.inside]


class _AveragePool(_Pool):
    """The mean; the zeros of the border add nothing, and count only with `count_padding`."""

    def __init__(self, windows: Windows, count_padding: bool) -> None:
        super().__init__(windows)
        self.count_padding = count_padding

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z (n, oh, ow, c) for X (n, h, w, c)."""
        ones = np.ones((1, *X.shape[1:3], 1), X.dtype)
        added = any(map(any, self.windows.borders(X.shape[1:3])))
        partial = any(map(any, self.windows.beyond(X.shape[1:3])))
        self.count: int | np.ndarray = self.size[0] * self.size[1]
        if partial or (added and not self.count_padding):
            self.count = self._sums(self._pad(ones, float(self.count_padding), 0.0))
        return self._sums(self._pad(X, 0.0, 0.0)) / self.count

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dX (n, h, w, c): for every place, the sum over the windows that it is in."""
        kh, kw = self.size
        drows = self._put([dz / self.count] * kh, _HEIGHT)
        return self._put([drows] * kw, _WIDTH)[self.inside]

    def _sums(self, X: np.ndarray) -> np.ndarray:
        """Return the sum of each window (n, oh, ow, c)."""
        first, *others = self._places(X, _WIDTH)
        first, *others = self._places(sum(others, first), _HEIGHT)
        return sum(others, first)


class MaxPool2D(_MaxPool):
    """z[i, y, x, c] = max over u, v of X[i, s·y + d·u, s·x + d·v, c].

    Shapes: X (n, h, w, c), z (n, oh, ow, c) with oh = ⌊(h − kh)/s⌋ + 1; remaining rows and columns
    are dropped. The stride s is the size unless given. `padding` and the dilation d are those of
    `Conv2D`, except that the border is −∞. With `ceil_mode`, as in PyTorch, oh is rounded up: a
    last window may reach beyond the border, unless it would begin there. ValueError for images
    smaller than a window, and for a border as large as a window.

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

    def __init__(
        self,
        size: int | Pair = 2,
        stride: int | Pair | None = None,
        padding: Padding = "valid",
        dilation: int | Pair = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        size = pair("size", size)
        stride = size if stride is None else stride
        super().__init__(on_images(size, stride, padding, dilation, ceil_mode=ceil_mode))


class MaxPool1D(OfSequences, _MaxPool):
    """z[i, t, c] = max over u of X[i, s·t + d·u, c].

    Shapes: X (n, t, c), z (n, ot, c); everything else as in `MaxPool2D` at width 1.

    >>> MaxPool1D(2, 1).forward(np.array([[[1.0], [5.0], [3.0]]])).ravel()
    array([5., 5.])
    """

    def __init__(
        self,
        size: int = 2,
        stride: int | None = None,
        padding: StepPadding = "valid",
        dilation: int = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        stride = size if stride is None else stride
        steps = of_steps("size", size)
        super().__init__(on_steps(steps, stride, padding, dilation, ceil_mode=ceil_mode))


class AveragePool2D(_AveragePool):
    """z[i, y, x, c] = 1/m Σ_u Σ_v X[i, s·y + u, s·x + v, c], with m = kh·kw.

    Shapes, stride, padding and remaining rows and columns as in `MaxPool2D`, except that the border
    is 0. With `count_padding` it counts, as in PyTorch by default; otherwise m is the number of
    pixels of X in the window, as always in Keras. What a last window of `ceil_mode` reaches beyond
    the border never counts.

    Gradient: dz/m to every place of the window.
    Source: LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of
    the IEEE 86, 1998, section II.B, there with a trained factor and bias.

    >>> layer = AveragePool2D(2)
    >>> layer.forward(np.array([[1.0, 7.0], [7.0, 1.0]]).reshape(1, 2, 2, 1)).item()
    4.0
    >>> layer.backward(np.array([8.0]).reshape(1, 1, 1, 1))[0, :, :, 0]
    array([[2., 2.],
           [2., 2.]])
    """

    def __init__(
        self,
        size: int | Pair = 2,
        stride: int | Pair | None = None,
        padding: Padding = "valid",
        *,
        count_padding: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        size = pair("size", size)
        stride = size if stride is None else stride
        windows = on_images(size, stride, padding, dilation=1, ceil_mode=ceil_mode)
        super().__init__(windows, count_padding)


class AveragePool1D(OfSequences, _AveragePool):
    """z[i, t, c] = 1/m Σ_u X[i, s·t + u, c], with m = k.

    Shapes: X (n, t, c), z (n, ot, c); everything else as in `AveragePool2D` at width 1.

    >>> X = np.array([[[6.0], [2.0]]])
    >>> AveragePool1D(2, padding=1).forward(X).ravel()
    array([6., 2.])
    >>> AveragePool1D(2, padding=1, count_padding=True).forward(X).ravel()
    array([3., 1.])
    """

    def __init__(
        self,
        size: int = 2,
        stride: int | None = None,
        padding: StepPadding = "valid",
        *,
        count_padding: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        stride = size if stride is None else stride
        windows = on_steps(of_steps("size", size), stride, padding, 1, ceil_mode=ceil_mode)
        super().__init__(windows, count_padding)


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
