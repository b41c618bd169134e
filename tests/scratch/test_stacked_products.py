"""Products of stacked matrices in a faster form: the same bits, or the same form."""

import numpy as np
import pytest

from scratch.compiler import products
from scratch.compiler.calls import Call
from scratch.compiler.products import rearrange
from scratch.compiler.source import write


def product(n, d, k, dtype=float, stack=(3,)):
    """Return a call for A Bᵀ, some times at once, on numbers that have signed zeros among them."""
    rng = np.random.default_rng(n * d * k)
    A, B = (rng.normal(size=(*stack, rows, d)).astype(dtype) for rows in (n, k))
    A[0, 0] = -0.0
    B[1, -1] = np.inf
    return Call(np.matmul, (A, B.mT), np.empty((*stack, n, k), dtype), {})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(10, 6, 6), (10, 1, 6), (1, 1, 1), (4, 2, 3), (121, 8, 8)])
@pytest.mark.parametrize("stack", [(3,), (2, 4)])
def test_products_have_the_same_bits_in_the_faster_form(shape, dtype, stack):
    call = product(*shape, dtype, stack)
    with np.errstate(invalid="ignore"):  # 0 times infinity
        expected = np.matmul(*call.inputs)
        made = rearrange([call])
        for _ in range(2):  # the zeros are still there the second time
            write(made)()
    n, d, k = shape
    assert made[-1].inputs[0].shape == (*stack, n, max(d, 2))  # an outer product beside zeros
    assert made[-1].inputs[1].flags.c_contiguous
    assert call.out.tobytes() == expected.tobytes()


def test_a_product_whose_bits_would_be_others_is_left_as_it_is(monkeypatch):
    call = product(10, 6, 6)
    monkeypatch.setattr(products, "_give_equal_bits", lambda *_: False)
    assert rearrange([call]) == [call]


def test_what_is_fast_as_it_is_and_what_is_large_is_left():
    A, B = np.ones((3, 4, 5)), np.ones((3, 5, 2))
    calls = [
        Call(np.matmul, (A, B), np.empty((3, 4, 2)), {}),
        Call(np.matmul, (A.mT, A), np.empty((3, 5, 5)), {}),
        Call(np.add, (A, A), A, {}),
        product(2, 6, 1000),
    ]
    assert rearrange(calls) == calls
