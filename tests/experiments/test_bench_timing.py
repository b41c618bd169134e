"""What a worker times: equal work, checked against scratch, and nothing else."""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from experiments.harness.bench import timing
from frameworks.peers import Unavailable
from frameworks.pytorch.peers import PyTorchLoop
from frameworks.scratch.peers import ScratchLoop
from frameworks.scratch.sklearn_peer import SklearnFit
from experiments.harness.bench.timing import time_product, time_variant
from experiments.harness.bench.variants import VARIANTS
from experiments.harness.bench.work import load_work
from experiments.harness.workers.cell import Cell
from frameworks.backends import IMPLEMENTATIONS
from experiments.registry import page

CHURN = Cell("churn", "float64", 0, "scratch", 1, None, "stand-in", None, 1)


@pytest.fixture(autouse=True)
def fresh():
    """Forget what a worker would keep, and put back Keras' own settings, if it is there."""
    keras = sys.modules.get("keras")
    before = (keras.config.floatx(), keras.config.dtype_policy()) if keras else None
    caches = (
        timing._kept_loop, timing._reference, timing._is_same_in_float64, load_work
    )  # fmt: skip
    yield
    for cache in caches:
        cache.cache_clear()
    if before:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def use(monkeypatch, name, loop):
    """Time another loop, in NumPy, under a variant's name."""
    variant = replace(VARIANTS[name], loop=loop, implementation="scratch")
    monkeypatch.setitem(VARIANTS, name, variant)


@pytest.mark.parametrize("name", ["scratch", "pytorch"])
def test_fit_and_its_plain_loop_do_the_work_of_scratch(name):
    result = time_variant(replace(CHURN, implementation=name), name, steps=20)
    assert (result["steps"], result["trained"], result["rows_per_step"]) == (20, 25, 10)
    assert result["fit"] == result["whole"] > result["train"] > 0
    assert result["plain"] > 0


@pytest.mark.parametrize("name", ["pytorch-foreach", "pytorch-fused"])
def test_peers_in_pytorch_have_its_epsilon_and_otherwise_do_the_same_work(name):
    result = time_variant(replace(CHURN, implementation="pytorch"), name, steps=20)
    assert (result["steps"], result["trained"]) == (25, 25)
    own = timing._reference(CHURN, 20, False)
    assert abs(result["loss"] - own) > 1e-9 * own  # the two epsilons can be told apart


def test_a_falling_learning_rate_falls_in_a_peer_too():
    """The convolutional network's rate is halved after two of three steps."""
    work = load_work(replace(CHURN, experiment="mnist_cnn"), 1)
    spec, builders = replace(work.spec, halve_every=2), page("mnist_cnn")
    losses = []
    for loop, build, options in (
        (ScratchLoop, builders.build_scratch, {"paper_epsilon": True}),
        (PyTorchLoop, builders.build_pytorch, {"fused": True}),
    ):
        made = loop(partial(build, spec), work.X, work.y, spec, **options)
        losses.append([made.train(work.weights, work.orders * 2) for _ in range(2)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)  # the limit of lockstep's own losses
    assert losses[1][0] == losses[1][1]


def test_keras_with_and_without_xla_does_the_work_of_scratch_twice():
    cell = replace(CHURN, implementation="keras")
    for name in ("keras-fit", "keras-jit"):
        first, second = (time_variant(cell, name, steps=8)["loss"] for _ in range(2))
        assert first == pytest.approx(second, rel=1e-12)  # another order of a sum, by two threads


@pytest.mark.parametrize(
    ("experiment", "implementation", "steps"),
    [
        ("circle", "python", 4),  # all rows at once
        ("xor", "pytorch", 4),
        ("mnist_perceptron", "scratch", 8),  # one row at a time, in the order of the file
        ("mnist_cnn", "pytorch", 4),  # PyTorch has another layout of kernels
    ],
)
def test_loops_keep_to_layouts_and_orders(experiment, implementation, steps):
    cell = replace(CHURN, experiment=experiment, implementation=implementation)
    assert time_variant(cell, implementation, steps)["steps"] == steps


def test_float32_is_timed_in_float32():
    cell = replace(CHURN, dtype="float32")
    assert load_work(cell, 20).X.dtype == np.float32
    assert time_variant(cell, "scratch", 200)["steps"] == 200


class Faulty(ScratchLoop):
    """Trains, but not what it was told."""

    def __init__(self, *arguments, fault):
        super().__init__(*arguments)
        self.fault = fault

    def train(self, weights, orders):
        if self.fault == "other weights":
            weights = [w + 1e-6 for w in weights]
        elif self.fault == "an epoch less":
            orders = orders[:-1]
        elif self.fault == "the order of the file":
            orders = [np.arange(len(order)) for order in orders]
        elif self.fault == "half the steps":
            self.batch_size *= 2
        return super().train(weights, orders)


FAULTS = ["other weights", "an epoch less", "the order of the file", "half the steps"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["scratch", "keras-fit"], ids=["plain loop", "peer"])
def test_other_work_is_refused(monkeypatch, name, fault):
    use(monkeypatch, name, partial(Faulty, fault=fault))
    with pytest.raises(ValueError, match="other work was timed: a mean training loss of .*scratch"):
        time_variant(CHURN, name, steps=20)


@pytest.mark.parametrize("name", ["scratch", "pytorch-fused"], ids=["plain loop", "peer"])
def test_in_float32_it_is_float64_that_shows_other_work(monkeypatch, name):
    cell = replace(CHURN, dtype="float32")
    monkeypatch.setitem(timing._LIMITS, "float32", 0.0)  # as if rounding were amplified
    assert time_variant(cell, name, steps=20)["steps"] >= 20
    for fault in FAULTS:
        timing._kept_loop.cache_clear()
        use(monkeypatch, name, partial(Faulty, fault=fault))
        with pytest.raises(ValueError, match="other work was timed"):
            time_variant(cell, name, steps=20)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_fit_that_does_other_work_is_refused(monkeypatch, dtype):
    class OtherSeed:
        def make(self, page, **parameters):
            return IMPLEMENTATIONS["scratch"].make(page, **parameters | {"random_state": 1})

    monkeypatch.setattr(timing, "IMPLEMENTATIONS", {"scratch": OtherSeed()})
    with pytest.raises(ValueError, match="other work was timed"):
        time_variant(replace(CHURN, dtype=dtype), "scratch", steps=20)


@pytest.mark.parametrize(("experiment", "dtype"), [("churn", "float64"), ("mnist", "float32")])
def test_scikit_learn_trains_the_same_sizes_on_as_many_rows(experiment, dtype):
    cell = replace(CHURN, experiment=experiment, dtype=dtype)
    result = time_variant(cell, "sklearn", steps=12)
    assert result["steps"] == result["trained"] == 15
    assert 0 < result["loss"] < 3  # a cross-entropy of two or ten classes, hardly trained


@pytest.mark.parametrize("fault", ["epochs", "network"])
def test_scikit_learn_doing_other_work_is_refused(monkeypatch, fault):
    class Other(SklearnFit):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            if fault == "network":
                self.options["hidden_layer_sizes"] = (6, 5)
            else:
                self.options |= {"early_stopping": True}  # a tenth of the rows is held back

    use(monkeypatch, "sklearn", Other)
    with pytest.raises(ValueError, match="scikit-learn trained .*, not "):
        time_variant(CHURN, "sklearn", steps=20)


@pytest.mark.parametrize(
    ("experiment", "reason"),
    [
        ("circle", "the cross-entropy, not MeanSquaredError"),
        ("perceptron", "the cross-entropy, not HalfSquaredError"),
        ("mnist_perceptron", "the cross-entropy, not PerceptronLoss"),
        ("mnist_cnn", "dense layers with biases only"),
    ],
)
def test_scikit_learn_says_what_it_does_not_have(experiment, reason):
    build = page(experiment).build_scratch
    with pytest.raises(Unavailable, match=reason):
        SklearnFit(build, np.zeros((2, 4)), np.zeros((2, 1)), page(experiment).SPEC)


def test_without_a_compiler_the_reason_takes_the_place_of_the_timing(monkeypatch):
    import torch

    def compile(function):
        raise RuntimeError("no C++ compiler\nand a long story")

    monkeypatch.setattr(torch, "compile", compile)
    cell = replace(CHURN, implementation="pytorch")
    assert time_variant(cell, "pytorch-compile", steps=20) == {
        "unavailable": "torch.compile does not work here: no C++ compiler"
    }


def test_what_is_compiled_is_the_forward_pass_and_the_loss(monkeypatch):
    import torch

    compiled = []
    monkeypatch.setattr(torch, "compile", lambda f: compiled.append(f.__name__) or f)
    work = load_work(CHURN, 20)
    loop = PyTorchLoop(
        page("churn").build_pytorch, work.X, work.y, work.spec, compiled=True, fused=True
    )
    loop.train(work.weights, work.orders)
    assert compiled == ["<lambda>", "forward"]


def test_a_loop_starts_anew_each_time():
    work = load_work(CHURN, 20)
    for loop in (
        ScratchLoop(page("churn").build_scratch, work.X, work.y, work.spec),
        PyTorchLoop(page("churn").build_pytorch, work.X, work.y, work.spec, fused=True),
    ):
        assert loop.train(work.weights, work.orders) == loop.train(work.weights, work.orders)


def test_a_product_of_matrices_takes_time():
    assert time_product(64, "float32") > 0
