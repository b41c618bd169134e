"""Published numbers of xor and of the perceptron rule, and that rule by hand."""

import os

import numpy as np
import pytest

from experiments import mnist_perceptron, xor
from frameworks import ScratchClassifier

REAL_DATA = os.environ.get("LOCKSTEP_DATA", "")


@pytest.fixture(scope="module")
def trained_xor(classifier_class, builder):
    """One step short of the end: what is published was printed before the last step."""
    data, spec = xor.load(), xor.SPEC
    classifier = classifier_class(
        build=builder(xor), epochs=spec.epochs - 1, batch_size=4, dtype="float64"
    )
    X, y = data.X_train, data.y_train
    return classifier.fit(X, y, initial_weights=xor.published_weights()), X, y


def test_xor_gives_the_published_outputs(trained_xor):
    classifier, X, _ = trained_xor
    outputs = classifier.outputs(X).ravel().round(8)
    assert outputs.tolist() == [0.01009649, 0.97157766, 0.97166525, 0.03297871]


def test_xor_loses_the_published_losses_and_less_at_every_step(trained_xor):
    classifier, X, y = trained_xor
    losses = [record["loss"] for record in classifier.history_]
    losses.append(classifier.evaluate(X, y)["loss"])  # before step 1,500, as the others are
    assert len(losses) == xor.SPEC.epochs
    # 1e-14: the last two of 17 digits are the order in which four errors were summed up
    assert losses[0] == pytest.approx(1.298103813489028, rel=1e-14)
    assert losses[-1] == pytest.approx(0.0028002218560012598, rel=1e-14)
    assert np.all(np.diff(losses) < 0)


def perceptron_rule(W, b, X, y):
    """One pass over integers in the order of the rows, written as the tutorial has it."""
    W, b = W.copy(), b.copy()
    for x, label in zip(X, y, strict=True):
        c = np.argmax(np.maximum(x @ W + b, 0))
        if c != label:
            W[:, c] -= x
            b[c] -= 1
            W[:, label] += x
            b[label] += 1
    return [W, b]


def test_perceptron_rule_is_the_published_one_in_the_order_of_the_rows(classifier_class, builder):
    rng = np.random.default_rng(0)
    W, b = rng.integers(-3, 4, size=(5, 4)), rng.integers(-3, 4, size=4)
    X, y = rng.integers(-2, 3, size=(60, 5)), rng.integers(0, 4, size=60)
    z = X @ W + b
    ties = np.sort(np.maximum(z, 0), axis=1)
    assert np.any(ties[:, -1] == ties[:, -2])  # the first of equals counts
    assert np.any(z.max(axis=1) <= 0)  # and the first of all where none is above 0
    classifier = classifier_class(
        build=builder(mnist_perceptron), epochs=1, batch_size=1, dtype="float64"
    )
    classifier.fit(X, y, initial_weights=[W, b])
    expected, backwards = perceptron_rule(W, b, X, y), perceptron_rule(W, b, X[::-1], y[::-1])
    assert [w.tolist() for w in classifier.get_weights()] == [w.tolist() for w in expected]
    assert np.any(expected[0] != backwards[0])  # so another order would show
    assert classifier.orders_sha256_ == ""  # none was drawn


@pytest.mark.skipif(not REAL_DATA, reason="needs the real data: set LOCKSTEP_DATA to its folder")
@pytest.mark.parametrize(("seed", "right"), [(0, 8583), (1, 8771), (2, 8474)])
def test_perceptron_rule_gets_the_measured_share_of_the_test_images(seed, right):
    """In scratch only: 60,000 steps take seconds, and the others agree on fewer."""
    data = mnist_perceptron.load("real", REAL_DATA)
    rng = np.random.RandomState(seed)
    W = (2 * rng.random_sample((10, 784)) - 1) / 10  # drawn neuron by neuron
    b = (2 * rng.random_sample(10) - 1) / 10
    classifier = ScratchClassifier(
        build=mnist_perceptron.build_scratch, epochs=1, batch_size=1, dtype="float64"
    )
    classifier.fit(data.X_train, data.y_train, initial_weights=[W.T, b])
    predictions = np.maximum(classifier.outputs(data.X_test), 0).argmax(axis=1)
    assert len(predictions) == 10_000
    assert np.count_nonzero(predictions == data.y_test) == right
