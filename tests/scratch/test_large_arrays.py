"""What the compiler does about calls on many numbers; here few are taken for many."""

import numpy as np
import pytest

from scratch import (
    SGD,
    Batch,
    CategoricalCrossEntropy,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ReLU,
    Reshape,
    Sequential,
)
from scratch.compiler import Parts, Step, large, memory, program, tracing
from scratch.compiler.calls import copy_into
from scratch.compiler.program import Program
from scratch.compiler.tracing import Trace, plain


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    for module, name, value in (
        *((large, "_MANY", 2), (large, "_LOOP", 2)),
        *((memory, "_LARGE", 2), (tracing, "_MANY", 2)),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def written(monkeypatch):
    """Return the calls of each program that is written while the test runs."""
    programs, write = [], program.write
    monkeypatch.setattr(program, "write", lambda calls: programs.append(calls) or write(calls))
    return programs


def repeated(function, x):
    """Compile a function of x; repeat it on other numbers, and on zeros of both signs."""
    trace = Trace()
    made = Program(trace, [plain(a) for a in function(trace.watch(x))])
    for numbers in (np.random.default_rng(1).normal(size=x.shape), np.where(x > 0, -0.0, np.nan)):
        x[...] = numbers
        made.run()
        for actual, expected in zip(made.results, function(x), strict=True):
            assert actual.tobytes() == expected.tobytes()


@pytest.fixture(params=[np.float32, np.float64])
def x(request):
    return np.random.default_rng(0).normal(size=(5, 4, 6)).astype(request.param)


def relu_and_its_derivative(x):
    a = np.maximum(x * 2, 0)
    total = (np.exp(a) - 1).sum(axis=0)
    return [total * (a > 0)]


def test_numbers_are_compared_as_soon_as_they_are_there(written, x):
    repeated(relu_and_its_derivative, x)
    functions = [call.function for call in written[-1]]
    assert functions[:4] == [np.multiply, np.maximum, np.greater, np.exp]


def compared_after_a_change(x):
    a = x * 2
    before = a > 1
    a += 1
    return [a, before, a > 1]


def test_what_changes_is_compared_after_the_change(written, x):
    repeated(compared_after_a_change, x)
    functions = [call.function for call in written[-1]]
    assert functions == [np.multiply, np.greater, np.add, np.greater]


def test_a_maximum_is_taken_with_a_row_of_the_number(written, x):
    repeated(relu_and_its_derivative, x.transpose(1, 2, 0))
    (row,) = (call.inputs[1] for call in written[-1] if call.function is np.maximum)
    assert row.shape == (1, 6, 1)  # the innermost axis in memory


def test_the_maximum_with_a_number_that_changes_is_left_alone(written):
    repeated(lambda x: [np.maximum(x[:4] * 2, x[4:].reshape(()))], np.arange(5.0))
    (bound,) = (call.inputs[1] for call in written[-1] if call.function is np.maximum)
    assert bound.shape == ()


def shares(x):
    """As the gradient of a maximum is shared between two places."""
    first = x * 3
    both = np.empty_like(x, shape=(2, *x.shape))
    rest = x - first
    both[0] = rest
    both[1] = first
    return [both]


def test_results_are_written_where_they_are_copied_to_and_read_there(written, x):
    repeated(shares, x)
    assert [call.function for call in written[-1]] == [np.multiply, np.subtract]


def heads_side_by_side(x):
    """As attention puts what its heads have found into their places."""
    W = np.ones((6, 3), x.dtype)
    both = np.empty_like(x, shape=(4, 2, 5, 3))
    products = x @ W, (x * 2) @ W
    for place, product in zip((0, 1), products, strict=True):
        both[:, place].swapaxes(0, 1)[...] = product
    return [both]


def test_products_are_written_where_their_rows_belong(written, x):
    repeated(heads_side_by_side, x)
    assert [call.function for call in written[-1]] == [np.matmul, np.multiply, np.matmul]


def written_to_between(x):
    first = x * 3
    both = np.empty_like(x)
    both[...] = 1
    rest = both - first
    both[...] = first
    return [both, rest]


def read_later(x):
    first = x * 3
    both = np.empty_like(x)
    both[...] = first
    both[0] = 0
    return [both, first + 1]


def in_another_order(x):
    turned = np.empty_like(x, shape=x.shape[::-1])
    turned.T[...] = x * 3
    return [turned]


def product_into_columns(x):
    turned = np.empty_like(x, shape=(5, 4, 4))
    turned.swapaxes(1, 2)[...] = x @ x.swapaxes(1, 2)
    return [turned]


def read_by_a_product(x):
    first = x * 3
    both = np.empty_like(x, shape=(2, *x.shape))
    products = first @ first.swapaxes(1, 2)
    both[1] = first
    return [both[1], products]


@pytest.mark.parametrize(
    "function",
    [written_to_between, read_later, in_another_order, product_into_columns, read_by_a_product],
)
def test_results_are_copied_where_writing_them_there_would_change_or_slow_a_call(
    written, x, function
):
    repeated(function, x)
    assert any(c.function is copy_into and c.inputs[0].ndim == 3 for c in written[-1])


def test_truth_values_are_converted_within_the_call(written, x):
    repeated(relu_and_its_derivative, x)
    (mask,) = (
        call.inputs[1] for call in written[-1] if call.inputs[1:] and call.inputs[1].dtype == bool
    )
    assert mask.shape == x.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_step_of_a_convolutional_network_is_the_plain_one(dtype):
    network = Sequential(
        *(Reshape(7, 7, 1), Conv2D(1, 2, 3), ReLU(), MaxPool2D(2), Conv2D(2, 3, 2), ReLU()),
        *(Flatten(), Dense(3, 3)),
        dtype=dtype,
    ).initialize(np.random.default_rng(0))
    X = np.random.default_rng(1).normal(size=(4, 49)).astype(dtype)
    step = Step(Parts(network, CategoricalCrossEntropy(), SGD(0.1)), Batch(X, np.arange(4) % 3))
    step.run()
    assert step.repeats  # which compares every bit
