"""Cross-correlation of images with a kernel, and its derivatives, as matrix products.

    z[i, y, x, o] = Σ_u Σ_v Σ_c X[i, s·y + d·u, s·x + d·v, c] W[u, v, c, o]

X (n, h, w, c_in) is already padded, W (kh, kw, c_in, c_out), z (n, oh, ow, c_out); the stride s and
the dilation d may differ between height and width. A convolution would count u and v backwards;
what the frameworks call a convolution is this. In g groups, the channels of X and those of z are
cut into g parts, each part of z sees its part of X only, and W is (kh, kw, c_in/g, c_out).
Source: Goodfellow, Bengio and Courville, "Deep learning", MIT Press 2016, equation 9.6; with
strides 9.8, and the derivatives 9.11 and 9.13.

The sum over u, v and c is a matrix product once the numbers of every window are in a column
("im2col"; Chellapilla, Puri and Simard, "High performance convolutional neural networks for
document processing", IWFHR 2006, section 4). Its cost depends on how images lie in memory. Here
they lie as (w, c, h, n), whatever the order of their axes:

- the columns of all windows at one x are a matrix (kw·kh·c, oh·n), and those at the next x are the
  same memory, one step on: only the kh rows of a window are copied, and its kw columns only where
  they are dilated;
- neighbours along n, h and w are whole rows of numbers, which NumPy adds and compares fastest.

Each group has matrices of its own: the first axis of every array of matrices below.
"""

import numpy as np

from scratch.layers.windows import Pair, Windows

__all__ = ["correlate", "correlate_bias", "correlate_inputs", "correlate_kernel", "gather_columns"]

_SMALL_RESULT = 1024  # numbers: up to here transposing the factor first does not pay
_SMALL_PRODUCT = 10**6  # multiplications: up to here OpenBLAS multiplies without packing


def gather_columns(X: np.ndarray, windows: Windows, groups: int = 1) -> np.ndarray:
    """Return the windows at every x as columns of a matrix: (g, ow, kw·kh·c_in/g, oh·n)."""
    (kh, _), (n, h, w, c) = windows.size, X.shape
    oh, ow = windows.positions((h, w))
    images = _in_memory(X, groups)
    if kh > 1 and images.strides[-1] > images.itemsize:  # once, not for each row of a window
        images = images.copy("C")
    rows = np.empty_like(X, shape=(groups, w, kh, c // groups, oh, n))
    for u in range(kh):
        rows[:, :, u] = images[:, :, :, windows.places(0, u, oh)]
    rows = rows.reshape(groups, w, kh * (c // groups), oh * n)
    return _side_by_side(rows, windows.size[1], windows.dilation[1], windows.stride[1], ow)


def correlate(columns: np.ndarray, W: np.ndarray, oh: int, n: int) -> np.ndarray:
    """Return z (n, oh, ow, c_out) of the columns of n images."""
    groups, ow, k, _ = columns.shape
    c_out = W.shape[3]
    factor = W.transpose(3, 1, 0, 2).reshape(groups, 1, c_out // groups, k)
    return _as_images(_product(factor, columns).reshape(ow, c_out, oh, n))


def correlate_kernel(columns: np.ndarray, dz: np.ndarray, size: Pair) -> np.ndarray:
    """Return dW (kh, kw, c_in/g, c_out): the columns times dz, summed over x."""
    (kh, kw), (n, oh, ow, c_out), (groups, _, k, _) = size, dz.shape, columns.shape
    turned = _in_memory(dz, groups).reshape(groups, ow, c_out // groups, oh * n).swapaxes(2, 3)
    each = k * (c_out // groups)
    if each > _SMALL_RESULT:
        rows = np.empty_like(columns, shape=turned.shape)
        rows[...] = turned
        turned = rows
    parts = _small_parts(each, oh * n)
    dW = sum((columns[..., part] @ turned[:, :, part]).sum(axis=1) for part in parts)
    dW = dW.reshape(groups, kw, kh, k // (kw * kh), c_out // groups)
    return dW.transpose(2, 1, 3, 0, 4).reshape(kh, kw, k // (kw * kh), c_out)


def correlate_bias(dz: np.ndarray) -> np.ndarray:
    """Return db (c_out,) = Σ dz, summed over x first, in whole rows of numbers."""
    return dz.transpose(2, 3, 1, 0).sum(axis=0).sum(axis=(1, 2))


def correlate_inputs(
    dz: np.ndarray, W: np.ndarray, windows: Windows, image: Pair, groups: int = 1
) -> np.ndarray:
    """Return dX (n, h, w, c_in) for an image (h, w): the adjoint of the correlation.

    It is dz, padded with zeros, times the kernels flipped in width. Along the width, a position of
    X collects from kw neighbours in dz. Along the height, whole rows are added to dX, kernel row by
    kernel row.
    """
    (kh, kw, c, c_out), (n, oh, ow, _), (h, w) = W.shape, dz.shape, image
    step, apart = windows.dilation[1], windows.stride[1]
    first = (kw - 1) * step
    last = first + (ow - 1) * apart
    spread = np.empty_like(dz, shape=(groups * (first + w), c_out // groups, oh * n))
    spread = spread.reshape(groups, first + w, c_out // groups, oh * n)
    spread[:, :first], spread[:, first if apart > 1 else last + 1 :] = 0, 0
    rows = _in_memory(dz, groups).reshape(groups, ow, c_out // groups, oh * n)
    spread[:, first : last + 1 : apart] = rows
    turned = W[:, ::-1].reshape(kh, kw, c, groups, c_out // groups).transpose(3, 0, 2, 1, 4)
    turned = turned.reshape(groups, 1, kh * c, kw * (c_out // groups))
    parts = _product(turned, _side_by_side(spread, kw, step, 1, w))
    parts = parts.reshape(w, groups, kh, c, oh, n)
    dX = np.zeros_like(parts, shape=(w, groups, c, h, n))
    for u in range(kh):
        dX[:, :, :, windows.places(0, u, oh)] += parts[:, :, u]
    return _as_images(dX.reshape(w, groups * c, h, n))


def _in_memory(X: np.ndarray, groups: int) -> np.ndarray:
    """Return images (n, h, w, c) as (g, w, c/g, h, n)."""
    n, h, w, c = X.shape
    return X.reshape(n, h, w, groups, c // groups).transpose(3, 2, 4, 1, 0)


def _as_images(x: np.ndarray) -> np.ndarray:
    """Return (w, c, h, n) as images (n, h, w, c)."""
    return x.transpose(3, 2, 0, 1)


def _side_by_side(rows: np.ndarray, kw: int, dilation: int, stride: int, ow: int) -> np.ndarray:
    """Return kw of the rows (g, w, k, m) at every x as one matrix: (g, ow, kw·k, m).

    That is a view where the rows are neighbours, at a dilation of 1.
    """
    groups, _, k, m = rows.shape
    group, step, row, item = rows.strides
    shape, strides = (groups, ow, kw, k, m), (group, stride * step, dilation * step, row, item)
    taken = np.lib.stride_tricks.as_strided(rows, shape, strides, subok=True)
    return taken.reshape(groups, ow, kw * k, m)


def _product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return A B for A (g, 1, r, k) and B (g, p, k, m), as (p, g·r, m), in parts of m.

    Each part is a small product.
    """
    (groups, _, r, k), (_, p, _, m) = A.shape, B.shape
    out = np.empty_like(A, shape=(p, groups * r, m))
    each = out.reshape(p, groups, r, m).swapaxes(0, 1)
    for part in _small_parts(r * k, m):
        each[..., part] = A @ B[..., part]
    return out


def _small_parts(each: int, m: int) -> list[slice]:
    """Cut m columns, of `each` multiplications, into equal parts that are small products."""
    parts = 1 + each * m // _SMALL_PRODUCT
    step = m // parts if m and m % parts == 0 else max(m, 1)
    return [slice(start, start + step) for start in range(0, max(m, 1), step)]
