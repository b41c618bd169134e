"""The convolutional layer."""

import numpy as np

from scratch.checks import require_positive
from scratch.initializers import zeros
from scratch.layers.correlation import (
    correlate,
    correlate_bias,
    correlate_inputs,
    correlate_kernel,
    gather_columns,
)
from scratch.layers.layer import Layer
from scratch.layers.windows import Padding, Pair, pair, positions, same_padding

__all__ = ["Conv2D"]


class Conv2D(Layer):
    """z[i, y, x, o] = b[o] + Σ_u Σ_v Σ_c X[i, s·y + u, s·x + v, c] W[u, v, c, o].

    Shapes: X (n, h, w, c_in), W (kh, kw, c_in, c_out), b (c_out,), z (n, oh, ow, c_out). The kernel
    is not flipped: this is a cross-correlation, as in the frameworks.
    `padding="valid"`: oh = ⌊(h − kh)/s⌋ + 1, and ValueError for images smaller than the kernel.
    `padding="same"`: oh = ⌈h/s⌉, padded with zeros as in TensorFlow: if their number is odd, as at
    stride 2 with even h and odd kh, there is one more below and on the right.

    Gradients: dW[u, v] = Σ X[s·y + u, s·x + v] dz[y, x], db = Σ dz,
    dX[s·y + u, s·x + v] = Σ dz[y, x] Wᵀ[u, v].
    Source: Goodfellow, Bengio and Courville, "Deep learning", MIT Press 2016, equations 9.8, 9.11
    and 9.13. `correlation` has the matrix products used here.

    >>> layer = Conv2D(1, 1, (1, 2))
    >>> layer.W[0, :, 0, 0], layer.b[:] = [1.0, 10.0], [0.5]
    >>> layer.forward(np.arange(6.0).reshape(1, 2, 3, 1))[0, :, :, 0]
    array([[10.5, 21.5],
           [43.5, 54.5]])
    >>> layer.backward(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    array([[ 1., 11., 10.],
           [ 1., 11., 10.]])
    >>> [g.ravel() for g in layer.grads]
    [array([ 8., 12.]), array([4.])]
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: Padding = "valid",
        bias: bool = True,
    ) -> None:
        require_positive("c_in", c_in)
        require_positive("c_out", c_out)
        if padding not in ("valid", "same"):
            raise ValueError(f"padding must be 'valid' or 'same', got {padding!r}")
        self.kernel, self.stride = pair("kernel", kernel), pair("stride", stride)
        self.padding = padding
        W = zeros(*self.kernel, c_in, c_out)
        super().__init__([W, zeros(c_out)] if bias else [W])

    @property
    def W(self) -> np.ndarray:
        """The kernels (kh, kw, c_in, c_out)."""
        return self.params[0]

    @property
    def b(self) -> np.ndarray:
        """The biases (c_out,); IndexError in a layer without them."""
        return self.params[1]

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z, the correlation of the padded X with W, plus b."""
        W, *b = self.params
        X = self._pad(X)
        self.image = X.shape[1:3]
        self.columns = gather_columns(X, self.kernel, self.stride)
        oh, _ = positions(self.image, self.kernel, self.stride)
        z = correlate(self.columns, W, oh, len(X))
        return z + b[0] if b else z

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return dX, without the part that lies in the padding."""
        self.backward_params(dz)
        return correlate_inputs(dz, self.W, self.stride, self.image)[self.inside]

    def backward_params(self, dz: np.ndarray) -> None:
        """Set dW and db = Σ dz."""
        dW, *db = self.grads
        dW[...] = correlate_kernel(self.columns, dz, self.kernel)
        if db:
            db[0][...] = correlate_bias(dz)

    def _pad(self, X: np.ndarray) -> np.ndarray:
        """Return X padded with zeros, and keep the position of X in it in `inside`."""
        self.inside: tuple[slice, ...] = np.s_[:, :, :]
        if self.padding == "valid":
            return X
        n, h, w, c = X.shape
        top, bottom = same_padding(h, self.kernel[0], self.stride[0])
        left, right = same_padding(w, self.kernel[1], self.stride[1])
        self.inside = np.s_[:, top : top + h, left : left + w]
        padded = np.zeros_like(X, shape=(n, top + h + bottom, left + w + right, c))
        padded[self.inside] = X
        return padded
