"""Noted NumPy calls: repeated on other numbers, they give what the code itself would give."""

import numpy as np
import pytest

from scratch.recording import Recording


def assert_repeats(function, *shapes, dtype=np.float64):
    """Record on some numbers, repeat on others, and compare bit by bit."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    recording = Recording(function, *arrays)
    for a in arrays:
        a[...] = rng.normal(size=a.shape)
    recording.repeat()
    expected = [np.copy(a) for a in function(*arrays)]
    recording.repeat()
    for actual, wanted in zip(recording.results, expected, strict=True):
        assert actual.dtype == wanted.dtype
        assert actual.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("d_in", [1, 3, 12])
@pytest.mark.parametrize("d_out", [1, 2, 9])
def test_matrix_products_of_a_dense_layer_are_the_same_bits(dtype, n, d_in, d_out):
    z, dW, dX = (np.empty(shape, dtype) for shape in [(n, d_out), (d_in, d_out), (n, d_in)])

    def products(X, W, dz):
        np.matmul(X, W, out=z)
        np.matmul(X.T, dz, out=dW)
        np.matmul(dz, W.T, out=dX)
        return [z, dW, dX]

    assert_repeats(products, (n, d_in), (d_in, d_out), (n, d_out), dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_views_reductions_and_new_arrays_are_noted(dtype):
    def function(x):
        y = np.exp(-x) * 0.1 + 1
        y /= y.sum(axis=1, keepdims=True)
        y[:, 1:] -= np.maximum(x, 0)[:, :1]
        return [y.T, np.add.reduce(y, axis=0), np.add.reduce(y[0])]

    assert_repeats(function, (3, 4), dtype=dtype)


@pytest.mark.parametrize(
    ("shapes", "out"),
    [
        (((2, 3, 4), (2, 4, 3)), np.empty((2, 3, 3), np.float32)),
        (((2, 3), (3, 4)), np.empty((2, 4), np.float64)),
        (((2, 3), (3, 4)), np.empty((2, 8), np.float32)[:, ::2]),
    ],
    ids=["stacks", "into another type", "into a part"],
)
def test_products_of_every_kind_are_the_same_bits(shapes, out):
    def function(a, b):
        return [np.matmul(a, b, out=out)]

    assert_repeats(function, *shapes, dtype=np.float32)


def test_a_number_takes_the_type_that_it_has_in_the_code():
    recording = Recording(lambda i: [i * 0.5], np.arange(3))
    recording.repeat()
    assert recording.results[0].tolist() == [0, 0.5, 1]


def test_calls_whose_result_nobody_reads_are_left_out():
    out = np.empty(2)

    def function(x):
        np.sqrt(x, out=out)  # written over before it is read
        y = np.negative(x, out=out)
        np.add.reduce(y)  # not returned
        return [np.add(y, 1, out=out)]

    recording = Recording(function, np.ones(2))
    assert len(recording.calls) == 2
    recording.repeat()
    assert recording.results[0].tolist() == [0, 0]


def test_a_call_that_writes_part_of_what_is_read_is_kept():
    def function(x):
        y = x + 1
        np.negative(x[:1], out=y[:1])
        return [y]

    assert_repeats(function, (3,))


def test_results_are_plain_arrays():
    recording = Recording(lambda x: [x + 1, x], np.ones(2))
    assert [type(a) for a in recording.results] == [np.ndarray] * 2
