"""Cross-correlation made fast: matrix products on a few images at a time.

The same functions as in `correlation`, which is the one to read first. Two things make the speed:

- The windows are copied into the rows of a matrix, so that the sum over u, v and c becomes one
  matrix product ("im2col"). Source: Chellapilla, Puri and Simard, "High performance convolutional
  neural networks for document processing", IWFHR 2006, section 4.
- That matrix is many times as large as the images. It is built for a few of them at a time, so that
  it still lies in the processor's cache when it is multiplied, and its memory is used again.
"""

import math

import numpy as np

from scratch.layers.windows import Pair, windows
from scratch.workspace import Workspace, blocks

__all__ = ["correlate", "correlate_bias", "correlate_inputs", "correlate_kernel"]

_SHORT_RUN = 8  # numbers; copying shorter runs costs more for the run than for its numbers


def correlate(
    X: np.ndarray, W: np.ndarray, b: np.ndarray | None, stride: Pair, z: np.ndarray, work: Workspace
) -> None:
    """Set z = b + columns(X) W; the bias is added while the block is in the cache."""
    kh, kw, c_in, c_out = W.shape
    views, rows = windows(X, (kh, kw), stride), z.shape[2] * c_out
    matrix, b_row = W.reshape(-1, c_out), None if b is None else np.tile(b, z.shape[2])
    for block in blocks(len(X), math.prod(views.shape[1:]) * X.itemsize):
        np.matmul(_columns(views[block], work), matrix, out=z[block].reshape(-1, c_out))
        if b_row is not None:
            z_rows = z[block].reshape(-1, rows)
            z_rows += b_row


def correlate_kernel(
    X: np.ndarray, dz: np.ndarray, stride: Pair, dW: np.ndarray, work: Workspace
) -> None:
    """Set dW = columns(X)ᵀ dz, summed over the blocks."""
    kh, kw, c_in, c_out = dW.shape
    views, matrix = windows(X, (kh, kw), stride), dW.reshape(-1, c_out)
    product = work.like("product", matrix)
    matrix.fill(0)
    for block in blocks(len(X), math.prod(views.shape[1:]) * X.itemsize):
        columns = _columns(views[block], work)
        matrix += np.matmul(columns.T, dz[block].reshape(-1, c_out), out=product)


def correlate_bias(dz: np.ndarray, db: np.ndarray) -> None:
    """Set db = Σ dz: first over whole rows of images, which NumPy adds fastest."""
    n, oh, ow, c_out = dz.shape
    row = np.add.reduce(dz.reshape(n * oh, ow * c_out), axis=0)
    np.add.reduce(row.reshape(ow, c_out), axis=0, out=db)


def correlate_inputs(
    dz: np.ndarray, W: np.ndarray, stride: Pair, dX: np.ndarray, work: Workspace
) -> None:
    """Set dX[s·y + u] = Σ_u row(y) Wᵀ[u], where row(y) holds the windows of dz along its width.

    Along the width, a position of X collects from a window of dz, to which zeros are added at the
    sides and, for a stride, in between. Along the height, whole rows are added to dX kernel row by
    kernel row: the columns are kh times smaller than windows in both directions would be.
    """
    (kh, kw, c_in, c_out), (_, oh, ow, _), w = W.shape, dz.shape, dX.shape[2]
    turned = np.ascontiguousarray(W[:, ::-1].swapaxes(2, 3)).reshape(kh, kw * c_out, c_in)
    dX.fill(0)
    cut = list(blocks(len(dz), oh * w * kw * c_out * dz.itemsize))
    spread = work.take("spread", cut[0].stop if cut else 0, (oh, w + kw - 1, c_out), dz.dtype)
    spread.fill(0)
    inner = spread[:, :, kw - 1 : kw + (ow - 1) * stride[1] : stride[1]]
    views = windows(spread, (1, kw), (1, 1))
    for block in cut:
        n = block.stop - block.start
        inner[:n] = dz[block]
        columns = _columns(views[:n], work)
        part = work.take("part", n, (oh, w, c_in), dz.dtype)
        for u in range(kh):
            np.matmul(columns, turned[u], out=part.reshape(-1, c_in))
            dX[block, u : u + (oh - 1) * stride[0] + 1 : stride[0]] += part


def _columns(views: np.ndarray, work: Workspace) -> np.ndarray:
    """Copy windows (n, oh, ow, kh, kw, c) into the rows of a matrix (n·oh·ow, kh·kw·c).

    In memory, either the rows of the matrix lie one after the other, or its columns: whichever lets
    NumPy copy longer runs.
    """
    shape = math.prod(views.shape[:3]), math.prod(views.shape[3:])
    memory = work.take("columns", views.size, (), views.dtype)
    if views.shape[4] * views.shape[5] >= _SHORT_RUN:
        memory.reshape(views.shape)[...] = views
        return memory.reshape(shape)
    by_column = views.transpose(3, 4, 5, 0, 1, 2)
    memory.reshape(by_column.shape)[...] = by_column
    return memory.reshape(shape[::-1]).T
