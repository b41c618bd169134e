"""What convolutions, pools and branches refuse, in one sentence each; and the smallest images."""

import numpy as np
import pytest

from scratch import (
    Add,
    AveragePool1D,
    AveragePool2D,
    BilinearUpsample2D,
    Concatenate,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    MaxPool1D,
    MaxPool2D,
    NearestUpsample2D,
    ZeroPadding1D,
    ZeroPadding2D,
)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Conv2D(2, 1, 3, dilation=3), r"images of at least \(7, 7\), the window, got \(6, 7\)"),
        (
            Conv2D(2, 1, 9, padding=1),
            r"images of at least \(9, 9\), the window, got \(8, 9\), padding included",
        ),
        (MaxPool2D(3, dilation=(1, 4)), r"images of at least \(3, 9\), the window, got \(6, 7\)"),
        (DepthwiseConv2D(2, (7, 1)), r"images of at least \(7, 1\), the window, got \(6, 7\)"),
        (AveragePool2D((1, 8)), r"images of at least \(1, 8\), the window, got \(6, 7\)"),
    ],
)
def test_window_larger_than_the_image_is_refused(layer, message):
    with pytest.raises(ValueError, match=rf"^X: expected {message}$"):
        layer.forward(np.ones((1, 6, 7, 2)))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Conv1D(2, 1, 6), "at least 6 steps, the window, got 5"),
        (Conv1D(2, 1, 3, dilation=3), "at least 7 steps, the window, got 5"),
        (
            Conv1D(2, 1, 9, padding=(1, 0)),
            "at least 9 steps, the window, got 6, padding included",
        ),
        (MaxPool1D(6), "at least 6 steps, the window, got 5"),
        (AveragePool1D(7), "at least 7 steps, the window, got 5"),
    ],
)
def test_window_larger_than_the_sequence_is_refused(layer, message):
    with pytest.raises(ValueError, match=f"^X: expected {message}$"):
        layer.forward(np.ones((1, 5, 2)))


def test_transposed_convolution_that_leaves_nothing_is_refused():
    layer = Conv2DTranspose(1, 1, 2, padding=((1, 1), (0, 0)))
    message = (
        r"^padding \(1, 1\) leaves nothing of the 2 pixels that the kernels cover for X \(1, 4\)$"
    )
    with pytest.raises(ValueError, match=message):
        layer.forward(np.ones((1, 1, 4, 1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(4, 6, 3, groups=3), "groups must divide c_in = 4, got 3"),
        (lambda: Conv2D(4, 6, 3, groups=4), "groups must divide c_out = 6, got 4"),
        (lambda: Conv2D(4, 4, 3, groups=0), "groups must divide c_in = 4, got 0"),
        (lambda: Conv2D(1, 1, 3, dilation=(1, 0)), r"dilation must be at least 1, got \(1, 0\)"),
        (lambda: Conv2D(1, 1, 3, padding=(0, -1)), r"padding must be at least 0, got \(0, -1\)"),
        (lambda: Conv2D(1, 1, 3, padding="full"), "padding must be 'valid' or 'same', got 'full'"),
        (lambda: DepthwiseConv2D(0, 3), "c_in must be above 0, got 0"),
        (lambda: DepthwiseConv2D(2, 3, multiplier=0), "multiplier must be above 0, got 0"),
        (lambda: Conv1D(0, 1, 3), "c_in must be above 0, got 0"),
        (lambda: Conv1D(1, 1, 0), "kernel must be above 0, got 0"),
        (lambda: Conv1D(1, 1, 3, stride=0), "stride must be above 0, got 0"),
        (lambda: Conv1D(1, 1, 3, dilation=-1), "dilation must be above 0, got -1"),
        (lambda: Conv1D(1, 1, 3, padding=(1, -1)), r"padding must be at least 0, got \(1, -1\)"),
        (
            lambda: Conv1D(1, 1, 3, padding="full"),
            "padding must be 'valid', 'same' or 'causal', got 'full'",
        ),
        (lambda: MaxPool1D(2, padding="causal"), "padding must be 'valid' or 'same', got 'causal'"),
        (lambda: Conv2DTranspose(0, 1, 3), "c_in must be above 0, got 0"),
        (
            lambda: Conv2DTranspose(1, 1, 3, padding=((0, 0), (-1, 0))),
            r"padding must be at least 0, got \(\(0, 0\), \(-1, 0\)\)",
        ),
        (lambda: Conv2DTranspose(1, 0, 3), "c_out must be above 0, got 0"),
        (
            lambda: Conv2DTranspose(1, 1, 3, stride=2, output_padding=2),
            "output_padding must be at least 0 and below the stride 2, got 2",
        ),
        (
            lambda: Conv1DTranspose(1, 1, 3, output_padding=-1),
            "output_padding must be at least 0 and below the stride 1, got -1",
        ),
        (
            lambda: Conv2DTranspose.keras(1, 1, 3, padding="full"),
            "padding must be 'valid' or 'same', got 'full'",
        ),
        (lambda: Conv1DTranspose(1, 1, 3, padding=-1), "padding must be at least 0, got -1"),
        (
            lambda: MaxPool2D(2, padding=((0, 2), (0, 0))),
            r"padding must be below \(2, 2\), the window, got \(\(0, 2\), \(0, 0\)\)",
        ),
        (
            lambda: AveragePool1D(2, padding=2),
            r"padding must be below \(2, 1\), the window, got \(\(2, 2\), \(0, 0\)\)",
        ),
        (lambda: MaxPool1D(0), "size must be above 0, got 0"),
        (lambda: ZeroPadding2D(((1, 1), (1, -1))), r"padding must be at least 0, got .*"),
        (lambda: ZeroPadding1D(-1), "padding must be at least 0, got -1"),
        (lambda: NearestUpsample2D(0), "factor must be at least 1, got 0"),
        (lambda: BilinearUpsample2D((1, 0)), r"factor must be at least 1, got \(1, 0\)"),
        (lambda: Concatenate(), "a network needs at least one layer, got none"),
    ],
)  # fmt: skip
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            Concatenate(Identity(), MaxPool2D(2)),
            r"differ in the last axis only: \(2, 4, 4, 3\), \(2, 2, 2, 3\)",
        ),
        (Add(Identity(), Dense(3, 2)), r"have one shape: \(2, 4, 4, 3\), \(2, 4, 4, 2\)"),
    ],
)
def test_branches_that_do_not_fit_together_are_refused(layer, message):
    with pytest.raises(ValueError, match=f"^the branches' outputs must {message}$"):
        layer.forward(np.ones((2, 4, 4, 3)))


PIXEL = {
    "convolution": (Conv2D(2, 3, 1), 3),
    "same": (Conv2D(2, 3, 3, padding="same", dilation=2), 3),
    "depthwise": (DepthwiseConv2D(2, 1), 2),
    "transposed": (Conv2DTranspose(2, 3, 1), 3),
    "maximum": (MaxPool2D(1), 2),
    "padded maximum": (MaxPool2D(3, padding="same"), 2),
    "mean": (AveragePool2D(3, padding="same"), 2),
    "global mean": (GlobalAveragePool(), 2),
    "global maximum": (GlobalMaxPool.keras(), 2),
    "nearest": (NearestUpsample2D(1), 2),
    "bilinear": (BilinearUpsample2D(1), 2),
    "corners": (BilinearUpsample2D(1, align_corners=True), 2),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("layer", "channels"), PIXEL.values(), ids=PIXEL)
def test_one_pixel_in_a_batch_of_one(layer, channels, dtype):
    X = np.array([3, -5], dtype).reshape(1, 1, 1, 2)
    layer.attach(*([a.astype(dtype) for a in each] for each in (layer.params, layer.grads)))
    for p in layer.params:
        p[...] = 1
    a = layer.forward(X)
    dX = layer.backward(np.ones_like(a))
    assert a.size == channels
    assert (a.dtype, dX.dtype, dX.shape) == (dtype, dtype, X.shape)
    assert np.isfinite(a).all()
    if not layer.params:
        assert a.ravel().tolist() == [3, -5]
        assert dX.ravel().tolist() == [1, 1]


@pytest.mark.parametrize("factor", [2, 3])
def test_an_image_of_one_pixel_is_resized_to_equal_pixels(factor):
    X = np.array([3.0, -5.0]).reshape(1, 1, 1, 2)
    for layer in (
        NearestUpsample2D(factor),
        BilinearUpsample2D(factor),
        BilinearUpsample2D(factor, align_corners=True),
    ):
        a = layer.forward(X)
        assert a.shape == (1, factor, factor, 2)
        assert (a == X).all()
        assert (layer.backward(np.ones_like(a)) == factor**2).all()
