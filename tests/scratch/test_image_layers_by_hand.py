"""Convolution, pooling, dropout, batch normalization and the rest against numbers by hand."""

import math

import numpy as np
import pytest

from scratch import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    Step,
)
from scratch.layers import Reshape


def image(rows):
    """Return one image of one channel."""
    return np.array(rows, float)[np.newaxis, :, :, np.newaxis]


def plain(array):
    """Return the one image of one channel as lists."""
    return array[0, :, :, 0].tolist()


def conv(kernel, bias, **arguments):
    layer = Conv2D(1, 1, np.shape(kernel), **arguments)
    layer.W[:, :, 0, 0], layer.b[:] = kernel, bias
    return layer


def test_convolution_and_its_gradients_by_hand():
    # kernel (1 2 / 0 -1) on (1 2 3 / 4 5 6 / 7 8 9): at the corners
    # 1 + 4 - 5 = 0, 2 + 6 - 6 = 2; 4 + 10 - 8 = 6, 5 + 12 - 9 = 8; plus the bias 10
    layer = conv([[1, 2], [0, -1]], 10)
    X = image([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert plain(layer.forward(X)) == [[10, 12], [16, 18]]
    # dz (1 0 / 0 2): dX is the kernel at the upper left, and twice the kernel at the lower right
    assert plain(layer.backward(image([[1, 0], [0, 2]]))) == [[1, 2, 0], [0, 1, 4], [0, 0, -2]]
    # dW[u, v] = X[u, v] + 2 X[u + 1, v + 1]
    assert layer.grads[0][:, :, 0, 0].tolist() == [[11, 14], [20, 23]]
    assert layer.grads[1].tolist() == [3]


def test_convolution_sums_over_the_input_channels():
    layer = Conv2D(2, 3, 1)
    layer.W[0, 0] = [[1, 0, 2], [0, 1, 3]]
    assert layer.forward(np.array([5.0, 7.0]).reshape(1, 1, 1, 2)).ravel().tolist() == [5, 7, 31]


def test_stride_differs_between_height_and_width():
    X = image(np.arange(20).reshape(4, 5))
    assert plain(conv([[1]], 0, stride=(2, 3)).forward(X)) == [[0, 3], [10, 13]]


@pytest.mark.parametrize(
    ("width", "stride", "sums"),
    [
        # ones (1 1 1) on 1 2 4 8 ..., zeros on both sides
        (4, 1, [3, 7, 14, 12]),
        # even width, stride 2: no zero before, one after (1 + 2 + 4, 4 + 8 + 0)
        (4, 2, [7, 12]),
        # odd width, stride 2: one on either side
        (5, 2, [3, 14, 24]),
    ],
)
def test_same_padding_by_hand(width, stride, sums):
    layer = conv([[1, 1, 1]], 0, stride=stride, padding="same")
    assert plain(layer.forward(image([2 ** np.arange(width)]))) == [sums]


def test_gradient_in_the_padding_is_left_out():
    layer = conv([[1, 10, 100]], 0, padding="same")
    layer.forward(image([[0, 0]]))
    # z = (10 x0 + 100 x1, x0 + 10 x1)
    assert plain(layer.backward(image([[1, 2]]))) == [[12, 120]]


def test_max_pooling_by_hand_drops_what_is_left_over():
    layer = MaxPool2D()  # of 2 x 2
    X = image([[1, 5, 2, 0, 9], [3, 4, 7, 8, 9], [9, 9, 9, 9, 9]])
    assert plain(layer.forward(X)) == [[5, 8]]
    expected = [[0, 10, 0, 0, 0], [0, 0, 0, 20, 0], [0] * 5]
    assert plain(layer.backward(image([[10, 20]]))) == expected


@pytest.mark.parametrize(
    ("window", "gradient"),
    [
        ([[7, 7], [7, 7]], [[1, 0], [0, 0]]),
        ([[0, 7], [7, 7]], [[0, 1], [0, 0]]),
        ([[0, 0], [7, 7]], [[0, 0], [1, 0]]),
        ([[0, 7], [7, 0]], [[0, 1], [0, 0]]),  # row by row, not column by column
    ],
)
def test_gradient_of_equal_maxima_goes_to_the_first_in_row_major_order(window, gradient):
    layer = MaxPool2D(2)
    layer.forward(image(window))
    assert plain(layer.backward(image([[1]]))) == gradient


def test_overlapping_maxima_add_their_gradients():
    layer = MaxPool2D((1, 2), stride=1)
    assert plain(layer.forward(image([[1, 5, 3]]))) == [[5, 5]]
    assert plain(layer.backward(image([[10, 100]]))) == [[0, 110, 0]]


def test_average_pooling_by_hand():
    layer = AveragePool2D((1, 2), stride=1)
    assert plain(layer.forward(image([[1, 5, 3]]))) == [[3, 4]]
    assert plain(layer.backward(image([[10, 100]]))) == [[5, 55, 50]]


def test_flatten_keeps_row_column_channel_order_and_takes_it_back():
    X = np.arange(12.0).reshape(1, 2, 3, 2)
    layer = Flatten()
    assert layer.forward(X).tolist() == [list(range(12))]
    assert np.array_equal(layer.backward(X.reshape(1, 12)), X)


def test_reshape_is_the_way_back_from_flatten():
    X = np.arange(24.0).reshape(2, 2, 3, 2)
    layer = Reshape(2, 3, 2)
    assert np.array_equal(layer.forward(Flatten().forward(X)), X)
    assert layer.backward(X).tolist() == X.reshape(2, 12).tolist()


def test_leaky_relu_by_hand():
    layer = LeakyReLU(0.25)
    assert layer.forward(np.array([[-8.0, 0.0, 8.0]])).tolist() == [[-2, 0, 8]]
    assert layer.backward(np.array([[4.0, 4.0, 4.0]])).tolist() == [[1, 1, 4]]  # slope at the kink


def test_step_is_strict_and_lets_no_gradient_through():
    assert Step().threshold == 0
    layer = Step(0.5)
    assert layer.forward(np.array([[0.25, 0.5, 0.75]])).tolist() == [[0, 0, 1]]
    with pytest.raises(NotImplementedError, match="derivative 0 almost everywhere"):
        layer.backward(np.ones((1, 3)))


def test_dropout_scales_what_it_keeps():
    layer = Dropout(0.75, np.random.default_rng(0))
    a, dX = (
        layer.forward(np.full((50, 40), 3.0), training=True),
        layer.backward(np.full((50, 40), 5.0)),
    )
    assert set(a.ravel()) == {0, 12}  # 3 / (1 - 3/4)
    assert np.array_equal(dX, a * 5 / 3)
    # 2,000 draws with probability 1/4: five standard deviations are 5 √(2000 · 3/16) = 97
    assert np.count_nonzero(a) == pytest.approx(500, abs=97)


def test_dropout_outside_training_passes_the_gradient_on_whatever_it_dropped_before():
    layer, ones = Dropout(0.5, np.random.default_rng(0)), np.ones((1, 100))
    assert 0 in layer.forward(ones, training=True)
    layer.forward(ones)
    assert np.array_equal(layer.backward(ones), ones)


def test_batch_norm_in_training_by_hand():
    # X = (1, 5): mean 3, variance 4; ε = 5: x̂ = (-2, 2)/√9 = (-2/3, 2/3)
    layer = BatchNorm(1, momentum=0.75, epsilon=5, unbiased_running_variance=False)
    layer.params[0][:], layer.params[1][:] = 6, 1
    # rel 1e-15: one rounded reciprocal
    a = layer.forward(np.array([[1.0], [5.0]]), training=True)
    assert a.ravel() == pytest.approx([-3, 5], rel=1e-15)
    # running: 3/4 · 0 + 1/4 · 3 and 3/4 · 1 + 1/4 · 4
    assert [a.tolist() for a in layer.state.values()] == [[0.75], [1.75]]
    # da = (9, 0): dβ = 9, dγ = 9 · -2/3 = -6
    # dX = 6/3 (9 - 9/2 - 2/3 · 6/2, 0 - 9/2 + 2/3 · 6/2) = (5, -5)
    assert layer.backward(np.array([[9.0], [0.0]])).ravel() == pytest.approx(
        [5, -5],
        rel=4e-15,  # a few roundings and a difference
    )
    assert [g.item() for g in layer.grads] == pytest.approx([-6, 9], rel=1e-15)  # one product


def test_unbiased_running_variance_is_larger_by_m_over_m_minus_1():
    layer = BatchNorm(1, momentum=0.75, epsilon=5, unbiased_running_variance=True)
    layer.forward(np.array([[1.0], [5.0]]), training=True)
    assert layer.state["variance"].tolist() == [2.75]  # 3/4 + 1/4 · 2/1 · 4


def test_batch_norm_outside_training_uses_the_running_statistics():
    layer = BatchNorm(1, momentum=0.5, epsilon=7, unbiased_running_variance=False)
    layer.state["mean"][:], layer.state["variance"][:] = 10, 9  # √(9 + 7) = 4
    layer.params[0][:] = 2
    assert layer.forward(np.array([[12.0], [18.0]])).ravel().tolist() == [1, 4]
    assert layer.backward(np.array([[3.0], [5.0]])).ravel().tolist() == [1.5, 2.5]
    assert [g.item() for g in layer.grads] == [11.5, 8]  # 3 · 1/2 + 5 · 2, 3 + 5
    assert [a.tolist() for a in layer.state.values()] == [[10], [9]]


def test_named_dialects_of_batch_norm_have_the_frameworks_numbers():
    keras, pytorch = BatchNorm.keras(2), BatchNorm.pytorch(2)
    assert (keras.momentum, keras.epsilon, keras.unbiased) == (0.99, 1e-3, False)
    assert (pytorch.momentum, pytorch.epsilon, pytorch.unbiased) == (0.9, 1e-5, True)


def test_initialize_draws_kernels_by_glorots_rule_and_resets_batch_norm():
    layer = Conv2D(8, 24, (5, 5))
    layer.b[:] = 7
    layer.initialize(np.random.default_rng(0))
    bound = math.sqrt(6 / (25 * 8 + 25 * 24))
    assert not layer.b.any()
    assert np.abs(layer.W).max() == pytest.approx(bound, rel=0.01)  # the largest of 4,800 draws
    norm = BatchNorm.keras(1)
    for array in [*norm.params, *norm.state.values()]:
        array[:] = 7
    norm.initialize(np.random.default_rng(0))
    assert [a.item() for a in [*norm.params, *norm.state.values()]] == [1, 0, 0, 1]
