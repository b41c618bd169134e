"""Padding, pools, upsampling and branches against numbers by hand."""

import numpy as np
import pytest

from scratch import (
    Add,
    AveragePool1D,
    AveragePool2D,
    BilinearUpsample2D,
    Concatenate,
    Dense,
    Dropout,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    MaxPool1D,
    MaxPool2D,
    NearestUpsample2D,
    Sequential,
    ZeroPadding1D,
    ZeroPadding2D,
)


def image(rows):
    """Return one image of one channel."""
    return np.array(rows, float)[np.newaxis, :, :, np.newaxis]


def steps(numbers):
    """Return one sequence of one feature."""
    return np.array(numbers, float)[np.newaxis, :, np.newaxis]


def plain(array):
    """Return the one image, or sequence, of one channel as lists."""
    return array[0, ..., 0].tolist()


def test_zero_padding_by_hand():
    layer = ZeroPadding2D(((1, 0), (0, 2)))
    assert plain(layer.forward(image([[1, 2]]))) == [[0] * 4, [1, 2, 0, 0]]
    assert plain(layer.backward(image([[1, 2, 3, 4], [5, 6, 7, 8]]))) == [[5, 6]]
    assert plain(ZeroPadding2D((1, 0)).forward(image([[1, 2]]))) == [[0, 0], [1, 2], [0, 0]]
    assert plain(ZeroPadding2D().forward(image([[7]]))) == [[0, 0, 0], [0, 7, 0], [0, 0, 0]]
    assert plain(ZeroPadding1D((2, 1)).forward(steps([7]))) == [0, 0, 7, 0]
    assert plain(ZeroPadding1D().forward(steps([7]))) == [0, 7, 0]


def test_border_is_never_the_maximum():
    layer = MaxPool2D(2, padding=1)
    X = image([[-1, -2], [-3, -4]])
    assert plain(layer.forward(X)) == [[-1, -2], [-3, -4]]
    assert plain(layer.backward(image([[1, 2], [3, 4]]))) == [[1, 2], [3, 4]]


def test_border_counts_in_a_mean_where_that_is_said():
    X = image([[8, 4]])
    assert plain(AveragePool2D((1, 2), padding=(0, 1)).forward(X)) == [[8, 4]]
    counted = AveragePool2D((1, 2), padding=(0, 1), count_padding=True)
    assert plain(counted.forward(X)) == [[4, 2]]
    assert plain(counted.backward(image([[1, 3]]))) == [[0.5, 1.5]]


def test_pools_of_steps_by_hand():
    X = steps([1, 5, 3, 9])
    assert plain(MaxPool1D(3, 1).forward(X)) == [5, 9]
    assert plain(MaxPool1D(2, 1, dilation=2).forward(X)) == [3, 9]
    assert plain(MaxPool1D(3, 2, "same").forward(X)) == [5, 9]
    assert plain(AveragePool1D(2, 1).forward(X)) == [3, 4, 6]
    assert plain(AveragePool1D(3, 2, "same").forward(X)) == [3, 6]


def test_first_of_equal_steps_takes_the_gradient():
    layer = MaxPool1D(3, 1, padding=1)
    layer.forward(steps([4, 4, 2]))
    assert plain(layer.backward(steps([1, 10, 100]))) == [11, 100, 0]


def test_global_pools_by_hand():
    X = image([[1, 5], [5, 1]])
    mean, first, split = GlobalAveragePool(), GlobalMaxPool.pytorch(), GlobalMaxPool.keras()
    assert [layer.forward(X).item() for layer in (mean, first, split)] == [3, 5, 5]
    dz = np.array([[8.0]])
    assert plain(mean.backward(dz)) == [[2, 2], [2, 2]]
    assert plain(first.backward(dz)) == [[0, 8], [0, 0]]
    assert plain(split.backward(dz)) == [[0, 4], [4, 0]]


def test_nearest_upsampling_by_hand():
    layer = NearestUpsample2D((2, 1))
    assert plain(layer.forward(image([[1, 2]]))) == [[1, 2], [1, 2]]
    assert plain(layer.backward(image([[1, 10], [100, 1000]]))) == [[101, 1010]]


def test_bilinear_upsampling_by_hand():
    # centres at 1/4, 3/4, 5/4, 7/4 of pixels whose own are at 1/2 and 3/2
    layer = BilinearUpsample2D()
    z = layer.forward(image([[0, 16], [32, 48]]))
    assert plain(z) == [[0, 4, 12, 16], [8, 12, 20, 24], [24, 28, 36, 40], [32, 36, 44, 48]]
    # the first pixel's shares are (1, 3/4, 1/4, 0) along each axis
    assert layer.backward(np.ones_like(z))[0, 0, 0, 0] == 4
    corners = BilinearUpsample2D((1, 3), align_corners=True)  # at 0, 1/4, 1/2, ... 2
    assert plain(corners.forward(image([[0, 8, 4]]))) == [[0, 2, 4, 6, 8, 7, 6, 5, 4]]
    assert plain(corners.forward(image([[7]]))) == [[7, 7, 7]]


def test_branches_are_concatenated_in_order():
    layer = Concatenate(Sequential(Dense(1, 1), Dense(1, 1)), Identity(), Dense(1, 2))
    layer.theta = [2, 1, 3, 0, 5, 7, 0, 0]
    X = np.array([[10.0]])
    assert layer.forward(X).tolist() == [[63, 10, 50, 70]]
    assert layer.backward(np.array([[1.0, 10, 100, 1000]])).tolist() == [[6 + 10 + 500 + 7000]]
    # dW and db of the chain: 3 · 10, 3, 21, 1; of the last branch: 10 · 100, 10 · 1000, 100, 1000
    assert layer.grad.tolist() == [30, 3, 21, 1, 1000, 10000, 100, 1000]


def test_branches_are_added():
    layer = Add(Identity(), Dense(1, 1), Dense(1, 1, bias=False))
    layer.theta = [2, 1, 5]
    assert layer.forward(np.array([[10.0]])).tolist() == [[10 + 21 + 50]]
    assert layer.backward(np.array([[1.0]])).tolist() == [[1 + 2 + 5]]
    assert layer.grad.tolist() == [10, 1, 10]


@pytest.mark.parametrize("kind", [Concatenate, Add])
def test_branches_drop_in_training_only_and_take_their_masks_in_order(kind):
    layer, ones = kind(Dropout(0.5), Sequential(Dropout(0.75))), np.ones((1, 2))
    masks = np.array([[2.0, 0.0]]), np.array([[0.0, 4.0]])
    layer.use_masks(masks)
    a = layer.forward(ones, training=True)
    assert a.tolist() == {Concatenate: [[2, 0, 0, 4]], Add: [[2, 4]]}[kind]
    assert layer.backward(np.ones_like(a)).tolist() == [[2, 4]]
    assert layer.forward(ones).tolist() == {Concatenate: [[1] * 4], Add: [[2, 2]]}[kind]


def test_branches_read_whole_numbers_in_the_type_of_their_parameters():
    layer = Concatenate(Identity(), Dense(1, 1), dtype=np.float32)
    assert layer.forward(np.array([[3]])).dtype == np.float32


def test_branches_predict_as_they_compute_and_keep_what_backward_needs():
    layer = Concatenate(Identity(), Sequential(Dense(1, 2), Dense(2, 1)))
    layer.theta = [1, 2, 0, 0, 3, 4, 0]
    X = np.array([[10.0], [20.0]])
    a = layer.forward(X)
    assert layer.predict(X).tolist() == a.tolist() == [[10, 110], [20, 220]]
    layer.predict(np.ones((5, 1)))
    assert layer.backward(np.ones_like(a)).tolist() == [[12], [12]]
