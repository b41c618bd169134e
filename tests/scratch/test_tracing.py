"""What the compiler notes, and what it refuses rather than repeat it wrongly."""

from copy import deepcopy

import numpy as np
import pytest

from scratch import SGD, Dense, MeanSquaredError, Sequential, Tanh
from scratch.batches import Batch
from scratch.compiler import CannotFollow, Parts, Step
from scratch.compiler.program import Program
from scratch.compiler.tracing import Trace, plain


def program(function, *arrays):
    trace = Trace()
    results = function(*(trace.watch(a) for a in arrays))
    return Program(trace, [plain(a) for a in results])


def strided(x):
    rows = x.transpose(1, 0).reshape(6)  # a copy
    return [rows + 1]


def filled(x):
    out = np.zeros_like(x, shape=(4, 2))
    out[1:3] = x[:2]
    return [out, out[::2] * x[0]]


def put(x):
    out = x * 2
    out[np.array([0, 2])] = x[:2]  # places that are always the same
    return [out]


FUNCTIONS = {
    "put": put,
    "expression": lambda x: [np.sqrt(x * x + 1) / (x - 9)],
    "in place": lambda x: [np.add(x * 2, 1, out=x * 2)],
    "reshaped copy": strided,
    "filled": filled,
    "where": lambda x: [np.where(x > 1, x, 2 * x), np.where(x > 1, x, 0)],
    "reduced": lambda x: [x.sum(axis=0), x.max(axis=1, keepdims=True), x.min()],
    "types": lambda x: [(x > 1) * x, (x > 1).astype(np.float32), x.astype(np.float32) + x],
    "taken": lambda x: [x.take([2, 0], axis=0), x.argmax(axis=1) + 1],
    "products": lambda x: [x @ x.T, x.T @ x, x[:1] @ x.T],
    "overlapping": lambda x: [x[1:] - x[:-1]],
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_program_computes_anew_from_what_the_arrays_hold_now(function):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2))
    compiled = program(function, x)
    for _ in range(2):
        x[...] = rng.normal(size=(3, 2))
        compiled.run()
        for actual, expected in zip(compiled.results, function(x), strict=True):
            assert actual.dtype == np.asarray(expected).dtype
            assert actual.tobytes() == np.asarray(expected).tobytes()


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_stacked_program_computes_the_same_for_each(function):
    rng = np.random.default_rng(0)
    x, many = rng.normal(size=(3, 2)), rng.normal(size=(4, 3, 2))
    trace = Trace()
    results = [plain(a) for a in function(trace.watch(x))]
    stacked = Program(trace, results, stack=4, outer=[(x, many)])
    stacked.run()
    for s in range(4):
        for actual, expected in zip(stacked.results, function(many[s]), strict=True):
            assert actual[s].tobytes() == np.asarray(expected).tobytes()


BUFFER = np.zeros((3, 2))
REFUSED = {
    "a number taken out": lambda x: float(x.sum()),
    "a decision": lambda x: x.sum() > 0 or 1,
    "an item": lambda x: x.max().item(),
    "one element": lambda x: x[0, 0] * x,
    "an index that copies": lambda x: x[[0, 1]],
    "a mask": lambda x: x[x > 0],
    "an unknown function": lambda x: np.concatenate([x, x]),
    "another unknown function": lambda x: np.dot(x, x.T),
    "a method": lambda x: x.cumsum(),
    "a buffer": lambda x: np.add(BUFFER, x, out=BUFFER),
    "a part of a sum": lambda x: np.add.reduce(x, axis=0, where=x > 0),
    "an accumulation": lambda x: np.add.accumulate(x),
    "two results": lambda x: np.modf(x),
}


@pytest.mark.parametrize("function", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_repeated_is_refused(function):
    with pytest.raises(CannotFollow):
        function(Trace().watch(np.ones((3, 2))))


def step_with(layer):
    parts = Parts(Sequential(Dense(2, 2), layer, Dense(2, 1)), MeanSquaredError(), SGD(0.1))
    parts.network.initialize(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    step = Step(parts, Batch(rng.normal(size=(3, 2)), rng.normal(size=(3, 1))))
    step.batch.X[...] = rng.normal(size=(3, 2))
    return step


class Frozen(Tanh):
    """A copy that NumPy makes of what it thinks is a plain array: no call is noted."""

    def forward(self, z, training=False):
        frozen = np.lib.stride_tricks.as_strided(z, z.shape, z.strides) * 1.0
        return super().forward(z * 0 + frozen, training)


class Lost(Tanh):
    """An array that is no result of a noted call is written to."""

    def forward(self, z, training=False):
        buffer = np.empty(z.shape)
        buffer[...] = z
        return super().forward(z * 0 + buffer, training)


@pytest.mark.parametrize("layer", [Frozen, Lost])
def test_what_was_not_noticed_is_noticed_at_the_first_repetition(layer):
    """From then on the plain code takes the steps."""
    step, fine = step_with(layer()), step_with(Tanh())
    plain = deepcopy(step.parts)
    for _ in range(3):
        step.run()
        outputs = plain.take(step.batch, plain.network.theta, plain.network.grad)[0]
        assert step.results[0].tobytes() == outputs.tobytes()
    fine.run()
    assert (step.repeats, fine.repeats) == (False, True)
    assert step.theta.tobytes() == plain.network.theta.tobytes()
