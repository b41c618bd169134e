"""Upsampling: larger images, by repeating pixels or by drawing straight lines between them.

Sequences become longer in the same ways.
"""

import numpy as np

from scratch.layers.layer import Layer
from scratch.layers.sequences import OfSequences, of_steps
from scratch.layers.windows import Pair, pair

__all__ = ["BilinearUpsample2D", "LinearUpsample1D", "NearestUpsample1D", "NearestUpsample2D"]


class NearestUpsample2D(Layer):
    """a[i, y, x, c] = X[i, ⌊y/f⌋, ⌊x/f⌋, c]: every pixel becomes f by f pixels.

    Shapes: X (n, h, w, c), a (n, f·h, f·w, c); the factor f may differ between height and width.
    Gradient: dX is the sum of da over the pixels that X has become.

    >>> layer = NearestUpsample2D((1, 2))
    >>> layer.forward(np.array([3.0, 5.0]).reshape(1, 1, 2, 1)).ravel()
    array([3., 3., 5., 5.])
    >>> layer.backward(np.array([1.0, 10.0, 2.0, 20.0]).reshape(1, 1, 4, 1)).ravel()
    array([11., 22.])
    """

    def __init__(self, factor: int | Pair = 2) -> None:
        super().__init__()
        self.factor = pair("factor", factor)

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a (n, f·h, f·w, c)."""
        (n, h, w, c), (fh, fw) = X.shape, self.factor
        a = np.empty_like(X, shape=(n, h * fh, w * fw, c))
        for place in self._places(a):
            place[...] = X
        return a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dX (n, h, w, c)."""
        first, *others = self._places(da)
        return sum(others, first)

    def _places(self, a: np.ndarray) -> list[np.ndarray]:
        """Return the first, second, ... of the pixels that each pixel of X becomes."""
        fh, fw = self.factor
        return [a[:, u::fh, v::fw] for u in range(fh) for v in range(fw)]


class BilinearUpsample2D(Layer):
    """a[i, y, x, c] = Σ_p Σ_q A[y, p] B[x, q] X[i, p, q, c]: straight lines between the pixels.

    The y-th row of a lies at p* between two rows of X, and A[y, p] = max(1 − |p* − p|, 0) is the
    share of each; B is the same for the columns. Where p* lies depends on what stays in place:

    - the centres of pixels, as in Keras, and in PyTorch unless `align_corners` is set there, too:
      p* = (y + ½)/f − ½, but no less than 0 and no more than h − 1;
    - with `align_corners` those of the corner pixels: p* = y (h − 1)/(f·h − 1).

    Shapes: X (n, h, w, c), a (n, f·h, f·w, c); the factor f may differ between height and width.
    Keras on TensorFlow computes this in float32, whatever its dtype.
    Gradient: dX = Aᵀ da B, for each channel.
    Source: Press et al., "Numerical recipes", 3rd ed., Cambridge 2007, section 3.6.

    >>> X = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
    >>> BilinearUpsample2D((1, 2)).forward(X).ravel()
    array([0., 1., 3., 4.])
    >>> layer = BilinearUpsample2D((1, 2), align_corners=True)
    >>> layer.forward(X).round(4).ravel()
    array([0.    , 1.3333, 2.6667, 4.    ])
    >>> layer.backward(np.ones((1, 1, 4, 1))).ravel()
    array([2., 2.])
    """

    def __init__(self, factor: int | Pair = 2, *, align_corners: bool = False) -> None:
        super().__init__()
        self.factor, self.align_corners = pair("factor", factor), align_corners

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a (n, f·h, f·w, c)."""
        self.A = self._shares(X.shape[1], self.factor[0], X.dtype)
        self.B = self._shares(X.shape[2], self.factor[1], X.dtype)
        return _resample(X, self.A, self.B)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dX (n, h, w, c)."""
        return _resample(da, self.A.T, self.B.T)

    def _shares(self, length: int, factor: int, dtype: np.dtype) -> np.ndarray:
        """Return the share (f·length, length) of each pixel along an axis in each new one."""
        new = np.arange(length * factor)
        if self.align_corners:
            at = new * (length - 1) / max(length * factor - 1, 1)
        else:
            at = np.clip((new + 0.5) / factor - 0.5, 0, length - 1)
        return np.maximum(1 - np.abs(at[:, np.newaxis] - np.arange(length)), 0).astype(dtype)


class NearestUpsample1D(OfSequences, NearestUpsample2D):
    """a[i, t, c] = X[i, ⌊t/f⌋, c]: every step becomes f steps.

    Shapes: X (n, t, c), a (n, f·t, c). Gradient: dX is the sum of da over these steps.

    >>> NearestUpsample1D(2).forward(np.array([[[3.0], [5.0]]])).ravel()
    array([3., 3., 5., 5.])
    """

    def __init__(self, factor: int = 2) -> None:
        super().__init__(of_steps("factor", factor))


class LinearUpsample1D(OfSequences, BilinearUpsample2D):
    """a[i, t, c] = Σ_p A[t, p] X[i, p, c]: a straight line from each step to the next.

    Shapes: X (n, t, c), a (n, f·t, c); A and `align_corners` are those of `BilinearUpsample2D`.
    PyTorch has it as `Upsample(mode="linear")`; Keras' `UpSampling1D` repeats steps.

    >>> LinearUpsample1D(2).forward(np.array([[[0.0], [4.0]]])).ravel()
    array([0., 1., 3., 4.])
    """

    def __init__(self, factor: int = 2, *, align_corners: bool = False) -> None:
        super().__init__(of_steps("factor", factor), align_corners=align_corners)


def _resample(X: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return A X Bᵀ for every image and channel of X (n, h, w, c)."""
    rows = A @ X.transpose(2, 3, 1, 0)  # (w, c, oh, n): how images lie in memory
    w, c, oh, n = rows.shape
    a = B @ rows.reshape(w, c * oh * n)
    return a.reshape(len(B), c, oh, n).transpose(3, 2, 0, 1)
