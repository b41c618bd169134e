"""Products and sums of many rows in a faster form: the same bits, or the same form."""

import numpy as np
import pytest

from scratch.compiler import rows
from scratch.compiler.rows import rearrange_rows
from scratch.compiler.source import write
from scratch.compiler.tracing import Call

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def product(n, d, k, dtype=float, *, transposed=False):
    rng = np.random.default_rng(n * d * k)
    X, W = (rng.normal(size=shape).astype(dtype) for shape in ((n, d), (k, d)))
    X[0] = -0.0
    W = W.T if transposed else np.ascontiguousarray(W.T)
    return Call(np.matmul, (X, W), np.empty((n, k), dtype), {})


def total(n, d, dtype=float, **options):
    X = np.random.default_rng(n * d).normal(size=(n, d)).astype(dtype)
    X[:, 0] = -0.0
    return Call(np.add.reduce, (X,), np.empty(d, dtype), {"axis": 0, **options})


def assert_same_bits(call, made):
    expected = call.function(*call.inputs, **call.options)
    write(made)()
    assert call.out.tobytes() == expected.tobytes()


@DTYPES
@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_of_some_million_is_computed_in_parts_of_its_rows(dtype, transposed):
    call = product(352, 64, 128, dtype, transposed=transposed)
    *copied, made = rearrange_rows([call])
    assert made.inputs[0].shape == (4, 88, 64)  # of 720,896 multiplications each
    assert made.inputs[1].flags.c_contiguous
    assert len(copied) == transposed
    assert_same_bits(call, [*copied, made])


@DTYPES
def test_a_transposed_matrix_is_copied_where_many_rows_are_multiplied_by_it(dtype):
    call = product(704, 32, 32, dtype, transposed=True)
    copied, made = rearrange_rows([call])
    assert copied.out.flags.c_contiguous
    assert made.inputs[0] is call.inputs[0]
    assert_same_bits(call, [copied, made])


@DTYPES
@pytest.mark.parametrize("n", [16, 704])
def test_the_sum_of_rows_is_a_product_with_ones(dtype, n):
    call = total(n, 32, dtype)
    made = rearrange_rows([call])
    assert made[0].function is np.matmul
    assert_same_bits(call, made)


def test_where_blas_rounds_otherwise_everything_stays_as_it_is(monkeypatch):
    for name in ("_equal_products", "_equal_sums"):
        monkeypatch.setattr(rows, name, lambda *shape: False)
    calls = [product(704, 32, 128), total(704, 32)]
    assert rearrange_rows(calls) == calls


def test_what_is_fast_as_it_is_stays_so():
    calls = [
        product(200, 64, 64),  # small as a whole
        product(100, 32, 32, transposed=True),  # of few rows
        product(400, 128, 128),  # large
        product(307, 64, 64),  # a prime number of rows
        total(15, 32),
    ]
    assert rearrange_rows(calls) == calls


def test_sums_along_other_axes_and_of_other_layouts_stay_as_they_are():
    (X,), out = total(32, 32).inputs, np.empty(32)
    calls = [
        Call(np.add.reduce, (X,), out, {"axis": -1}),
        Call(np.add.reduce, (X.T,), out, {"axis": 0}),
        Call(np.add.reduce, (X.reshape(2, 16, 32),), np.empty((16, 32)), {"axis": 0}),
    ]
    assert rearrange_rows(calls) == calls
