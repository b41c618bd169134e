"""What networks of image layers promise: modes, state, and no column copied without need."""

import numpy as np
import pytest

from scratch import (
    SGD,
    Batch,
    BatchNorm,
    CategoricalCrossEntropy,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    ReLU,
    Sequential,
    evaluate,
    train,
    train_step,
)
from scratch.layers import correlation


def images(n, dtype=np.float64):
    return np.random.default_rng(n).normal(size=(n, 6, 7, 2)).astype(dtype)


def conv_network(dtype=np.float64):
    layers = Conv2D(2, 4, 3), BatchNorm.pytorch(4), ReLU(), MaxPool2D(2), Flatten()
    dropout = Dropout(0.5, np.random.default_rng(5))
    return Sequential(*layers, dropout, Dense(16, 3), dtype=dtype).initialize(
        np.random.default_rng(0)
    )


def test_a_step_runs_in_training_mode():
    network, X = conv_network(), images(6)
    batch = Batch(X, np.array([0, 1, 2, 0, 1, 2]))
    _, outputs = train_step(network, CategoricalCrossEntropy(), SGD(2**-40), batch)
    kept = outputs.copy()
    assert network.layers[5].mask is not None  # dropout has dropped
    assert network.state["1.mean"].any()  # the running mean has moved from zero
    assert not np.allclose(network.forward(X), kept)


def test_evaluation_drops_nothing_uses_no_batch_statistics_and_learns_nothing():
    network, X = conv_network(), images(6)
    batch = Batch(X, np.array([0, 1, 2, 0, 1, 2]))
    drawn = network.layers[5].rng.bit_generator.state
    state = [a.copy() for a in network.state.values()]
    evaluate(network, CategoricalCrossEntropy(), batch)
    assert all(
        np.array_equal(a, kept) for a, kept in zip(network.state.values(), state, strict=True)
    )
    assert network.layers[5].rng.bit_generator.state == drawn
    together = network.forward(X).copy()
    alone = np.concatenate([network.forward(X[i : i + 1]).copy() for i in range(6)])
    assert together == pytest.approx(alone, rel=1e-13, abs=1e-13)  # products in another order


def test_network_of_images_learns_batches_of_any_size():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=50)
    X = rng.normal(size=(50, 6, 7, 2)) + y[:, None, None, None]
    network, loss = conv_network(), CategoricalCrossEntropy()
    before = evaluate(network, loss, Batch(X, y))
    list(train(network, loss, SGD(0.05), Batch(X, y), [None] * 20, batch_size=16))
    after = evaluate(network, loss, Batch(X, y))
    assert after.loss < before.loss / 2


def test_state_of_a_network_is_the_running_statistics_in_its_own_type():
    network = conv_network(np.float32)
    mean, variance = network.state.values()
    assert mean.dtype == variance.dtype == np.float32
    assert mean is network.layers[1].state["mean"]
    assert variance is network.layers[1].state["variance"]


def test_columns_of_a_window_are_copied_only_where_they_are_dilated(monkeypatch):
    views, original = [], correlation._side_by_side

    def noted(rows, *arguments):
        columns = original(rows, *arguments)
        views.append(np.may_share_memory(rows, columns))
        return columns

    monkeypatch.setattr(correlation, "_side_by_side", noted)
    for options in ({"stride": 2}, {"groups": 2}, {"dilation": (2, 1)}, {"dilation": (1, 2)}):
        layer = Conv2D(2, 4, 2, **options)
        layer.backward(np.ones_like(layer.forward(images(3))))
    assert views == [True] * 6 + [False] * 2
