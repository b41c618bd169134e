"""Calls that the compiler writes otherwise: on long vectors, here of five numbers; and biases."""

import numpy as np
import pytest

from scratch.compiler import large, program
from scratch.compiler.program import Program
from scratch.compiler.tracing import Trace, plain

PART = 2  # numbers


@pytest.fixture(params=[np.float32, np.float64])
def x(request, monkeypatch):
    monkeypatch.setattr(program, "_PART", PART * np.dtype(request.param).itemsize)
    return np.random.default_rng(0).normal(size=5).astype(request.param)


@pytest.fixture
def written(monkeypatch):
    """Return the calls of the programs that are written while the test runs."""
    calls, write = [], program.write
    monkeypatch.setattr(program, "write", lambda made: calls.extend(made) or write(made))
    return calls


def repeated(function, x):
    """Compile a function of x, and repeat it on other numbers, bit for bit."""
    trace = Trace()
    made = Program(trace, [plain(a) for a in function(trace.watch(x))])
    x[...] = np.random.default_rng(1).normal(size=x.shape)
    made.run()
    for actual, expected in zip(made.results, function(x), strict=True):
        assert actual.tobytes() == expected.tobytes()


def test_run_of_calls_takes_a_vector_part_by_part(written, x):
    repeated(lambda x: [np.exp(x * 2 + 1)], x)
    assert [call.function for call in written] == [np.multiply, np.add, np.exp] * 3
    assert [call.out.size for call in written[::3]] == [2, 2, 1]


def test_vector_of_one_part_and_call_on_its_own_are_taken_whole(written, x):
    repeated(lambda x: [np.exp(x * 2)], x[:PART])
    repeated(lambda x: [np.exp(x)], x)
    assert [call.out.size for call in written] == [2, 2, 5]


def shifted(x):
    y = x * 2
    return [y[:-1] + np.exp(y[1:])]


def spread(x):
    y = x * 2
    return [y[:3] + np.exp(y[::2])]


@pytest.mark.parametrize(("function", "length"), [(shifted, 4), (spread, 3)])
def test_vectors_that_overlap_are_taken_whole(written, x, function, length):
    repeated(function, x)
    assert {call.out.size for call in written} == {5, length}


def product_and_bias(theta):
    W, b, X = theta[:6].reshape(3, 2), theta[6:8], theta[8:14].reshape(2, 3)
    return [(X * 2) @ W + b]


def product_and_another_sum(theta):
    W, b, X = theta[:6].reshape(3, 2), theta[6:8], theta[8:14].reshape(2, 3)
    X, Y = X * 2, theta[14:].reshape(2, 2) * 3
    product = X @ W
    return [Y + b, product]


@pytest.mark.parametrize(
    ("function", "sums"), [(product_and_bias, 0), (product_and_another_sum, 1)]
)
def test_bias_is_one_more_row_of_the_product_that_it_is_added_to(written, function, sums):
    repeated(function, np.random.default_rng(0).normal(size=18))
    assert [call.function for call in written].count(np.add) == sums


def test_maximum_with_an_array_of_the_code_is_left_as_it_is(written, x, monkeypatch):
    for few in ("_MANY", "_LOOP"):
        monkeypatch.setattr(large, few, 2)
    factors, bounds = np.array([1, -1], x.dtype), np.linspace(-1, 1, 10, dtype=x.dtype)
    repeated(lambda x: [np.maximum(x[:, np.newaxis] * factors, bounds.reshape(5, 2))], x)
    assert [call.inputs[1].shape for call in written if call.function is np.maximum] == [(5, 2)]
