"""The convolutional family against numbers by hand."""

import numpy as np
import pytest

from scratch import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, DepthwiseConv2D


def image(rows):
    """Return one image of one channel."""
    return np.array(rows, float)[np.newaxis, :, :, np.newaxis]


def steps(numbers):
    """Return one sequence of one feature."""
    return np.array(numbers, float)[np.newaxis, :, np.newaxis]


def plain(array):
    """Return the one image, or sequence, of one channel as lists."""
    return array[0, ..., 0].tolist()


def with_kernel(layer, kernel, bias=0):
    layer.W[...] = np.reshape(kernel, layer.W.shape)
    layer.b[:] = bias
    return layer


def test_dilated_kernel_skips_the_pixels_in_between():
    layer = with_kernel(Conv2D(1, 1, 2, dilation=2), [[1, 10], [100, 1000]])
    X = image([[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 5]])
    # the corners of 3 x 3 pixels: 1 + 20 + 300 + 4000, and 0 + 0 + 0 + 5000
    assert plain(layer.forward(X)) == [[4321, 5000]]
    # dz = (1, 2): each lays the kernel on its corners
    expected = [[1, 2, 10, 20], [0, 0, 0, 0], [100, 200, 1000, 2000]]
    assert plain(layer.backward(image([[1, 2]]))) == expected
    # dW[u, v] = X[2u, 2v] + 2 X[2u, 2v + 1]
    assert layer.grads[0].ravel().tolist() == [1, 2, 3, 14]


def test_outputs_of_a_group_see_the_channels_of_that_group():
    layer = Conv2D(4, 2, 1, groups=2, bias=False)
    layer.W[0, 0] = [[1, 3], [2, 4]]  # outputs 0 and 1, of channels 0, 1 and 2, 3
    X = np.array([1.0, 10, 100, 1000]).reshape(1, 1, 1, 4)
    assert layer.forward(X).ravel().tolist() == [1 + 20, 300 + 4000]
    assert layer.backward(np.array([1.0, 10]).reshape(1, 1, 1, 2)).ravel().tolist() == [
        1,
        2,
        30,
        40,
    ]
    assert layer.grads[0][0, 0].tolist() == [[1, 1000], [10, 10000]]


def test_depthwise_outputs_lie_channel_by_channel_kernel_by_kernel():
    layer = with_kernel(DepthwiseConv2D(2, 1, multiplier=2), [1, 2, 3, 4], [0, 0, 0, 5])
    assert layer.forward(image([[10]]) * [1.0, 100.0]).ravel().tolist() == [10, 20, 3000, 4005]


@pytest.mark.parametrize(
    ("padding", "shape"),
    [(2, (7, 7)), ((1, 0), (5, 3)), (((1, 0), (0, 2)), (4, 5)), ("valid", (3, 3)), (0, (3, 3))],
)
def test_explicit_padding_adds_so_many_zeros(padding, shape):
    layer = with_kernel(Conv2D(1, 1, 1, padding=padding), 1)
    z = layer.forward(image(np.ones((3, 3))))
    assert z.shape[1:3] == shape
    assert z.sum() == 9
    assert plain(layer.backward(np.ones_like(z))) == [[1] * 3] * 3


def test_padding_on_four_sides_is_above_below_left_right():
    layer = with_kernel(Conv2D(1, 1, 1, padding=((1, 2), (3, 0))), 1)
    expected = [[0] * 4, [0, 0, 0, 7], [0] * 4, [0] * 4]
    assert plain(layer.forward(image([[7]]))) == expected


@pytest.mark.parametrize(
    ("arguments", "z"),
    [
        # the kernel (1 10) on 1 2 3 4
        ({}, [21, 32, 43]),
        ({"stride": 2}, [21, 43]),
        ({"dilation": 2}, [31, 42]),
        ({"padding": "same"}, [21, 32, 43, 4]),
        ({"padding": "causal"}, [10, 21, 32, 43]),
        ({"padding": "causal", "dilation": 2}, [10, 20, 31, 42]),
        ({"padding": "causal", "stride": 2}, [10, 32]),
        ({"padding": 1}, [10, 21, 32, 43, 4]),
        ({"padding": (0, 2)}, [21, 32, 43, 4, 0]),
    ],
)
def test_convolution_of_steps_by_hand(arguments, z):
    layer = with_kernel(Conv1D(1, 1, 2, **arguments), [1, 10])
    assert plain(layer.forward(steps([1, 2, 3, 4]))) == z


def test_gradients_of_a_causal_convolution_by_hand():
    layer = with_kernel(Conv1D(1, 1, 2, padding="causal"), [1, 10], 5)
    assert plain(layer.forward(steps([3, 4]))) == [35, 48]
    # z = (10 x0 + 5, x0 + 10 x1 + 5)
    assert plain(layer.backward(steps([1, 2]))) == [12, 20]
    assert [g.ravel().tolist() for g in layer.grads] == [[6, 11], [3]]


def test_causal_output_depends_on_no_later_step():
    rng = np.random.default_rng(0)
    layer = Conv1D(2, 3, 3, padding="causal", dilation=2).initialize(rng)
    X = rng.normal(size=(1, 9, 2))
    z = layer.forward(X)
    for t in range(8):
        changed = X.copy()
        changed[:, t + 1 :] = 7
        assert np.array_equal(layer.forward(changed)[:, : t + 1], z[:, : t + 1])


@pytest.mark.parametrize(
    ("make", "z"),
    [
        # the kernel (1 2 3) at 1 and 10, two apart: 1 2 13 20 30
        (lambda: Conv1DTranspose(1, 1, 3, stride=2), [1, 2, 13, 20, 30]),
        (lambda: Conv1DTranspose(1, 1, 3, stride=2, padding=(1, 0)), [2, 13, 20, 30]),
        (lambda: Conv1DTranspose(1, 1, 3, stride=2, output_padding=1), [1, 2, 13, 20, 30, 0]),
        (lambda: Conv1DTranspose.keras(1, 1, 3, stride=2), [1, 2, 13, 20, 30]),
        (lambda: Conv1DTranspose.keras(1, 1, 3, stride=2, padding="same"), [1, 2, 13, 20]),
        (lambda: Conv1DTranspose.keras(1, 1, 3, stride=4), [1, 2, 3, 0, 10, 20, 30, 0]),
        (lambda: Conv1DTranspose.pytorch(1, 1, 3, stride=2, padding=1), [2, 13, 20]),
        (
            lambda: Conv1DTranspose.pytorch(1, 1, 3, stride=2, padding=1, output_padding=1),
            [2, 13, 20, 30],
        ),
        (lambda: Conv1DTranspose(1, 1, 3), [1, 12, 23, 30]),
    ],
)
def test_transposed_convolution_of_steps_by_hand(make, z):
    layer = with_kernel(make(), [1, 2, 3])
    assert plain(layer.forward(steps([1, 10]))) == z


def test_gradients_of_a_transposed_convolution_by_hand():
    layer = with_kernel(Conv1DTranspose(1, 1, 3, stride=2, padding=1), [1, 2, 3], 5)
    assert plain(layer.forward(steps([1, 10]))) == [7, 18, 25]
    # z = (2 x0, 3 x0 + 1 x1, 2 x1) + 5
    assert plain(layer.backward(steps([1, 10, 100]))) == [32, 210]
    # dW = (10 · x1, 1 · x0 + 100 · x1, 10 · x0)
    assert [g.ravel().tolist() for g in layer.grads] == [[100, 1001, 10], [111]]


def test_transposed_convolution_is_the_adjoint_of_the_convolution():
    rng = np.random.default_rng(0)
    layer = Conv2D(2, 3, (3, 2), stride=2, padding=((1, 0), (0, 1)), bias=False).initialize(rng)
    back = Conv2DTranspose(
        3, 2, (3, 2), stride=2, padding=((1, 0), (0, 1)), output_padding=(1, 0), bias=False
    )
    back.W[...] = layer.W
    X, z = rng.normal(size=(2, 5, 5, 2)), rng.normal(size=(2, 2, 3, 3))
    assert layer.forward(X).shape == z.shape
    # 1e-14: sums of 150 terms, rounded in another order
    assert np.sum(layer.forward(X) * z) == pytest.approx(np.sum(X * back.forward(z)), rel=1e-14)


@pytest.mark.parametrize(
    ("layer", "W", "width"),
    [
        (Conv2D(2, 3, 3), (3, 3, 2, 3), 3),
        (DepthwiseConv2D(2, 3), (3, 3, 1, 2), 3),
        (Conv2DTranspose(2, 3, 3), (3, 3, 3, 2), 7),
        (Conv2DTranspose.keras(2, 3, 3), (3, 3, 3, 2), 7),
        (Conv2DTranspose.pytorch(2, 3, 3), (3, 3, 3, 2), 7),
        (Conv1D(2, 3, 3), (3, 2, 3), 3),
        (Conv1DTranspose(2, 3, 3), (3, 3, 2), 7),
        (Conv1DTranspose.keras(2, 3, 3), (3, 3, 2), 7),
        (Conv1DTranspose.pytorch(2, 3, 3), (3, 3, 2), 7),
    ],
)
def test_by_default_there_are_biases_and_neither_stride_nor_padding(layer, W, width):
    z = layer.forward(np.ones((1, *[5] * (len(W) - 2), 2)))
    assert [p.shape for p in layer.params] == [W, (z.shape[-1],)]
    assert set(z.shape[1:-1]) == {width}


def test_without_biases_there_are_none():
    for make in (Conv2DTranspose, Conv2DTranspose.keras, Conv2DTranspose.pytorch):
        assert len(make(1, 1, 2, bias=False).params) == 1
    for make in (Conv1DTranspose, Conv1DTranspose.keras, Conv1DTranspose.pytorch):
        assert len(make(1, 1, 2, bias=False).params) == 1
