"""A look inside shows the same network in every implementation, and changes nothing."""

import numpy as np
import pytest

from frameworks.probe import open_training, undisturbed
from scratch import Batch

from . import images
from .cases import table
from .parity import distance, gradients

X, Y = table(3, 10, 108)


@pytest.fixture
def opened(classifier_class, builder):
    made = classifier_class(build=builder(images), epochs=2, batch_size=5, dtype="float64",
                            random_state=1)  # fmt: skip
    return made, open_training(made, X, Y, classes=np.arange(3))


def test_layers_are_the_ones_that_compute_with_channels_last(opened):
    found = opened[1].adapter.layer_outputs(X)
    assert [(layer.kind, layer.values.shape, layer.weights) for layer in found] == [
        ("convolution", (10, 5, 7, 3), 2),
        ("relu", (10, 5, 7, 3), 0),
        ("max pooling", (10, 2, 3, 3), 0),
        ("dense", (10, 3), 2),
    ]


def test_layers_follow_from_one_another(opened):
    convolution, relu, pool, dense = (x.values for x in opened[1].adapter.layer_outputs(X))
    assert np.array_equal(relu, np.maximum(convolution, 0))
    assert np.array_equal(pool, relu[:, :4, :6].reshape(10, 2, 2, 3, 2, 3).max(axis=(2, 4)))
    W, b = opened[1].initial_weights[2:]
    assert distance(dense, pool.reshape(10, -1) @ W + b) < 1e-14  # sums of 18 terms, rounded
    assert np.array_equal(dense, opened[1].adapter.outputs(X))


def test_gradients_are_the_framework_s_own(opened):
    classifier, (adapter, batch, weights, *_) = opened
    _, found = adapter.loss_and_gradients(batch)
    assert [g.shape for g in found] == [w.shape for w in weights]
    for ours, theirs in zip(found, gradients(classifier, Batch(X, Y)), strict=True):
        assert distance(ours, theirs) < 1e-14  # one computation, in one order or another


def test_a_look_changes_neither_weights_nor_the_training_that_follows(opened, classifier_class):
    classifier, (adapter, batch, weights, orders, _) = opened
    with undisturbed(adapter):
        adapter.layer_outputs(batch.X, training=True)
        adapter.loss_and_gradients(batch)
    assert [w.tobytes() for w in adapter.get_weights()] == [w.tobytes() for w in weights]
    list(adapter.train(batch, orders, 5))
    stock = classifier_class(**classifier.get_params(deep=False)).fit(X, Y)
    for ours, theirs in zip(adapter.get_weights(), stock.get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()
