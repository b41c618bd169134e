"""`lockstep bench`: what it measures, and that it measures equal work only."""

import json
from dataclasses import replace

import pytest

from experiments.harness import timing
from experiments.harness.cell import Cell
from experiments.harness.plain_loops import PLAIN_LOOPS
from experiments.harness.timing import time_cell

CHURN = Cell("churn", "float64", 0, "scratch", 1, 95, "stand-in", None, 1)


def test_bench_gives_the_seconds_and_steps_of_every_round(call):
    answer = call(*"bench perceptron --rounds 2 --steps 50 --with scratch --json".split())
    assert (answer.code, answer.err) == (0, "")
    timings = json.loads(answer.out)
    assert list(timings) == ["perceptron"]
    assert list(timings["perceptron"]) == ["scratch"]
    rounds = timings["perceptron"]["scratch"]
    assert len(rounds) == 2
    for each in rounds:
        assert set(each) == {"fit", "plain", "train", "steps"}
        assert each["steps"] == 50
        assert each["fit"] >= each["train"] > 0  # the whole, and the part without building
        assert each["plain"] > 0


def test_bench_shows_paired_ratios_within_80_columns(call):
    answer = call(*"bench perceptron --rounds 1 --steps 50 --with scratch".split())
    assert answer.code == 0
    row = next(line for line in answer.out.splitlines() if line.startswith("scratch"))
    assert "1.00 (1.00 .. 1.00)" in row
    assert max(map(len, answer.out.splitlines())) <= 80


def test_bench_that_cannot_be_done_is_refused_with_the_reason(call, append_to_page):
    append_to_page("perceptron", "def build_scratch(spec: Spec = SPEC):\n    raise OSError('full')")
    answer = call(*"bench perceptron --rounds 1 --steps 50 --with scratch".split())
    assert answer.code == 2
    assert answer.err == "error: perceptron, scratch: OSError: full\n"


@pytest.fixture
def lent_keras():
    """Put back Keras' own settings, which a worker may leave as it likes."""
    import keras

    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.mark.usefixtures("lent_keras")
@pytest.mark.parametrize("implementation", ["scratch", "keras", "pytorch"])
def test_plain_loops_do_what_fit_does_in_whole_epochs(implementation):
    cell = replace(CHURN, implementation=implementation)
    assert time_cell(cell, steps=11)["steps"] == 20  # 95 rows in batches of ten, twice


@pytest.mark.parametrize(
    ("experiment", "implementation", "steps"),
    [
        ("circle", "python", 4),  # all rows at once
        ("xor", "pytorch", 4),
        ("mnist_perceptron", "scratch", 2 * 95),  # one row at a time, in the order of the file
        ("mnist_cnn", "pytorch", 2 * 3),  # PyTorch has another layout of kernels
    ],
)
def test_plain_loops_keep_to_layouts_and_orders(experiment, implementation, steps):
    cell = replace(CHURN, experiment=experiment, implementation=implementation)
    assert time_cell(cell, steps=steps)["steps"] == steps


@pytest.mark.parametrize("implementation", ["scratch", "pytorch"])
def test_rounding_of_a_sum_in_float32_is_not_other_work(implementation):
    cell = replace(CHURN, implementation=implementation, dtype="float32", limit=None)
    assert time_cell(cell, steps=1)["steps"] == 800


@pytest.mark.parametrize("fault", ["other weights", "an epoch less", "the order of the file"])
def test_a_plain_loop_that_does_something_else_is_refused(monkeypatch, fault):
    def loop(build, weights, X, y, orders, size):
        if fault == "other weights":
            weights = [w + 1e-6 for w in weights]
        elif fault == "an epoch less":
            orders = orders[:-1]
        else:
            orders = [range(len(X))] * len(orders)
        return PLAIN_LOOPS["scratch"](build, weights, X, y, orders, size)

    monkeypatch.setattr(timing, "PLAIN_LOOPS", {"scratch": loop})
    with pytest.raises(ValueError, match="the plain loop ended at .*, fit at "):
        time_cell(CHURN, steps=20)
