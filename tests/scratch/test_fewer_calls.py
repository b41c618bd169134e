"""What the compiler does by fewer calls, and what it leaves as it is because it would differ."""

from copy import deepcopy

import numpy as np
import pytest

from scratch import (
    SGD,
    Adam,
    Batch,
    BinaryCrossEntropy,
    Dense,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    iter_epochs,
)
from scratch.compiler import Parts, Step, program, rewriting
from scratch.compiler.calls import Call, copy_into
from scratch.compiler.program import Program
from scratch.compiler.rewriting import give_equal_bits, rewrite
from scratch.compiler.source import Names
from scratch.compiler.tracing import Trace, plain

ROWS = 10


@pytest.fixture
def written(monkeypatch):
    """Return the calls of each program that is written while the test runs."""
    programs, write = [], program.write
    monkeypatch.setattr(program, "write", lambda calls: programs.append(calls) or write(calls))
    return programs


def count(calls, function):
    return sum(call.function == function for call in calls)


def compiled(*layers, loss, optimizer, dtype=np.float32):
    """Take three steps: a noted one, one that is compared with the plain code, and another."""
    rng = np.random.default_rng(0)
    network = Sequential(*layers, dtype=dtype).initialize(rng)
    for p in network.params:
        p += rng.normal(size=p.shape).astype(dtype) / 8
    X, y = rng.normal(size=(ROWS, 3)).astype(dtype), rng.integers(2, size=(ROWS, 1)).astype(dtype)
    parts, batch = Parts(network, loss, optimizer), Batch(X, y)
    twin = deepcopy(parts)
    step = Step(parts, batch)
    for _ in range(2):
        step.run()
    for _ in range(3):
        twin.take(batch, twin.network.theta, twin.network.grad)
    assert parts.network.theta.tobytes() == twin.network.theta.tobytes()
    return step


def two_hidden_layers():
    return Dense(3, 6), ReLU(), Dense(6, 6), ReLU(), Dense(6, 1)


def test_the_bias_of_a_small_layer_is_a_row_of_its_product(written, monkeypatch):
    monkeypatch.setattr(rewriting, "_equal_bits", lambda n, d, k, dtype: k > 1)
    compiled(*two_hidden_layers(), loss=BinaryCrossEntropy(), optimizer=SGD(0.1))
    calls = written[-1]
    assert count(calls, np.matmul) == 8  # 3 forward, 3 for parameters, 2 for inputs
    assert count(calls, np.add.reduce) == 1  # the last layer's, of one output
    shapes = [call.inputs[0].shape for call in calls if call.function is np.matmul]
    assert shapes[:3] == [(ROWS, 3 + 1), (ROWS, 6 + 1), (ROWS, 6)]


def test_where_blas_sums_in_another_order_the_bias_stays_apart(written, monkeypatch):
    monkeypatch.setattr(rewriting, "_equal_bits", lambda *shape: False)
    compiled(*two_hidden_layers(), loss=BinaryCrossEntropy(), optimizer=SGD(0.1))
    assert count(written[-1], np.add.reduce) == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_numbers_show_another_order_of_a_sum(dtype):
    X, W = np.zeros((121, 4), dtype), np.zeros((4, 1), dtype)
    assert not give_equal_bits(X, W)  # NumPy sums 121 numbers in pairs of sums, a product does not
    assert give_equal_bits(np.zeros((1, 1), dtype), np.zeros((1, 2), dtype))  # there is one order
    assert not give_equal_bits(np.zeros((2, 3), dtype).T, W[:2])  # X is laid out by columns


def test_adams_moments_are_moved_by_one_call(written):
    step = compiled(*two_hidden_layers(), loss=BinaryCrossEntropy(), optimizer=Adam())
    state = step.parts.optimizer.state
    assert state["m"].base is state["v"].base is not None
    size = step.theta.size
    both = [call.function for call in written[-1] if call.out.shape == (2 * size,)]
    assert both == [np.multiply, np.add]


def test_a_sigmoid_takes_both_its_exponentials_in_one_call(written):
    layers = Dense(3, 4), Sigmoid(), Dense(4, 1), Sigmoid()
    compiled(*layers, loss=MeanSquaredError(), optimizer=SGD(0.1))
    assert [call.out.size for call in written[-1] if call.function is np.exp] == [80, 20]


def test_the_masks_of_all_relu_layers_are_one_call(written):
    compiled(*two_hidden_layers(), loss=MeanSquaredError(), optimizer=SGD(0.1))
    masks = [call for call in written[-1] if call.function is np.greater]
    assert [call.out.size for call in masks] == [2 * ROWS * 6]
    copies = [call for call in written[-1] if call.function is copy_into]
    assert sum(call.inputs[0].dtype == bool for call in copies) == 1


def alike(x):
    return [np.exp(x * 2), np.exp(x + 1)]


def in_turn(x):
    return [np.exp(np.exp(x * 0.1) * 0.1)]


def changed_between(x):
    a = x * 2
    b = np.exp(a)
    a += 1
    return [b, np.exp(a)]


def other_numbers(x):
    return [(x + 1) * 2, (x - 1) * 3]


def of_other_sizes(x):
    return [np.sqrt(x * x), np.sqrt(x[:2] * x[:2] + 1)]


def used_before_the_second(x):
    a = np.exp(x * 2)
    return [np.exp(a.sum(axis=0) * x * 1e-3), a]


def minus_its_size(x):
    return [-np.abs(x)]


PACKED = {
    alike: (np.exp, 1),
    in_turn: (np.exp, 2),
    changed_between: (np.exp, 2),
    other_numbers: (np.multiply, 1),
    of_other_sizes: (np.sqrt, 1),
    used_before_the_second: (np.exp, 2),
    minus_its_size: (np.absolute, 0),
}


@pytest.mark.parametrize("function", PACKED)
def test_two_calls_become_one_where_nothing_lies_between_them(written, function):
    rng = np.random.default_rng(0)
    x, trace = rng.normal(size=(3, 2)), Trace()
    made = Program(trace, [plain(a) for a in function(trace.watch(x))])
    ufunc, times = PACKED[function]
    assert count(written[-1], ufunc) == times
    x[...] = rng.normal(size=(3, 2))
    made.run()
    for actual, expected in zip(made.results, function(x), strict=True):
        assert actual.tobytes() == expected.tobytes()


def test_arrays_that_are_the_same_numbers_are_one_object_in_the_source():
    names, x = Names(), np.zeros((2, 2))
    assert names(x) == names(x[:]) == names(x.T.T)
    assert len({names(a) for a in (x, x.T, x[1:], x.copy(), x.view(int))}) == 5


def test_the_first_results_are_known_after_as_many_steps_as_compiling_takes():
    asked, data = [], Batch(np.ones((2, 1)), np.ones((2, 1)))
    orders = (asked.append(k) for k in range(200))
    parts = Sequential(Dense(1, 1)), MeanSquaredError(), SGD(0.1)
    epochs = iter_epochs(*parts, data, orders, batch_size=2, ahead=64)
    next(epochs)
    assert len(asked) == 3
    for _ in range(3):
        next(epochs)
    assert len(asked) == 3 + 64


def watched(trace, *arrays):
    for a in arrays:
        trace.watch(a)
    return arrays


def test_gradients_that_do_not_lie_one_after_the_other_stay_two_calls():
    trace = Trace()
    X, ones, dz = watched(trace, np.ones((4, 2)), np.ones((4, 3)), np.ones((4, 3)))
    dW, db = watched(trace, np.zeros((2, 3)), np.zeros(3))
    trace.padded.append((X, ones))
    calls = [Call(np.matmul, (X.T, dz), dW, {}), Call(np.add.reduce, (dz,), db, {"axis": 0})]
    assert rewrite(trace, calls, [dW, db]) == (calls, [])


def test_a_bias_behind_a_matrix_that_has_gaps_stays_a_call_of_its_own():
    trace = Trace()
    X, base, z, sum_ = watched(trace, *(np.ones(n) for n in ((4, 2), (3, 4), (4, 2), (4, 2))))
    W, b = base[:2, :2], base[1, :2]  # W's second row, which lies where its numbers would end
    calls = [Call(np.matmul, (X, W), z, {}), Call(np.add, (z, b), sum_, {})]
    assert rewrite(trace, calls, [sum_]) == (calls, [])
