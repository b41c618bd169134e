"""The fast convolution against the one that reads like the equation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch import workspace
from scratch.layers import correlation, kernels
from scratch.layers.windows import positions
from scratch.workspace import Workspace

from .closeness import assert_close
from .image_cases import shapes

LIMIT = 1e-13  # a few hundred products, added in another order
seeds = st.integers(0, 2**32 - 1)


def compare(rng, images, window, stride, c_out):
    """Hold output and all derivatives of the two against each other."""
    X, W = rng.normal(size=images), rng.normal(size=(*window, images[3], c_out))
    b, work = rng.normal(size=c_out), Workspace()
    z = np.empty((len(X), *positions(X.shape[1:3], window, stride), c_out))
    dX, dW, db = np.empty_like(X), np.empty_like(W), np.empty_like(b)
    for _ in range(2):  # the second time in memory that is not new
        dz = rng.normal(size=z.shape)
        kernels.correlate(X, W, b, stride, z, work)
        kernels.correlate_inputs(dz, W, stride, dX, work)
        kernels.correlate_kernel(X, dz, stride, dW, work)
        kernels.correlate_bias(dz, db)
        assert_close(z, correlation.correlate(X, W, b, stride), LIMIT)
        expected = correlation.correlate_backward(X, W, dz, stride)
        for actual, other in zip((dX, dW, db), expected, strict=True):
            assert_close(actual, other, LIMIT)


@given(shape=shapes(largest=9), c_out=st.integers(1, 5), seed=seeds)
def test_fast_correlation_and_derivatives_equal_the_plain_ones(shape, c_out, seed):
    compare(np.random.default_rng(seed), *shape, c_out)


@pytest.mark.parametrize("images", [(7, 9, 8, 1), (7, 9, 8, 4)])  # columns, and rows, in one piece
@pytest.mark.parametrize("block_bytes", [1, 20_000])  # one image at a time; a last block of fewer
def test_blocks_of_any_size_give_the_same(monkeypatch, images, block_bytes):
    monkeypatch.setattr(workspace, "_BLOCK_BYTES", block_bytes)
    compare(np.random.default_rng(0), images, (3, 2), (1, 2), 3)


@pytest.mark.parametrize(
    ("n", "bytes_each", "cut"),
    [
        (5, 2**17, [(0, 2), (2, 4), (4, 5)]),
        (2, 2**30, [(0, 1), (1, 2)]),
        (2, 0, [(0, 2)]),
        (0, 1, []),
    ],
)
def test_blocks_hold_every_image_once(n, bytes_each, cut):
    assert [(b.start, b.stop) for b in workspace.blocks(n, bytes_each)] == cut
