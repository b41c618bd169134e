"""Cross-correlation of images with a kernel, and its derivatives, as matrix products.

    z[i, y, x, o] = b[o] + Σ_u Σ_v Σ_c X[i, s·y + u, s·x + v, c] W[u, v, c, o]

X (n, h, w, c_in) is already padded, W (kh, kw, c_in, c_out), z (n, oh, ow, c_out); the stride s may
differ between height and width. A convolution would count u and v backwards; what the frameworks
call a convolution is this.
Source: Goodfellow, Bengio and Courville, "Deep learning", MIT Press 2016, equation 9.6; with
strides 9.8, and the derivatives 9.11 and 9.13.

The sum over u, v and c is a matrix product once the numbers of every window are in a column
("im2col"; Chellapilla, Puri and Simard, "High performance convolutional neural networks for
document processing", IWFHR 2006, section 4). Its cost depends on how images lie in memory. Here
they lie as (w, c, h, n), whatever the order of their axes:

- the columns of all windows at one x are a matrix (kw·kh·c, oh·n), and those at the next x are the
  same memory, one step on: only the kh rows of a window are ever copied, never its kw columns;
- neighbours along n, h and w are whole rows of numbers, which NumPy adds and compares fastest.
"""

import numpy as np

from scratch.layers.windows import Pair, positions

__all__ = ["correlate", "correlate_bias", "correlate_inputs", "correlate_kernel", "gather_columns"]

_SMALL_RESULT = 1024  # numbers: up to here transposing the factor first does not pay
_SMALL_PRODUCT = 10**6  # multiplications: up to here OpenBLAS multiplies without packing


def gather_columns(X: np.ndarray, kernel: Pair, stride: Pair) -> np.ndarray:
    """Return the windows at every x as columns of a matrix: (ow, kw·kh·c, oh·n)."""
    (kh, kw), (n, _, w, c) = kernel, X.shape
    oh, _ = positions(X.shape[1:3], kernel, stride)
    rows = np.empty_like(X, shape=(w, kh, c, oh, n))
    for u in range(kh):
        rows[:, u] = _in_memory(X)[:, :, u : u + stride[0] * (oh - 1) + 1 : stride[0]]
    return _side_by_side(rows.reshape(w, kh * c, oh * n), kw)[:: stride[1]]


def correlate(columns: np.ndarray, W: np.ndarray, oh: int, n: int) -> np.ndarray:
    """Return z without b, (n, oh, ow, c_out), of the columns of n images."""
    c_out = W.shape[3]
    z = _product(W.transpose(3, 1, 0, 2).reshape(c_out, W.size // c_out), columns)
    return _as_images(z.reshape(len(z), c_out, oh, n))


def correlate_kernel(columns: np.ndarray, dz: np.ndarray, kernel: Pair) -> np.ndarray:
    """Return dW (kh, kw, c_in, c_out): the columns times dz, summed over x."""
    (kh, kw), (n, oh, ow, c_out) = kernel, dz.shape
    turned = _in_memory(dz).reshape(ow, c_out, oh * n).swapaxes(1, 2)
    if columns.shape[1] * c_out > _SMALL_RESULT:
        rows = np.empty_like(columns, shape=turned.shape)
        rows[...] = turned
        turned = rows
    parts = _small_parts(columns.shape[1] * c_out, oh * n)
    dW = sum((columns[:, :, part] @ turned[:, part]).sum(axis=0) for part in parts)
    return dW.reshape(kw, kh, columns.shape[1] // (kw * kh), c_out).swapaxes(0, 1)


def correlate_bias(dz: np.ndarray) -> np.ndarray:
    """Return db (c_out,) = Σ dz, summed over x first, in whole rows of numbers."""
    return _in_memory(dz).sum(axis=0).sum(axis=(1, 2))


def correlate_inputs(dz: np.ndarray, W: np.ndarray, stride: Pair, image: Pair) -> np.ndarray:
    """Return dX (n, h, w, c_in): dz, padded with zeros, times the kernels flipped in width.

    Along the width, a position of X collects from kw neighbours in dz. Along the height, whole rows
    are added to dX, kernel row by kernel row.
    """
    (kh, kw, c_in, c_out), (n, oh, ow, _), (h, w) = W.shape, dz.shape, image
    spread = np.zeros_like(dz, shape=(w + kw - 1, c_out, oh * n))
    inside = slice(kw - 1, kw + (ow - 1) * stride[1], stride[1])
    spread[inside] = _in_memory(dz).reshape(ow, c_out, oh * n)
    turned = W[:, ::-1].transpose(0, 2, 1, 3).reshape(kh * c_in, kw * c_out)
    parts = _product(turned, _side_by_side(spread, kw)).reshape(w, kh, c_in, oh, n)
    dX = np.zeros_like(parts, shape=(w, c_in, h, n))
    for u in range(kh):
        dX[:, :, u : u + stride[0] * (oh - 1) + 1 : stride[0]] += parts[:, u]
    return _as_images(dX)


def _in_memory(X: np.ndarray) -> np.ndarray:
    """Return images (n, h, w, c) as (w, c, h, n)."""
    return X.transpose(2, 3, 1, 0)


def _as_images(x: np.ndarray) -> np.ndarray:
    """Return (w, c, h, n) as images (n, h, w, c)."""
    return x.transpose(3, 2, 0, 1)


def _side_by_side(rows: np.ndarray, kw: int) -> np.ndarray:
    """Return every kw neighbours of rows (w, k, m) as one matrix: a view (w − kw + 1, kw·k, m)."""
    w, k, m = rows.shape
    step, row, item = rows.strides
    shape = w - kw + 1, kw * k, m
    return np.lib.stride_tricks.as_strided(rows, shape, (step, row, item), subok=True)


def _product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return A B for A (r, k) and every B (p, k, m), in parts of m that are small products."""
    (r, k), (p, _, m) = A.shape, B.shape
    out = np.empty_like(A, shape=(p, r, m))
    for part in _small_parts(r * k, m):
        out[:, :, part] = A @ B[:, :, part]
    return out


def _small_parts(each: int, m: int) -> list[slice]:
    """Cut m columns, of `each` multiplications, into equal parts that are small products."""
    parts = 1 + each * m // _SMALL_PRODUCT
    step = m // parts if m and m % parts == 0 else max(m, 1)
    return [slice(start, start + step) for start in range(0, max(m, 1), step)]
