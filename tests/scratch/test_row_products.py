"""Products and sums of many rows in a faster form: the same bits, or the same form."""

from types import SimpleNamespace

import numpy as np
import pytest

from scratch.compiler import rows
from scratch.compiler.calls import Call
from scratch.compiler.rows import rearrange_rows
from scratch.compiler.source import write

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def product(n, d, k, dtype=float, *, transposed=False):
    rng = np.random.default_rng(n * d * k)
    X, W = (rng.normal(size=shape).astype(dtype) for shape in ((n, d), (k, d)))
    X[0] = -0.0
    W = W.T if transposed else np.ascontiguousarray(W.T)
    return Call(np.matmul, (X, W), np.empty((n, k), dtype), {})


def total(n, *shape, dtype=float):
    X = np.random.default_rng(n).normal(size=(n, *shape)).astype(dtype)
    X[:, 0] = -0.0
    return Call(np.add.reduce, (X,), np.empty(shape, dtype), {"axis": 0})


def assert_computes(call, made, *, same_bits=True):
    """Assert that calls give the result of one, to the bit where this machine's BLAS does so."""
    expected = call.function(*call.inputs, **call.options)
    write(made)()
    if same_bits:
        assert call.out.tobytes() == expected.tobytes()
    few = 100 * np.finfo(expected.dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(call.out, expected, rtol=0, atol=few)


@pytest.fixture
def here(monkeypatch):
    """What this machine's BLAS does; to `rearrange_rows`, all forms have equal bits."""
    here = SimpleNamespace()
    for name in ("_equal_products", "_equal_gradients", "_equal_sums"):
        setattr(here, name, getattr(rows, name))
        monkeypatch.setattr(rows, name, lambda *shape: True)
    return here


@DTYPES
def test_whatever_this_machine_does_the_bits_are_the_same(dtype):
    calls = [product(352, 64, 128, dtype), product(704, 32, 32, dtype, transposed=True)]
    calls += [gradient(704, 32, 128, dtype), gradient(320, 48, 96, dtype)]
    calls += [total(n, *rest, dtype=dtype) for n, *rest in ((16, 32), (704, 32), (64, 11, 32))]
    for call in calls:
        assert_computes(call, rearrange_rows([call]))


@DTYPES
@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_of_some_million_is_computed_in_parts_of_its_rows(dtype, transposed, here):
    call = product(352, 64, 128, dtype, transposed=transposed)
    *copied, made = rearrange_rows([call])
    assert made.inputs[0].shape == (4, 88, 64)  # of 720,896 multiplications each
    assert made.inputs[1].flags.c_contiguous
    assert len(copied) == transposed
    same = here._equal_products(352, 64, 128, transposed, np.dtype(dtype))
    assert_computes(call, [*copied, made], same_bits=same)


@DTYPES
def test_a_transposed_matrix_is_copied_where_many_rows_are_multiplied_by_it(dtype, here):
    call = product(704, 32, 32, dtype, transposed=True)
    copied, made = rearrange_rows([call])
    assert copied.out.flags.c_contiguous
    assert made.inputs[0] is call.inputs[0]
    same = here._equal_products(704, 32, 32, True, np.dtype(dtype))
    assert_computes(call, [copied, made], same_bits=same)


def gradient(n, d, k, dtype=float):
    X, dz = product(n, d, k, dtype).inputs[0], product(n, k, 1, dtype).inputs[0]
    return Call(np.matmul, (X.T, dz), np.empty((d, k), dtype), {})


@DTYPES
@pytest.mark.parametrize(
    ("n", "d", "k", "halves", "cut"),
    [(704, 32, 128, 2, 2), (704, 128, 32, 2, 2), (320, 48, 96, 1, 2)],
)
def test_a_gradient_is_the_sum_of_two_halves_of_the_rows_where_blas_makes_it_so(
    dtype, n, d, k, halves, cut, here, monkeypatch
):
    monkeypatch.setattr(rows, "_equal_gradients", lambda d, n, k, tried, *_: tried == halves)
    call = gradient(n, d, k, dtype)
    made = rearrange_rows([call])
    assert [each.function for each in made] == [np.matmul, np.add][:halves]
    assert made[0].out.shape == (halves, cut, *((d, k // cut) if k > d else (d // cut, k)))
    same = here._equal_gradients(d, n, k, halves, cut, np.dtype(dtype))
    assert_computes(call, made, same_bits=same)


@DTYPES
@pytest.mark.parametrize("shape", [(16, 32), (704, 32), (64, 11, 32)])
def test_the_sum_of_rows_is_a_product_with_ones(dtype, shape, here):
    call = total(*shape, dtype=dtype)
    made = rearrange_rows([call])
    assert made[0].function is np.matmul
    same = here._equal_sums(shape[0], int(np.prod(shape[1:])), np.dtype(dtype))
    assert_computes(call, made, same_bits=same)


def test_where_blas_rounds_otherwise_everything_stays_as_it_is(monkeypatch):
    for name in ("_equal_products", "_equal_gradients", "_equal_sums"):
        monkeypatch.setattr(rows, name, lambda *shape: False)
    calls = [product(704, 32, 128), gradient(704, 32, 128), total(704, 32)]
    assert rearrange_rows(calls) == calls


def test_what_is_fast_as_it_is_stays_so(here, monkeypatch):
    monkeypatch.setattr(rows, "_equal_gradients", lambda d, n, k, halves, *_: halves == 2)
    calls = [
        product(200, 64, 64),  # small as a whole
        product(100, 32, 32, transposed=True),  # of few rows
        product(32, 64, 800, transposed=True),  # whose copy would take longer
        product(128, 64, 200, transposed=True),
        product(400, 128, 128),  # large
        product(307, 64, 64),  # a prime number of rows
        gradient(200, 64, 64),
        gradient(400, 128, 128),
        gradient(701, 32, 128),
        total(15, 32),
        total(1000, 512),
    ]
    assert rearrange_rows(calls) == calls


def test_sums_along_other_axes_of_other_layouts_and_types_stay_as_they_are():
    (X,), out = total(32, 32).inputs, np.empty(32)
    calls = [
        Call(np.add.reduce, (X,), out, {"axis": -1}),
        Call(np.add.reduce, (X.T,), out, {"axis": 0}),
        Call(np.add.reduce, (X > 0,), np.empty(32, int), {"axis": 0}),
    ]
    assert rearrange_rows(calls) == calls


def test_rows_are_not_cut_into_parts_of_fewer_than_sixteen():
    call = product(32, 64, 1600)  # 3 million multiplications; small in parts of 8 rows
    assert rearrange_rows([call]) == [call]


def test_a_sum_that_is_not_written_in_a_row_stays_a_sum():
    call = total(64, 8)
    apart = call._replace(out=np.empty((8, 2))[:, 0])
    assert len(rearrange_rows([call])) == 2
    assert rearrange_rows([apart]) == [apart]
