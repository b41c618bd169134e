"""The perceptron rule: the loss's gradient steps against a loop written from the rule."""

import numpy as np
import pytest

from scratch import SGD, Batch, Dense, PerceptronLoss, Sequential, train_step

from .closeness import assert_is_gradient


def learn_by_the_rule(W, b, X, labels):
    """One pass, one image at a time, with a row of W for each class; yield W and b every time."""
    for x, label in zip(X, labels, strict=True):
        r = [
            max(sum(w * p for w, p in zip(row, x, strict=True)) + c, 0)
            for row, c in zip(W, b, strict=True)
        ]
        c = r.index(max(r))
        if c != label:
            for j, p in enumerate(x):
                W[c][j] -= p
                W[label][j] += p
            b[c] -= 1
            b[label] += 1
        yield W, b


def learn_by_gradient(W, b, X, labels):
    network, loss, sgd = Sequential(Dense(*W.T.shape)), PerceptronLoss(), SGD(1.0)
    network.set_weights([W.T, b])
    for x, label in zip(X, labels, strict=True):
        train_step(network, loss, sgd, Batch(x[None], np.array([label])))
        yield network.weights[0].T.tolist(), network.weights[1].tolist()


# Multiples of 1/8: every sum is exact, in whatever order, and ties are ties.
@pytest.mark.parametrize(("low", "high"), [(-8, 9), (-8, 0)], ids=["mixed", "no sum above 0"])
@pytest.mark.parametrize("seed", range(3))
def test_gradient_steps_are_the_updates_of_the_rule(low, high, seed):
    rng = np.random.default_rng(seed)
    W, b = rng.integers(low, high, (10, 12)) / 8, rng.integers(low, high, 10) / 8
    X, labels = rng.integers(0, 9, (200, 12)) / 8, rng.integers(10, size=200)
    by_the_rule = learn_by_the_rule(W.tolist(), b.tolist(), X.tolist(), labels.tolist())
    updates = 0
    for ours, rule in zip(learn_by_gradient(W, b, X, labels), by_the_rule, strict=True):
        assert ours == rule
        updates += ours[0] != W.tolist()
    assert updates > 100


def gradient(z, y):
    loss = PerceptronLoss()
    value = loss.forward(np.array([z], float), np.array([y]))
    return value, loss.backward()[0].tolist()


@pytest.mark.parametrize(
    ("z", "y", "value", "dz"),
    [
        ([5, 2, -1], 2, 6, [1, 0, -1]),  # class 0 is predicted, class 2 is right: 5 - (-1)
        ([5, 2, -1], 0, 0, [0, 0, 0]),  # right
        ([2, 5, 5], 2, 0, [0, 1, -1]),  # a tie: the first counts, so the row is wrong
        ([2, 5, 5], 1, 0, [0, 0, 0]),  # a tie: the first counts, so the row is right
        ([-3, -1, -2], 1, -2, [1, -1, 0]),  # all 0 after the ReLU: class 0 is predicted
        ([-3, -1, -2], 0, 0, [0, 0, 0]),
        ([0, 0, 0], 2, 0, [1, 0, -1]),
        ([1e4, -1e4, 0], 1, 2e4, [1, -1, 0]),
    ],
)
def test_prediction_and_correction_by_hand(z, y, value, dz):
    assert gradient(z, y) == (value, dz)


def test_batch_is_a_mean_with_row_weights():
    loss = PerceptronLoss()
    z, y = np.array([[5.0, 2.0], [1.0, 4.0], [3.0, 0.0]]), np.array([1, 0, 0])
    assert loss.forward(z, y) == (3 + 3 + 0) / 3
    assert loss.forward(z, y, np.array([2.0, 0.5, 7.0])) == (2 * 3 + 0.5 * 3) / 3
    expected = np.array([[2, -2], [-0.5, 0.5], [0, 0]]) / 3
    assert loss.backward().tolist() == expected.tolist()


def test_gradient_matches_central_difference_where_no_sum_is_above_zero():
    rng, loss = np.random.default_rng(0), PerceptronLoss()
    z, y = -rng.uniform(0.1, 1, size=(5, 4)), np.array([0, 1, 2, 3, 1])
    loss.forward(z, y)
    dz = loss.backward().copy()
    assert_is_gradient(dz, lambda: loss.forward(z, y), z)
    assert dz.any()
