"""What a worker times: equal work, held against scratch's, and nothing else."""

import gc
import json
from dataclasses import replace
from weakref import ref

import numpy as np
import pytest

from experiments.harness.bench import measure, timing
from experiments.harness.bench.measure import Measured
from experiments.harness.bench.timing import (
    answer,
    load_work,
    reference_loss,
    time_product,
    time_variant,
)
from experiments.harness.bench.variants import VARIANTS
from experiments.harness.cell import Cell
from experiments.harness.workers.processes import CellFailed
from experiments.registry import find_anew, find_experiment
from frameworks.backend import Backend
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError
from frameworks.peers import Unavailable
from frameworks.pytorch.peers import PyTorchLoop
from frameworks.scratch import peers
from frameworks.scratch.jax_peer import JaxLoop, layer_function
from frameworks.scratch.peers import ScratchLoop, SklearnFit
from frameworks.task import CLASSIFICATION
from scratch import AMSGrad, Batch, Conv2D, DepthwiseConv2D, MaxPool2D

from ..test_adding_a_page import page_of

pytestmark = pytest.mark.slow

CHURN = Cell("churn", "float64", 0, "scratch", 1, None, "stand-in", None, 1)


class Here:
    """A worker that is this process."""

    def __init__(self, implementation, threads, variables):
        pass

    def run(self, job, timeout):
        try:
            return answer(json.loads(json.dumps(job)))
        except Exception as error:
            raise CellFailed(f"{type(error).__name__}: {error}") from error

    def close(self):
        pass


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Work in this process, and forget what a worker would keep."""
    monkeypatch.setattr(measure, "Worker", Here)
    monkeypatch.setattr(measure, "_PRODUCT", 64)
    yield
    for cache in (timing._kept_loop, load_work):
        cache.cache_clear()


def timed(name, cell=CHURN, steps=20):
    """Time one variant as `lockstep bench` does; return its timing."""
    variant = VARIANTS[name]
    cells = [(variant, replace(cell, implementation=variant.backend.name))]
    measured = Measured(cell.experiment, "", steps, flops=None)
    return measure.measure(measured, cells, 1, lambda *how_far: None, timeout=600).timings[name][0]


def use(monkeypatch, name, loop, **options):
    """Time another loop, in NumPy, under a variant's name."""
    monkeypatch.setattr(peers, "Other", loop, raising=False)
    peer = replace(VARIANTS[name].peer, loop="Other", options=options)
    variant = replace(VARIANTS[name], backend=BACKENDS["scratch"], peer=peer)
    monkeypatch.setitem(VARIANTS, name, variant)


@pytest.mark.parametrize("name", ["scratch", "pytorch"])
def test_fit_and_its_plain_loop_do_the_work_of_scratch(name):
    result = timed(name)
    assert (result.steps, result.trained) == (20, 25)
    assert result.fit == result.whole > result.train > 0
    assert result.plain > 0
    expected = pytest.approx(reference_loss(CHURN, 20, False), rel=1e-12)  # lockstep's own limit
    assert result.loss == expected
    assert result.plain_loss == expected


def test_what_comes_before_the_first_record_is_no_part_of_the_steps(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    class Estimator:
        def iter_fit(self, X, y, **options):
            for seconds in (100.0, 0.0, 1.0, 2.0):  # as scratch, which trains two epochs at once
                clock.now += seconds
                yield {"loss": 1.0}

    work, clock = load_work(CHURN, 20), Clock()
    monkeypatch.setattr(timing, "load_work", lambda *which: replace(work, no_loop="it draws"))
    monkeypatch.setattr(timing, "_estimator", lambda *which: Estimator())
    monkeypatch.setattr(timing, "time", clock)
    result = time_variant(CHURN, "scratch", 20)
    assert (result.train, result.steps) == (3.0, 3 * work.steps_per_epoch)
    assert (result.whole, result.trained) == (103.0, 4 * work.steps_per_epoch)


@pytest.mark.parametrize("name", ["pytorch-foreach", "pytorch-fused"])
def test_peers_in_pytorch_have_its_epsilon_and_otherwise_do_the_same_work(name):
    result = timed(name)
    assert (result.steps, result.trained) == (25, 25)
    own = reference_loss(CHURN, 20, False)
    assert abs(result.loss - own) > 1e-9 * own  # the two epsilons can be told apart


def loop_of(cls, name, work, experiment, spec=None, **options):
    """Return an implementation's loop on an experiment's work."""
    build = experiment.blueprint.builders[name]
    return cls(build, work.batch, spec or experiment.spec, experiment.task, **options)


def test_a_falling_learning_rate_falls_in_a_peer_too():
    """The convolutional network's rate is halved after two of three steps."""
    work, experiment = (
        load_work(replace(CHURN, experiment="mnist_cnn"), 1),
        find_experiment("mnist_cnn"),
    )
    spec = replace(experiment.spec, halve_every=2)
    losses = []
    for made in (
        loop_of(ScratchLoop, "scratch", work, experiment, spec, paper_epsilon=True),
        loop_of(PyTorchLoop, "pytorch", work, experiment, spec, fused=True),
    ):
        losses.append([made.train(work.weights, work.orders * 2) for _ in range(2)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)  # the limit of lockstep's own losses
    assert losses[1][0] == losses[1][1]


def test_keras_with_and_without_xla_does_the_work_of_scratch_twice():
    cell = replace(CHURN, implementation="keras")
    for name in ("keras-fit", "keras-jit", "keras-xla"):
        first, second = (time_variant(cell, name, steps=8).loss for _ in range(2))
        assert first == pytest.approx(second, rel=1e-12)  # another order of a sum, by two threads
        assert first == pytest.approx(reference_loss(CHURN, 8, False), rel=1e-12)  # lockstep's own


@pytest.mark.parametrize("experiment", ["circle", "mnist", "mnist_cnn", "diabetes"])
def test_keras_compiled_as_a_whole_does_the_work_of_scratch(experiment):
    cell = replace(CHURN, experiment=experiment, implementation="keras")
    expected = pytest.approx(reference_loss(cell, 6, False), rel=1e-12)  # lockstep's own limit
    assert time_variant(cell, "keras-xla", steps=6).loss == expected


def test_keras_compiled_as_a_whole_trains_on_the_rows_left_over():
    from frameworks.keras.peers import XlaLoop

    work, experiment = load_work(CHURN, 20), find_experiment("churn")
    spec = replace(experiment.spec, batch_size=12)  # 50 rows: 4 batches, and 2 rows
    whole = loop_of(XlaLoop, "keras", work, experiment, spec).train(work.weights, work.orders)
    plain = loop_of(ScratchLoop, "scratch", work, experiment, spec)
    assert whole == pytest.approx(plain.train(work.weights, work.orders), rel=1e-12)  # lockstep's


@pytest.fixture
def x64():
    """Let JAX compute in float64, as its own process does."""
    jax = pytest.importorskip("jax", reason="needs JAX: make setup installs it")
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", ["jax-scan", "jax-step"])
@pytest.mark.parametrize("experiment", ["perceptron", "circle", "churn", "mnist", "mnist_cnn"])
def test_plain_jax_does_the_work_of_scratch(x64, name, experiment):
    cell = replace(CHURN, experiment=experiment)
    expected = pytest.approx(reference_loss(cell, 6, False), rel=1e-12)  # lockstep's own limit
    assert timed(name, cell, 6).loss == expected


@pytest.mark.parametrize(
    "layer",
    [
        Conv2D(4, 6, 3, groups=2, dilation=2, padding="same"),
        Conv2D(4, 6, 3, stride=2, padding=((0, 1), (2, 0)), bias=False),
        DepthwiseConv2D(4, 3, multiplier=2, stride=2),
        MaxPool2D(3, 2, "same"),
        MaxPool2D(2, 1, padding=1, dilation=2),
    ],
    ids=repr,
)
def test_plain_jax_lays_windows_as_scratch_does(x64, layer):
    rng = np.random.default_rng(0)
    for p in layer.params:
        p[...] = rng.normal(size=p.shape)
    X = rng.normal(size=(2, 7, 8, 4))
    function, count = layer_function(layer)
    assert count == len(layer.params)
    # 1e-14: sums of up to 36 terms, in another order
    assert np.asarray(function(X, *layer.params)) == pytest.approx(layer.forward(X), abs=1e-14)


def test_plain_jax_trains_on_the_rows_left_over_and_twice_the_same(x64):
    work, experiment = load_work(CHURN, 20), find_experiment("churn")
    spec = replace(experiment.spec, batch_size=12)  # 50 rows: 4 batches, and 2 rows
    loops = [
        loop_of(JaxLoop, "scratch", work, experiment, spec, step=step) for step in (False, True)
    ]
    plain = loop_of(ScratchLoop, "scratch", work, experiment, spec)
    expected = pytest.approx(plain.train(work.weights, work.orders), rel=1e-12)  # lockstep's own
    for loop in loops:
        assert [loop.train(work.weights, work.orders) for _ in range(2)] == [expected] * 2


@pytest.mark.parametrize(
    ("experiment", "reason"),
    [
        ("xor", "SumSquaredError is not written for JAX"),
        ("digits_autoencoder", "SGD is not written for JAX"),  # it has momentum
    ],
)
def test_plain_jax_says_what_it_does_not_have(x64, experiment, reason):
    work = load_work(replace(CHURN, experiment=experiment), 4)
    with pytest.raises(Unavailable, match=reason):
        loop_of(JaxLoop, "scratch", work, find_experiment(experiment))


def test_jax_that_would_compute_in_float32_is_not_timed_in_float64():
    jax = pytest.importorskip("jax", reason="needs JAX: make setup installs it")
    with jax.enable_x64(False), pytest.raises(Unavailable, match="JAX_ENABLE_X64"):
        loop_of(JaxLoop, "scratch", load_work(CHURN, 20), find_experiment("churn"))


def test_jax_has_a_process_of_its_own_with_its_own_environment():
    scratch, *jax = (VARIANTS[name] for name in ("scratch", "jax-scan", "jax-step"))
    assert {each.process for each in jax} == {"JAX"} != {scratch.process}
    assert all(each.peer.variables["JAX_PLATFORMS"] == "cpu" for each in jax)


@pytest.mark.parametrize(
    ("experiment", "implementation", "steps"),
    [
        ("circle", "python", 4),  # all rows at once
        ("xor", "pytorch", 4),
        ("mnist_perceptron", "scratch", 8),  # one row at a time, in the order of the file
        ("mnist_cnn", "pytorch", 4),  # PyTorch has another layout of kernels
        ("diabetes", "pytorch", 4),  # no classes
        ("digits_autoencoder", "scratch", 4),  # as many targets as inputs
    ],
)
def test_loops_keep_to_layouts_and_orders(experiment, implementation, steps):
    cell = replace(CHURN, experiment=experiment, implementation=implementation)
    assert timed(implementation, cell, steps).steps == steps


def test_float32_is_timed_in_float32():
    cell = replace(CHURN, dtype="float32")
    assert load_work(cell, 20).X.dtype == np.float32
    assert timed("scratch", cell, 200).steps == 200


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
    use(monkeypatch, name, Faulty, fault=fault)
    match = f"churn, {name}: other work was timed: a mean training loss of .*scratch"
    with pytest.raises(RequestError, match=match):
        timed(name)


@pytest.mark.parametrize("name", ["scratch", "pytorch-fused"], ids=["plain loop", "peer"])
def test_in_float32_it_is_float64_that_shows_other_work(monkeypatch, name):
    cell = replace(CHURN, dtype="float32")
    monkeypatch.setitem(measure._LIMITS, "float32", 0.0)  # as if rounding were amplified
    assert timed(name, cell).steps >= 20
    for fault in FAULTS:
        timing._kept_loop.cache_clear()
        use(monkeypatch, name, Faulty, fault=fault)
        with pytest.raises(RequestError, match="other work was timed"):
            timed(name, cell)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_fit_that_does_other_work_is_refused(monkeypatch, dtype):
    class OtherSeed(Backend):
        def make(self, blueprint, **parameters):
            return super().make(blueprint, **parameters | {"random_state": 1})

    backend = OtherSeed(**vars(BACKENDS["scratch"]))
    monkeypatch.setitem(VARIANTS, "scratch", replace(VARIANTS["scratch"], backend=backend))
    with pytest.raises(RequestError, match="other work was timed"):
        timed("scratch", replace(CHURN, dtype=dtype))


@pytest.mark.parametrize(
    ("experiment", "dtype"), [("churn", "float64"), ("mnist", "float32"), ("diabetes", "float64")]
)
def test_scikit_learn_trains_the_same_sizes_on_as_many_rows(experiment, dtype):
    cell = replace(CHURN, experiment=experiment, dtype=dtype)
    result, work = timed("sklearn", cell, 12), load_work(cell, 12)
    assert result.steps == result.trained == len(work.orders) * work.steps_per_epoch
    assert 0 < result.loss < 3  # of two classes, of ten, of a standardised number: hardly trained


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
    with pytest.raises(RequestError, match="ValueError: scikit-learn trained .*, not "):
        timed("sklearn")


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
    experiment, data = find_experiment(experiment), Batch(np.zeros((2, 4)), np.zeros((2, 1)))
    build = experiment.blueprint.builders["scratch"]
    with pytest.raises(Unavailable, match=reason):
        SklearnFit(build, data, experiment.spec, CLASSIFICATION)


def test_scikit_learn_has_adam_but_not_its_kin():
    experiment, data = find_experiment("churn"), Batch(np.zeros((2, 11)), np.zeros((2, 1)))

    def build(spec=experiment.spec):
        return experiment.blueprint.builders["scratch"](spec)._replace(optimizer=AMSGrad())

    with pytest.raises(Unavailable, match="Adam and SGD, not AMSGrad"):
        SklearnFit(build, data, experiment.spec, CLASSIFICATION)


def test_scikit_learn_has_one_output_for_two_classes():
    experiment = find_experiment("mnist")
    spec = replace(experiment.spec, inputs=4, outputs=2)
    data = Batch(np.zeros((2, 4)), np.array([0, 1]))
    with pytest.raises(Unavailable, match="one output for two classes, not two"):
        SklearnFit(experiment.blueprint.builders["scratch"], data, spec, CLASSIFICATION)


def test_without_a_compiler_the_reason_takes_the_place_of_the_timing(monkeypatch):
    import torch

    def compile(function):
        raise RuntimeError("no C++ compiler\nand a long story")

    monkeypatch.setattr(torch, "compile", compile)
    cell = vars(replace(CHURN, implementation="pytorch"))
    assert answer({"cell": cell, "variant": "pytorch-compile", "steps": 20}) == {
        "unavailable": "torch.compile does not work here: no C++ compiler"
    }


def test_what_is_compiled_is_the_forward_pass_and_the_loss(monkeypatch):
    import torch

    compiled = []
    monkeypatch.setattr(torch, "compile", lambda f: compiled.append(f.__name__) or f)
    work, churn = load_work(CHURN, 20), find_experiment("churn")
    loop = loop_of(PyTorchLoop, "pytorch", work, churn, compiled=True, fused=True)
    loop.train(work.weights, work.orders)
    assert compiled == ["<lambda>", "forward"]


def test_a_loop_starts_anew_each_time():
    work, churn = load_work(CHURN, 20), find_experiment("churn")
    for loop in (
        loop_of(ScratchLoop, "scratch", work, churn),
        loop_of(PyTorchLoop, "pytorch", work, churn, fused=True),
    ):
        assert loop.train(work.weights, work.orders) == loop.train(work.weights, work.orders)


DROPOUT = """
from scratch import Dropout, Sequential


def build_scratch(spec: Numbers = SPEC, good=build_scratch) -> Parts:
    parts = good(spec)
    return parts._replace(network=Sequential(*parts.network.layers, Dropout(0.5)))


EXPERIMENT = """


def test_a_network_that_drops_at_random_is_timed_by_fit_alone(tmp_path):
    """Only `fit` is handed the masks that all implementations train with."""
    page = tmp_path / "with_dropout.py"
    text = find_experiment("churn").source.read_text().replace("EXPERIMENT = ", DROPOUT)
    page.write_text(text)
    cell = replace(CHURN, page=str(page))
    result = timed("scratch", cell)
    assert (result.steps, result.plain, result.plain_loss) == (20, None, None)
    with pytest.raises(Unavailable, match="a loop would draw masks of its own"):
        time_variant(cell, "sklearn", 20)


def test_a_page_with_a_step_of_its_own_is_timed_by_fit_alone():
    cell = replace(CHURN, experiment="gan")
    result = timed("scratch", cell, steps=4)
    assert (result.steps, result.plain, result.plain_loss) == (4, None, None)
    with pytest.raises(Unavailable, match="a step of its own, which only `fit` performs"):
        time_variant(cell, "pytorch-fused", 4)


def test_a_product_of_matrices_takes_time():
    assert time_product(64, "float32") > 0


def test_pages_of_trainings_that_were_timed_are_forgotten(tmp_path, monkeypatch):
    """A worker held what a page has at its top once for each round."""
    path = tmp_path / "mine.py"
    path.write_text(page_of("mine", "build_scratch"))
    cell = replace(CHURN, experiment="mine", page=str(path))
    executed = []
    monkeypatch.setattr(timing, "find_anew", lambda page: executed.append(ref(find_anew(page))))
    gc.disable()  # by itself, it would come by chance
    gc.freeze()  # what is there by now takes seconds
    try:
        for _ in range(6):
            time_variant(cell, "scratch", 20)
        kept = [page() is not None for page in executed]
    finally:
        gc.unfreeze()
        gc.enable()
    assert len(kept) > 10
    assert sum(kept) <= 4  # that of the work, and the latest
