"""Training by replay takes the steps of `train_step`, bit for bit."""

import numpy as np
import pytest

from scratch import (
    SGD,
    Adam,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Conv2D,
    Dense,
    Dropout,
    HalfSquaredError,
    LeakyReLU,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SumSquaredError,
    Tanh,
    count_correct,
    train,
    train_step,
)
from scratch.replay import Replay, can_replay

LAYERS = [Sigmoid, Tanh, ReLU, lambda: LeakyReLU(0.25), Softmax]
MEANS = [BinaryCrossEntropy, lambda: BinaryCrossEntropy(smoothing=0.125), MeanSquaredError]
SUMS = [HalfSquaredError, SumSquaredError]
by_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def parts(layer, loss, optimizer, dtype):
    network = Sequential(Dense(3, 4), layer(), Dense(4, 2, bias=False), layer(), Dense(2, 1))
    network.initialize(np.random.default_rng(0)).bind(dtype)
    return network, loss(), optimizer()


def table(n, dtype):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(n, 3)), rng.integers(2, size=(n, 1))
    return Batch(X.astype(dtype), y.astype(dtype))


def train_plainly(network, loss, optimizer, data, orders, size):
    """Train by `train_step`; return every epoch's loss and accuracy."""
    n, epochs = len(data.X), []
    for order in orders:
        total = correct = 0
        for start in range(0, n, size):
            rows = (np.arange(n) if order is None else order)[start : start + size]
            batch = Batch(data.X[rows], data.y[rows])
            value, outputs = train_step(network, loss, optimizer, batch)
            total += value * len(rows)
            correct += count_correct(outputs, batch.y)
        epochs.append((total / n, correct / n))
    return np.array(epochs)


def assert_same_training(layer, loss, optimizer, dtype, size):
    data, rng = table(7, dtype), np.random.default_rng(2)
    orders = [None if size >= 7 else rng.permutation(7) for _ in range(5)]
    plain, replayed = (parts(layer, loss, optimizer, dtype) for _ in range(2))
    assert can_replay(*replayed[:2], 7, size)
    expected = train_plainly(*plain, data, orders, size)
    actual = np.array(list(train(*replayed, data, orders, size)))
    assert replayed[0].theta.tobytes() == plain[0].theta.tobytes()
    assert np.array_equal(actual[:, 1], expected[:, 1])
    # a few roundings: the rows of an epoch are added up at once, not batch by batch
    assert actual[:, 0] == pytest.approx(expected[:, 0], rel=8 * float(np.finfo(dtype).eps))


@by_type
@pytest.mark.parametrize("layer", LAYERS, ids=["Sigmoid", "Tanh", "ReLU", "LeakyReLU", "Softmax"])
def test_every_layer_is_replayed_bit_for_bit_also_in_a_last_partial_batch(layer, dtype):
    assert_same_training(layer, BinaryCrossEntropy, Adam, dtype, size=3)


@by_type
@pytest.mark.parametrize("size", [3, 7, 9])
@pytest.mark.parametrize("loss", MEANS, ids=["BinaryCrossEntropy", "smoothing", "MeanSquaredError"])
def test_every_mean_is_replayed_bit_for_bit(loss, size, dtype):
    assert_same_training(Tanh, loss, lambda: SGD(0.5, momentum=0.5), dtype, size)


@by_type
@pytest.mark.parametrize("loss", SUMS)
def test_every_sum_is_replayed_bit_for_bit_where_one_batch_holds_all_rows(loss, dtype):
    assert_same_training(Sigmoid, loss, lambda: SGD(0.5), dtype, size=7)


class Unknown(Tanh):
    """A layer that could do anything."""


@pytest.mark.parametrize(
    ("layers", "loss", "n"),
    [
        ([Dense(3, 1), Unknown()], MeanSquaredError(), 7),
        ([Dropout(0.5, np.random.default_rng(0)), Dense(3, 1)], MeanSquaredError(), 7),
        ([Conv2D(1, 1, 1)], MeanSquaredError(), 7),
        ([Dense(3, 2)], CategoricalCrossEntropy(), 7),
        ([Dense(3, 1)], BinaryCrossEntropy(class_weights=[1, 2]), 7),
        ([Dense(3, 1)], HalfSquaredError(), 8),  # two batches of a sum
        ([Dense(200, 200)], MeanSquaredError(), 7),
    ],
)
def test_what_is_not_known_to_repeat_is_not_replayed(layers, loss, n):
    assert not can_replay(Sequential(*layers), loss, n, batch_size=7)


def test_a_network_of_another_class_is_not_replayed():
    class Other(Sequential):
        """A network that could do anything."""

    loss = MeanSquaredError()
    assert can_replay(Sequential(Dense(3, 1)), loss, 7, batch_size=7)
    assert not can_replay(Other(Dense(3, 1)), loss, 7, batch_size=7)


def test_weights_of_rows_are_not_lost():
    data = table(4, np.float64)
    one, other = (parts(Tanh, MeanSquaredError, lambda: SGD(0.5), float) for _ in range(2))
    for network, w in [(one, np.ones(4)), (other, np.array([1.0, 0, 0, 0]))]:
        list(train(*network, data._replace(w=w), [None] * 3, batch_size=4))
    assert not np.array_equal(one[0].theta, other[0].theta)


def test_a_learning_rate_set_between_epochs_counts():
    network, loss, sgd = parts(Tanh, MeanSquaredError, lambda: SGD(0.5), float)
    epochs = train(network, loss, sgd, table(4, np.float64), [None] * 5, batch_size=4)
    for _ in range(4):
        next(epochs)
    before, sgd.eta = network.theta.copy(), 0.0
    next(epochs)
    assert np.array_equal(network.theta, before)


def test_parameters_that_moved_are_trained_where_they_are():
    network, loss, sgd = parts(Tanh, MeanSquaredError, lambda: SGD(0.5), float)
    epochs = train(network, loss, sgd, table(4, np.float64), [None] * 5, batch_size=4)
    for _ in range(3):
        next(epochs)
    network.bind(float)
    before = network.theta.copy()
    next(epochs)
    assert not np.array_equal(network.theta, before)


def test_a_replayed_network_is_left_with_plain_arrays():
    network, loss, sgd = parts(Tanh, MeanSquaredError, lambda: SGD(0.5), float)
    replay = Replay(network, loss, sgd, table(4, np.float64), batch_size=4)
    for _ in range(4):
        replay.train_epoch(None)
    kept = [a for layer in network.layers for a in vars(layer).values()]
    assert {type(a) for a in kept if isinstance(a, np.ndarray)} == {np.ndarray}
