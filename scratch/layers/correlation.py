"""Cross-correlation of images with a kernel, as its equation reads, and its three derivatives.

    z[i, y, x, o] = b[o] + Σ_u Σ_v Σ_c X[i, s·y + u, s·x + v, c] W[u, v, c, o]

X (n, h, w, c_in) is already padded, W (kh, kw, c_in, c_out), b (c_out,), z (n, oh, ow, c_out); the
stride s may differ between height and width. A convolution would count u and v backwards; what the
frameworks call one is this. `kernels` computes the same, faster.
Source: Goodfellow, Bengio and Courville, "Deep learning", MIT Press 2016, equation 9.6; with
strides 9.8, and the derivatives 9.11 and 9.13.
"""

import numpy as np

from scratch.layers.windows import Pair, positions

__all__ = ["correlate", "correlate_backward"]


def correlate(X: np.ndarray, W: np.ndarray, b: np.ndarray, stride: Pair) -> np.ndarray:
    """Return z: at every position, the window's numbers times the kernel's, summed, plus b.

    >>> X, W = np.arange(6.0).reshape(1, 2, 3, 1), np.array([1.0, 10.0]).reshape(1, 2, 1, 1)
    >>> correlate(X, W, np.zeros(1), (1, 1))[0, :, :, 0]
    array([[10., 21.],
           [43., 54.]])
    """
    kh, kw, _, c_out = W.shape
    oh, ow = positions(X.shape[1:3], (kh, kw), stride)
    z = np.empty((len(X), oh, ow, c_out), X.dtype)
    for y, x in np.ndindex(oh, ow):
        top, left = y * stride[0], x * stride[1]
        z[:, y, x] = np.tensordot(X[:, top : top + kh, left : left + kw], W, axes=3) + b
    return z


def correlate_backward(
    X: np.ndarray, W: np.ndarray, dz: np.ndarray, stride: Pair
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dX, dW and db: each product of the sum above, differentiated by either factor.

    >>> X, W = np.arange(6.0).reshape(1, 2, 3, 1), np.array([1.0, 10.0]).reshape(1, 2, 1, 1)
    >>> dX, dW, db = correlate_backward(X, W, np.ones((1, 2, 2, 1)), (1, 1))
    >>> dX[0, :, :, 0], dW[0, :, 0, 0], db
    (array([[ 1., 11., 10.],
           [ 1., 11., 10.]]), array([ 8., 12.]), array([4.]))
    """
    kh, kw, _, _ = W.shape
    dX, dW = np.zeros_like(X), np.zeros_like(W)
    for y, x in np.ndindex(dz.shape[1:3]):
        top, left = y * stride[0], x * stride[1]
        window = np.s_[:, top : top + kh, left : left + kw]
        dX[window] += np.tensordot(dz[:, y, x], W, axes=(1, 3))
        dW += np.tensordot(X[window], dz[:, y, x], axes=(0, 0))
    return dX, dW, dz.sum(axis=(0, 1, 2))
