"""What convolutions, pools and resized images compute, as expressions on the graph.

A convolution is a sum over the places of its kernel, each of which takes one strided part of the
images; a transposed one is the images with zeros between their pixels, moved and added; groups are
kernels that are zero outside their own. Nothing is arranged in columns.
"""

from functools import reduce
from operator import add

import numpy as np

from scratch import Node

NONE = (0, 0), (0, 0)


def around(x, pads):
    """Return the images with zeros around them."""
    return x.pad([(0, 0), *pads, (0, 0)])


def total(terms):
    return reduce(add, terms)


def part(x, start, stride, count):
    """Return every stride-th pixel of the images from one on, so many along each axis."""
    rows, columns = (
        slice(first, first + step * (many - 1) + 1, step)
        for first, step, many in zip(start, stride, count, strict=True)
    )
    return x[:, rows, columns]


def counts(x, size, stride, dilation):
    return tuple(
        (length - (k - 1) * d - 1) // s + 1
        for length, k, s, d in zip(x.shape[1:3], size, stride, dilation, strict=True)
    )


def starts(size, dilation):
    return [(u * dilation[0], v * dilation[1]) for u in range(size[0]) for v in range(size[1])]


def all_channels(W, groups):
    """Return kernels (kh, kw, c_in, c_out) that are zero outside their group."""
    c, d = W.shape[2], W.shape[3] // groups
    return total(
        W[:, :, :, g * d : (g + 1) * d].pad(
            [(0, 0), (0, 0), (g * c, (groups - 1 - g) * c), (g * d, (groups - 1 - g) * d)]
        )
        for g in range(groups)
    )


def convolve(x, W, *b, stride=(1, 1), pads=NONE, dilation=(1, 1), groups=1):
    x, W = around(x, pads), all_channels(W, groups)
    size = W.shape[:2]
    count = counts(x, size, stride, dilation)
    z = total(
        part(x, start, stride, count) @ W[start[0] // dilation[0], start[1] // dilation[1]]
        for start in starts(size, dilation)
    )
    return z + b[0] if b else z


def convolve_steps(x, W, *b, stride=1, pads=(0, 0), dilation=1, groups=1):
    x, W = x.reshape((*x.shape[:2], 1, x.shape[2])), W.reshape((len(W.value), 1, *W.shape[1:]))
    options = {"stride": (stride, 1), "dilation": (dilation, 1), "groups": groups}
    z = convolve(x, W, *b, pads=(pads, (0, 0)), **options)
    return z.reshape((*z.shape[:2], z.shape[3]))


def transpose(x, W, *b, stride, first, shape, dilation=(1, 1), groups=1):
    """Return the part of this shape, from `first` on, of all pixels' kernels."""
    W = all_channels(W, groups)
    (n, h, w, c), (sy, sx), (kh, kw), (dy, dx) = x.shape, stride, W.shape[:2], dilation
    apart = x.reshape((n, h, 1, w, 1, c)).pad(
        [(0, 0)] * 2 + [(0, sy - 1), (0, 0), (0, sx - 1), (0, 0)]
    )
    apart = apart.reshape((n, h * sy, w * sx, c))
    z = total(
        around(
            apart @ W[u, v].transpose(),
            ((u * dy, (kh - 1 - u) * dy), (v * dx, (kw - 1 - v) * dx)),
        )
        for u in range(kh)
        for v in range(kw)
    )
    z = part(around(z, ((0, 9), (0, 9))), first, (1, 1), shape)
    return z + b[0] if b else z


def transpose_steps(x, W, *b, stride, first, length):
    x, W = x.reshape((*x.shape[:2], 1, x.shape[2])), W.reshape((len(W.value), 1, *W.shape[1:]))
    z = transpose(x, W, *b, stride=(stride, 1), first=(first, 0), shape=(length, 1))
    return z.reshape((*z.shape[:2], z.shape[3]))


def taps(x, size, stride, pads=NONE, dilation=(1, 1), border=0.0):
    """Return the numbers (n, oh, ow, kh·kw, c) in each window."""
    outside = np.pad(np.ones(x.shape[1:3]), pads) == 0
    x = around(x, pads) + np.where(outside, border, 0)[:, :, np.newaxis]
    count = counts(x, size, stride, dilation)
    each = [part(x, start, stride, count) for start in starts(size, dilation)]
    n, oh, ow, c = each[0].shape
    k = len(each)
    return total(
        tap.reshape((n, oh, ow, 1, c)).pad([(0, 0)] * 3 + [(j, k - 1 - j), (0, 0)])
        for j, tap in enumerate(each)
    )


def maximum(x, size, stride, pads=NONE, dilation=(1, 1)):
    return taps(x, size, stride, pads, dilation, border=-1e9).max(3)


def mean_of_pixels(x, size, stride, pads=NONE):
    real = Node(np.ones((1, *x.shape[1:3], 1)))
    return taps(x, size, stride, pads).sum(3) / taps(real, size, stride, pads).value.sum(3)


def mean_of_window(x, size, stride, pads=NONE):
    return taps(x, size, stride, pads).mean(3)


def of_steps(define, *arguments):
    """Return a definition of images for sequences."""

    def of_images(x):
        z = define(x.reshape((*x.shape[:2], 1, x.shape[2])), *arguments)
        return z.reshape((*z.shape[:2], z.shape[3]))

    return of_images


def rows_of(x):
    return x.reshape((x.shape[0], int(np.prod(x.shape[1:-1])), x.shape[-1]))


def share_of_ties(x):
    rows = rows_of(x)
    largest = rows.value == rows.value.max(1, keepdims=True)
    return (rows * largest).sum(1) / largest.sum(1)


def repeated(x, fy, fx):
    n, h, w, c = x.shape
    ones = np.ones((1, 1, fy, 1, fx, 1))
    return (x.reshape((n, h, 1, w, 1, c)) * ones).reshape((n, h * fy, w * fx, c))


def between(length, factor, corners):
    """Return the shares (f·length, length) of neighbouring pixels, one new pixel at a time."""
    shares = np.zeros((length * factor, length))
    for i in range(length * factor):
        at = i * (length - 1) / max(length * factor - 1, 1) if corners else (i + 0.5) / factor - 0.5
        at = min(max(at, 0), length - 1)
        left = min(int(at), length - 2)
        shares[i, left], shares[i, left + 1] = 1 - (at - left), at - left
    return shares


def interpolated(x, fy, fx, corners):
    rows = between(x.shape[1], fy, corners) @ x.transpose((0, 3, 1, 2))
    return (rows @ between(x.shape[2], fx, corners).T).transpose((0, 2, 3, 1))


def beside(a, b):
    """Return two nodes side by side."""
    before = [(0, 0)] * (len(a.shape) - 1)
    return a.pad([*before, (0, b.shape[-1])]) + b.pad([*before, (a.shape[-1], 0)])
