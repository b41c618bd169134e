"""Compiled steps are those of the plain code, bit for bit: every layer, loss and optimizer."""

import gc
from copy import deepcopy
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch import (
    L2,
    LAMB,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    AveragePool2D,
    Batch,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    ClipEachNorm,
    ClipNorm,
    ClipValue,
    Conv2D,
    CoupledWeightDecay,
    DecoupledWeightDecay,
    Dense,
    Dropout,
    Flatten,
    HalfSquaredError,
    Huber,
    KLDivergence,
    LeakyReLU,
    Lion,
    MaxPool2D,
    MeanAbsoluteError,
    MeanSquaredError,
    NAdam,
    NegativeLogLikelihood,
    PerceptronLoss,
    ReLU,
    Reshape,
    Residual,
    RMSprop,
    Scheduled,
    Sequential,
    Sigmoid,
    Softmax,
    StepRate,
    SumSquaredError,
    Tanh,
    TrainOnly,
    WeightedMean,
    iter_epochs,
    train,
)
from scratch.batches import take_batches
from scratch.compiler import CannotFollow, CompiledEpochs, Parts, StackedEpochs, step
from scratch.compiler.tracing import Trace, TracedArray
from scratch.training import train_epoch

pytestmark = pytest.mark.slow

ROWS, SIDE, K = 13, 5, 3

IMAGE_LAYERS = {
    "valid": lambda: Conv2D(2, 2, 2),
    "same": lambda: Conv2D(2, 2, 3, stride=2, padding="same"),
    "without bias": lambda: Conv2D(2, 2, (1, 2), bias=False),
    "maximum": lambda: MaxPool2D(2),
    "overlapping": lambda: MaxPool2D(2, stride=1),
    "mean": lambda: AveragePool2D(2, stride=1),
}
LAYERS = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky": lambda: LeakyReLU(0.25),
    "softmax": Softmax,
    "dropout": lambda: Dropout(0.3, np.random.default_rng(5)),
}


def falling(optimizer):
    """With a rate that falls only after a step was compiled, and compared with the plain one."""
    return Scheduled(StepRate(0.1, 0.5, 8), optimizer)


OPTIMIZERS = {
    "sgd": lambda p: SGD(0.1),
    "dampened": lambda p: SGD(0.1, momentum=0.5, dampening=0.25),
    "nesterov": lambda p: SGD(0.1, momentum=0.5, nesterov=True, rate_in_velocity=True),
    "adagrad": lambda p: Adagrad.keras(),
    "rmsprop": lambda p: RMSprop.pytorch(momentum=0.5),
    "centered": lambda p: RMSprop.keras(momentum=0.5, centered=True),
    "adam": lambda p: Adam(),
    "adam keras": lambda p: Adam.keras(),
    "amsgrad": lambda p: falling(AMSGrad.keras()),
    "nadam": lambda p: falling(NAdam.keras()),
    "adamax": lambda p: falling(Adamax.pytorch()),
    "adamax keras": lambda p: falling(Adamax.keras()),
    "adadelta": lambda p: falling(Adadelta()),
    "lion": lambda p: falling(Lion.keras()),
    "lamb": lambda p: falling(LAMB(sizes=[3, p - 3])),
    "adamw": lambda p: AdamW(mask=np.arange(p) % 2 == 0),
    "scheduled": lambda p: DecoupledWeightDecay(0.1, Scheduled(StepRate(0.1, 0.5, 2), Adam())),
    "clipped": lambda p: ClipNorm.pytorch(0.1, CoupledWeightDecay(0.1, SGD(0.1))),
    "clipped each": lambda p: ClipEachNorm(0.1, ClipValue(0.01, SGD(0.1)), sizes=[3, p - 3]),
    "some": lambda p: TrainOnly(np.arange(p) % 3 == 0, ClipNorm.keras(0.1, Adam())),
}
LOSSES = {
    "half": HalfSquaredError,
    "sum": SumSquaredError,
    "mean": MeanSquaredError,
    "binary": lambda: BinaryCrossEntropy(smoothing=0.1, class_weights=[1, 3]),
    "categorical": CategoricalCrossEntropy,
    "smoothed": lambda: CategoricalCrossEntropy(smoothing=0.1, class_weights=[1, 2, 3]),
    "weighted": lambda: CategoricalCrossEntropy(class_weights=[1, 2, 3], weighted_mean=True),
    "ignoring": lambda: CategoricalCrossEntropy(
        smoothing=0.1, class_weights=[1, 2, 3], weighted_mean=True, ignore=2
    ),
    "likelihood": lambda: NegativeLogLikelihood(ignore=1, reduction="sum"),
    "perceptron": PerceptronLoss,
    "absolute": MeanAbsoluteError,
    "huber": lambda: Huber(0.25),
    "divergence": KLDivergence.keras,
    "summed": lambda: BinaryCrossEntropy(sum_over_rows=True),
    "by weight": lambda: WeightedMean(MeanSquaredError()),
}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def network(image_layers, layers, k, dtype):
    """Images of 5 x 5 x 2, any layers, and as many outputs as the loss takes."""
    middle, x = [each() for each in image_layers], np.zeros((2, SIDE, SIDE, 2))
    for layer in middle:
        x = layer.forward(x)
    middle += [BatchNorm.keras(2), Flatten(), Dense(x[0].size, 4), Residual(Dense(4, 4), Tanh())]
    middle += [each() for each in layers]
    made = Sequential(Reshape(SIDE, SIDE, 2), *middle, Dense(4, k), dtype=dtype)
    return made.initialize(np.random.default_rng(0))


def data_for(loss, dtype, weighted):
    rng = np.random.default_rng(1)
    X, w = rng.normal(size=(ROWS, SIDE * SIDE * 2)).astype(dtype), rng.random(ROWS).astype(dtype)
    classes = isinstance(loss, NegativeLogLikelihood | PerceptronLoss)
    k = K if classes else 1
    y = rng.integers(K, size=ROWS) if classes else rng.integers(2, size=(ROWS, k)).astype(dtype)
    return Batch(X, y, w if weighted else None), k


def results(parts, epochs):
    """Return every number that a training leaves: its losses, parameters, gradients and states."""
    network, _, optimizer = parts[:3]
    arrays = [network.theta, network.grad, *network.state.values(), *optimizer.state.values()]
    return np.array(epochs, float).tobytes(), [a.tobytes() for a in arrays]


def assert_compiled_as_plain(parts, data, orders, size, penalty=None):
    plain, compiled = deepcopy(parts), deepcopy(parts)
    if penalty is not None:
        plain, compiled = (*plain, penalty), (*compiled, deepcopy(penalty))
    assert Parts(*deepcopy(compiled)).can_be_compiled(
        Batch(*(a if a is None else a[:2] for a in data))
    )
    batches = (take_batches(data, order, size) for order in orders)
    expected = [train_epoch(*plain[:3], each, *plain[3:]) for each in batches]
    actual = train(*compiled[:3], data, orders, size, penalty=(*compiled[3:], None)[0])
    assert results(compiled, actual) == results(plain, expected)


def orders(count=4):
    rng = np.random.default_rng(2)
    return [rng.permutation(ROWS) for _ in range(count)] + [None, None]


@dtypes
@pytest.mark.parametrize("name", [*IMAGE_LAYERS, *LAYERS])
def test_every_layer(name, dtype):
    image_layers = [IMAGE_LAYERS[name]] if name in IMAGE_LAYERS else []
    layers = [LAYERS[name]] if name in LAYERS else []
    loss = CategoricalCrossEntropy()
    data, k = data_for(loss, dtype, weighted=False)
    made = network(image_layers, layers, k, dtype)
    assert_compiled_as_plain((made, loss, SGD(0.1)), data, orders(), 4)


@dtypes
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name, weighted, dtype):
    loss = LOSSES[name]()
    data, k = data_for(loss, dtype, weighted)
    penalty = L2.sklearn(0.1, None) if weighted else None
    parts = network([], [], k, dtype), loss, SGD(1e-4)
    for size in (4, ROWS):
        assert_compiled_as_plain(parts, data, orders(), size, penalty)


@dtypes
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name, dtype):
    loss = BinaryCrossEntropy()
    data, k = data_for(loss, dtype, weighted=False)
    made = network([], [], k, dtype)
    assert_compiled_as_plain((made, loss, OPTIMIZERS[name](made.theta.size)), data, orders(), 5)


@given(
    image_layers=st.lists(st.sampled_from(sorted(IMAGE_LAYERS)), max_size=2),
    layers=st.lists(st.sampled_from(sorted(LAYERS)), max_size=3),
    loss=st.sampled_from(sorted(LOSSES)),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    size=st.integers(1, ROWS),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_any_network(image_layers, layers, loss, optimizer, size, dtype, weighted):
    loss = LOSSES[loss]()
    data, k = data_for(loss, dtype, weighted)
    made = network(
        [IMAGE_LAYERS[name] for name in image_layers[:1]], [LAYERS[n] for n in layers], k, dtype
    )
    optimizer = OPTIMIZERS[optimizer](made.theta.size)
    with np.errstate(all="ignore"):  # a drawn training may well diverge
        assert_compiled_as_plain((made, loss, optimizer), data, orders(2), size)


def small(dtype=np.float64, seed=0):
    return Sequential(Dense(2, 3), Tanh(), Dense(3, 1), dtype=dtype).initialize(
        np.random.default_rng(seed)
    )


def table(dtype=np.float64):
    rng = np.random.default_rng(3)
    return Batch(rng.normal(size=(7, 2)).astype(dtype), rng.random((7, 1)).round().astype(dtype))


def test_changes_of_the_data_are_seen():
    data, seen = table(), []
    for change in (0.0, 1.0):
        parts = small(), MeanSquaredError(), SGD(2.0**-20)
        copied = Batch(data.X.copy(), data.y)
        epochs = iter_epochs(*parts, copied, [None] * 6, batch_size=7)
        for _ in range(4):
            next(epochs)
        copied.X[...] += change
        seen.append(next(epochs).loss)
    assert seen[0] != pytest.approx(seen[1], rel=1e-3)  # the step itself changes it by 1e-6


def test_eta_may_be_set_between_two_epochs():
    parts, data = (small(), MeanSquaredError(), SGD(0.5)), table()
    epochs = iter_epochs(*parts, data, [None] * 8, batch_size=4)
    for _ in range(5):
        next(epochs)
    before = parts[0].theta.copy()
    parts[2].eta = 0.0
    next(epochs)
    assert np.array_equal(parts[0].theta, before)


def test_parameters_may_move_and_states_be_another_trainings_between_two_epochs():
    plain, compiled = (([small(), MeanSquaredError(), Adam(0.1)]) for _ in range(2))
    data, losses = table(), []
    epochs = iter_epochs(*compiled, data, [None] * 9, batch_size=4)
    for k in range(9):
        if k in (5, 7):
            for parts in (plain, compiled):
                parts[0].bind(np.float64)
                parts[2].state = deepcopy(parts[2].state) if k == 5 else {}
        losses.append((next(epochs), train_epoch(*plain, take_batches(data, None, 4))))
    assert all(one == other for one, other in losses)
    assert compiled[0].theta.tobytes() == plain[0].theta.tobytes()


def test_layers_are_left_without_traced_arrays():
    parts = small(), MeanSquaredError(), Adam()
    train(*parts, table(), [None] * 5, batch_size=7)
    for each in Parts(*parts).objects():
        assert not any(isinstance(value, TracedArray) for value in vars(each).values())


def test_a_finished_training_leaves_no_trace_behind(monkeypatch):
    traces = []

    class Kept(Trace):
        def __init__(self):
            super().__init__()
            traces.append(ref(self))

    monkeypatch.setattr(step, "Trace", Kept)
    train(small(), MeanSquaredError(), Adam(), table(), [None] * 5, batch_size=7)
    gc.collect()
    assert traces
    assert [trace() for trace in traces] == [None] * len(traces)


def test_code_that_is_not_scratchs_is_not_compiled(monkeypatch):
    data, batch = table(), table()
    assert Parts(small(), MeanSquaredError(), SGD(1)).can_be_compiled(batch)

    class Other(Tanh):
        def forward(self, z, training=False):
            return super().forward(z, training)

    layered = Sequential(Dense(2, 3), Other(), Dense(3, 1))
    assert not Parts(layered, MeanSquaredError(), SGD(1)).can_be_compiled(batch)
    monkeypatch.setattr(SGD, "step", lambda self, theta, g: None)
    parts = small(), MeanSquaredError(), SGD(1)
    before = parts[0].theta.copy()
    train(*parts, data, [None] * 4, batch_size=7)
    assert np.array_equal(parts[0].theta, before)


def test_compiled_steps_take_less_memory_than_their_results():
    made = network([], [LAYERS["relu"]] * 3, K, np.float64)
    data, _ = data_for(CategoricalCrossEntropy(), np.float64, weighted=False)
    epochs = CompiledEpochs(Parts(made, CategoricalCrossEntropy(), Adam()), data, ROWS)
    epochs.train([None])
    epochs.train([None])
    step = epochs.batches[0].step
    all_results = sum(call.out.nbytes for call in step.trace.calls)
    assert step.nbytes < all_results / 2


@dtypes
@pytest.mark.parametrize(
    "name",
    [
        *("adam", "dampened", "scheduled", "adagrad", "clipped each"),
        *("nadam", "adamax", "lion"),
    ],
)
def test_stacked_seeds_are_trained_as_each_alone(name, dtype):
    data, seeds = table(dtype), range(3)
    nets = [
        Sequential(Dense(2, 4), BatchNorm.keras(4), ReLU(), Dense(4, 1), dtype=dtype).initialize(
            np.random.default_rng(seed)
        )
        for seed in seeds
    ]
    make = OPTIMIZERS[name]
    stacked = [Parts(net, BinaryCrossEntropy(), make(net.theta.size)) for net in nets]
    alone, rng = deepcopy(stacked), np.random.default_rng(0)
    orders = [[rng.permutation(7) for _ in seeds] for _ in range(4)]
    epochs = StackedEpochs(stacked, data, 3)
    losses = [epochs.train(each).losses for each in orders]
    for s in seeds:
        one = alone[s].network, alone[s].loss, alone[s].optimizer
        expected = train(*one, data, [each[s] for each in orders], 3)
        assert [each[s] for each in losses] == [epoch.loss for epoch in expected]
        assert results((stacked[s].network, None, stacked[s].optimizer), None) == results(one, None)


def test_a_stacked_step_that_is_not_the_plain_one_is_refused(monkeypatch):
    data = table(np.float64)
    nets = [Sequential(Dense(2, 1)).initialize(np.random.default_rng(seed)) for seed in range(2)]
    epochs = StackedEpochs([Parts(net, BinaryCrossEntropy(), Adam()) for net in nets], data, 3)
    adam = epochs.master.optimizer
    advance = adam.advance
    monkeypatch.setattr(adam, "advance", lambda g: (2 * advance(g)[0], adam.epsilon))
    with pytest.raises(CannotFollow, match="is not what it is alone"):
        epochs.train([None, None])
