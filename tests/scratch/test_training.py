"""The training loop: which rows make a batch, and what an epoch reports."""

import numpy as np
import pytest

from scratch import (
    SGD,
    Batch,
    Dense,
    HalfSquaredError,
    MeanSquaredError,
    Sequential,
    count_correct,
    evaluate,
    iter_epochs,
    train,
    train_epoch,
)


def line(weight):
    """The network a = weight · x."""
    network = Sequential(Dense(1, 1, bias=False))
    network.theta[:] = weight
    return network


class Recorder:
    """An optimizer that changes nothing, and notes the gradients it is given."""

    def __init__(self):
        self.state, self.gradients = {}, []

    def step(self, theta, g):
        self.gradients.append(g.item())


def column(*values):
    return np.array(values, float)[:, np.newaxis]


@pytest.mark.parametrize(
    ("order", "gradients"),
    [
        # a = 0, y = 1: the gradient of ½ Σ (a - y)² is -Σ x, over the rows 1 2 | 4 8 | 16
        (None, [-3, -12, -16]),
        (np.array([4, 0, 2, 1, 3]), [-17, -6, -8]),
    ],
)
def test_every_row_is_in_one_batch_and_the_last_holds_the_rest(order, gradients):
    optimizer = Recorder()
    data = Batch(column(1, 2, 4, 8, 16), column(1, 1, 1, 1, 1))
    list(train(line(0), HalfSquaredError(), optimizer, data, [order], batch_size=2))
    assert optimizer.gradients == gradients


def test_row_weights_follow_their_rows_into_the_batches():
    optimizer = Recorder()
    data = Batch(column(1, 2, 4), column(1, 1, 1), np.array([1.0, 10, 100]))
    orders = [np.array([2, 0, 1])]  # batches 4 1 | 2: -(400 + 1), -20
    list(train(line(0), HalfSquaredError(), optimizer, data, orders, batch_size=2))
    assert optimizer.gradients == [-401, -20]


def test_epoch_loss_is_the_mean_over_rows_not_over_batches():
    # errors 1, 1 | 2 for a = 0: batch means 1 and 4; over the rows (1 + 1 + 4)/3 = 2
    data = Batch(column(1, 1, 1), column(1, 1, 2))
    (epoch,) = train(line(0), MeanSquaredError(), Recorder(), data, [None], batch_size=2)
    assert epoch.loss == 2


def test_each_batch_is_measured_before_its_update():
    # a = 0: loss 1, gradient -2, weight 0 + 0.5 · 2 = 1; then a = 1: loss 0
    data = Batch(column(1, 1), column(1, 1))
    network = line(0)
    (epoch,) = train(network, MeanSquaredError(), SGD(0.5), data, [None], batch_size=1)
    assert epoch.loss == 1 / 2
    assert epoch.accuracy == 1 / 2  # a = 0 is not above ½, a = 1 is
    assert network.theta.tolist() == [1]


def test_training_leaves_the_data_as_they_are():
    data = Batch(column(1, 2, 3), column(0, 1, 0), np.ones(3))
    kept = [a.copy() for a in data]
    list(train(line(1), MeanSquaredError(), SGD(0.1), data, [np.array([2, 0, 1])] * 3, 2))
    assert all(np.array_equal(a, k) for a, k in zip(data, kept, strict=True))


def test_train_is_train_epoch_on_the_same_batches():
    X, y = column(1, 4, 3), column(1, 0, 1)
    batches = [Batch(X[:2], y[:2]), Batch(X[2:], y[2:])]
    one, other = line(0.5), line(0.5)
    expected = train_epoch(one, MeanSquaredError(), SGD(0.1), batches)
    (epoch,) = train(other, MeanSquaredError(), SGD(0.1), Batch(X, y), [None], batch_size=2)
    assert epoch == expected
    assert one.theta.tobytes() == other.theta.tobytes()


def test_evaluate_measures_and_does_not_learn():
    network = line(1)
    result = evaluate(network, MeanSquaredError(), Batch(column(-1, 0.75), column(0, 0)))
    assert result == (0.78125, 0.5)  # (1 + 9/16)/2; -1 is class 0 and right, ¾ is class 1: wrong
    assert network.theta.tolist() == [1]


@pytest.mark.parametrize(
    ("outputs", "y", "threshold", "correct"),
    [
        ([[0.0], [1e-9], [-1.0]], [[0.0], [1.0], [1.0]], 0, 2),  # strictly above the threshold
        ([[0.5], [0.6], [0.4]], [[0.0], [1.0], [1.0]], 0.5, 2),
        ([[1, 1, 0], [0, 1, 1], [0, 0, 0]], [0, 2, 0], 0, 2),  # of equal outputs the first
    ],
)
def test_count_correct_by_hand(outputs, y, threshold, correct):
    assert count_correct(np.array(outputs, float), np.array(y), threshold) == correct


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_below_one_is_refused(batch_size):
    epochs = iter_epochs(
        line(0), MeanSquaredError(), SGD(1), Batch(column(1), column(1)), [None], batch_size
    )
    with pytest.raises(ValueError, match=f"^batch_size must be at least 1, got {batch_size}$"):
        next(epochs)


def test_data_without_rows_are_refused():
    nothing = Batch(np.empty((0, 1)), np.empty((0, 1)))
    with pytest.raises(ValueError, match=r"^data must hold at least one row, got none$"):
        next(train(line(0), MeanSquaredError(), SGD(1), nothing, [None], batch_size=1))
