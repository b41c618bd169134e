"""Networks of images are computed where their outputs come from, and give what all of it gives."""

import numpy as np
import pytest

from scratch import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    MaxPool2D,
    ReLU,
    Sequential,
    glorot_uniform,
)
from scratch.receptive import ReceptiveField, in_order

NETWORKS = {
    "two pools that drop": (
        (14, 13),
        lambda: [Conv2D(1, 2, 3), ReLU(), MaxPool2D(), Conv2D(2, 2, 3), ReLU(), MaxPool2D()],
    ),
    "strides that drop": ((8, 9), lambda: [Conv2D(1, 2, 3, stride=2), ReLU(), MaxPool2D(2, 1)]),
    "dilated": ((10, 8), lambda: [DepthwiseConv2D(1, 2, dilation=2), AveragePool2D(3), ReLU()]),
    "ReLU first": ((5, 7), lambda: [ReLU(), MaxPool2D(), Conv2D(1, 1, 1)]),
    "nothing dropped": ((6, 6), lambda: [Conv2D(1, 2, 3), ReLU(), MaxPool2D()]),
}


def one_by_one(layers, X, da):
    """The outputs, dX and the gradients of the layers as they stand."""
    a = X
    for layer in layers:
        a = layer.forward(a, training=True)
    dX = da(a)
    for layer in reversed(layers):
        dX = layer.backward(dX)
    return [a, dX, *(g.copy() for layer in layers for g in layer.grads)]


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_are_those_of_the_layers_one_by_one(name):
    rng = np.random.default_rng(0)
    (h, w), layers = NETWORKS[name]
    network = Sequential(*layers()).initialize(rng, glorot_uniform)
    X = rng.normal(size=(3, h, w, 1))
    expected = one_by_one(network.layers, X, lambda a: np.sin(np.arange(a.size)).reshape(a.shape))
    outputs = network.forward(X, training=True)
    dX = network.backward(np.sin(np.arange(outputs.size)).reshape(outputs.shape))
    for actual, wanted in zip([outputs, dX, *network.grads], expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-13, atol=1e-14)  # sums in another order


def test_a_convolution_is_not_computed_where_its_pool_drops_it():
    first, second = Conv2D(1, 2, 3), Conv2D(2, 2, 3)
    network = Sequential(first, ReLU(), MaxPool2D(), second, ReLU(), MaxPool2D())
    network.forward(np.zeros((1, 28, 28, 1)))
    assert (first.image, second.image) == ((26, 26), (12, 12))


def test_what_no_output_sees_changes_no_output_and_has_no_gradient():
    rng = np.random.default_rng(0)
    network = Sequential(Conv2D(1, 2, 3), ReLU(), MaxPool2D()).initialize(rng)
    X = rng.normal(size=(2, 9, 9, 1))
    outputs = network.forward(X).copy()
    X[:, 8], X[:, :, 8] = np.nan, np.nan
    assert np.array_equal(network.forward(X), outputs)
    dX = network.backward(np.ones_like(outputs))
    assert dX.shape == X.shape
    assert not dX[:, 8].any()
    assert not dX[:, :, 8].any()


def test_where_no_number_of_a_window_is_above_zero_nothing_is_passed_back():
    network = Sequential(ReLU(), MaxPool2D())
    X = np.array([[-3.0, -1.0], [0.0, -2.0]]).reshape(1, 2, 2, 1)
    assert network.forward(X).item() == 0
    assert not network.backward(np.full((1, 1, 1, 1), 5.0)).any()


def test_of_equal_numbers_above_zero_the_first_gets_the_gradient():
    network = Sequential(ReLU(), MaxPool2D())
    network.forward(np.array([[-3.0, 7.0], [7.0, 7.0]]).reshape(1, 2, 2, 1))
    assert network.backward(np.full((1, 1, 1, 1), 5.0)).ravel().tolist() == [0, 5, 0, 0]


class Edge(MaxPool2D):
    """A layer of one's own, which reads more than its windows."""

    def forward(self, X, training=False):
        return X[:, -1:, -1:]


def test_layers_that_see_more_than_windows_end_what_is_left_out():
    conv, pool, own, padded = Conv2D(1, 1, 3), MaxPool2D(), Edge(), Conv2D(1, 1, 3, padding="same")
    kinds = [type(layer) for layer in in_order([conv, BatchNorm.keras(1), pool, own, padded])]
    assert kinds == [ReceptiveField, Conv2D, BatchNorm, ReceptiveField, MaxPool2D, Edge, Conv2D]
    X = np.arange(9.0).reshape(1, 3, 3, 1)
    assert Sequential(Edge()).forward(X).item() == 8


def test_an_image_that_is_too_small_is_refused_as_by_the_layer():
    network = Sequential(Conv2D(1, 1, 3), ReLU(), MaxPool2D(2))
    with pytest.raises(ValueError, match=r"images of at least \(2, 2\), the window, got \(1, 1\)"):
        network.forward(np.zeros((1, 3, 3, 1)))
    with pytest.raises(ValueError, match=r"images of at least \(3, 3\), the window, got \(2, 5\)"):
        network.forward(np.zeros((1, 2, 5, 1)))
