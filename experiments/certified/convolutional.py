"""The convolutional network for certified results, in the dtype of its arrays.

Kernels (kh, kw, c_in, c_out) come first, each with its bias, then the weights of the dense layers.
After every convolution: ReLU, then the largest of each 2 x 2 block, without an odd last row or
column.
"""

from math import isqrt

import numpy as np

from experiments.certified import dense
from experiments.certified.dense import product
from experiments.certified.stored import Formulas

__all__ = ["backward", "forward"]


def forward(weights: list[np.ndarray], X: np.ndarray, formulas: Formulas) -> list[np.ndarray]:
    """Return, for every convolution, its input and its ReLU's output, then what `dense` returns."""
    side = isqrt(X.shape[1])
    images, outputs, kernels = X.reshape(-1, side, side, 1), [], _kernels(weights)
    for K, b in kernels:
        (kh, kw, _, c_out), (n, h, w, _) = K.shape, images.shape
        z = product(_columns(images, kh, kw), K.reshape(-1, c_out)) + b
        a = np.maximum(z, 0).reshape(n, h - kh + 1, w - kw + 1, c_out)
        outputs += [images, a]
        images = _blocks(a).max(axis=3)
    features = images.reshape(len(X), -1)
    return outputs + dense.forward(weights[2 * len(kernels) :], features, formulas)


def backward(
    weights: list[np.ndarray], outputs: list[np.ndarray], da: np.ndarray, formulas: Formulas
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return dL/dw for every weight, and dL/dz of the first convolution (see `dense.backward`).

    If all convolutions are frozen, theirs are 0, and dL/dz is that of the first dense layer.
    """
    kernels = _kernels(weights)
    split = 2 * len(kernels)
    grads, dz = dense.backward(weights[split:], outputs[split:], da, formulas)
    if set(range(split)) <= set(formulas.frozen):
        return [*map(np.zeros_like, weights[:split]), *grads], dz
    d_images = product(dz, weights[split].T)
    for i, (K, _) in reversed([*enumerate(kernels)]):
        images, a = outputs[2 * i : 2 * i + 2]
        kh, kw, _, c_out = K.shape
        dz = (_from_blocks(a, d_images) * (a > 0)).reshape(-1, c_out)
        dK = product(_columns(images, kh, kw).T, dz).reshape(K.shape)
        grads = [dK, dz.sum(axis=0), *grads]
        if i:
            d_columns = product(dz, K.reshape(-1, c_out).T)
            d_images = _from_columns(d_columns, images.shape, kh, kw)
    return grads, dz


def _kernels(weights: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the kernels with their biases."""
    pairs = zip(weights[::2], weights[1::2], strict=True)
    return [(K, b) for K, b in pairs if K.ndim == 4]


def _columns(images: np.ndarray, kh: int, kw: int) -> np.ndarray:
    """Return the windows of images (n, h, w, c) as rows (n·oh·ow, kh·kw·c)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (kh, kw), axis=(1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * images.shape[3])


def _from_columns(columns: np.ndarray, shape: tuple[int, ...], kh: int, kw: int) -> np.ndarray:
    """Add rows of windows back to their places in images: the transpose of `_columns`."""
    n, h, w, c = shape
    oh, ow = h - kh + 1, w - kw + 1
    images, windows = np.zeros(shape, columns.dtype), columns.reshape(n, oh, ow, kh, kw, c)
    for u in range(kh):
        for v in range(kw):
            images[:, u : u + oh, v : v + ow] += windows[:, :, :, u, v]
    return images


def _blocks(a: np.ndarray) -> np.ndarray:
    """Return the 2 x 2 blocks of a (n, h, w, c) as (n, h/2, w/2, 4, c), row by row."""
    n, h, w, c = a.shape
    even = a[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
    return even.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2, w // 2, 4, c)


def _from_blocks(a: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Put numbers at the maximum of each block of a, the first of equals; 0 elsewhere."""
    n, h, w, c = a.shape
    blocks = _blocks(a)
    spread = np.zeros_like(blocks)
    where = blocks.argmax(axis=3)[:, :, :, None]
    np.put_along_axis(spread, where, largest.reshape(where.shape), axis=3)
    even = spread.reshape(n, h // 2, w // 2, 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    images = np.zeros_like(a)
    images[:, : h // 2 * 2, : w // 2 * 2] = even.reshape(n, h // 2 * 2, w // 2 * 2, c)
    return images
