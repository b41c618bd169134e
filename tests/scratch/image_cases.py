"""Layers of images, one of each kind; and random convolutions and windows that fit their images."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from scratch import (
    Add,
    AveragePool1D,
    AveragePool2D,
    BatchNorm,
    BilinearUpsample2D,
    Concatenate,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    LeakyReLU,
    MaxPool1D,
    MaxPool2D,
    NearestUpsample2D,
    Reshape,
    Sequential,
    ZeroPadding2D,
)


def of_rows(layer):
    """Return a layer of sequences as one of images, whose rows it reads one after the other."""
    return Sequential(Reshape(42, 2), layer)


LAYERS = {
    "valid": lambda: Conv2D(2, 3, 3),
    "same": lambda: Conv2D(2, 3, 3, stride=2, padding="same"),
    "MaxPool2D": MaxPool2D,
    "overlapping": lambda: MaxPool2D(3, stride=1),
    "AveragePool2D": AveragePool2D,
    "BatchNorm": lambda: BatchNorm.keras(2),
    "LeakyReLU": lambda: LeakyReLU(0.3),
    "Flatten": Flatten,
    "Dropout": lambda: Dropout(0.5, np.random.default_rng(0)),
    "dilated, in groups": lambda: Conv2D(2, 4, 3, dilation=2, padding=2, groups=2),
    "DepthwiseConv2D": lambda: DepthwiseConv2D(2, 3, multiplier=2, stride=2),
    "Conv2DTranspose": lambda: Conv2DTranspose.keras(2, 3, 3, stride=2, padding="same"),
    "Conv1D": lambda: of_rows(Conv1D(2, 3, 3, padding="causal", dilation=2)),
    "Conv1DTranspose": lambda: of_rows(Conv1DTranspose(2, 3, 2, stride=3, padding=1)),
    "ZeroPadding2D": lambda: ZeroPadding2D(((0, 1), (2, 0))),
    "padded maximum": lambda: MaxPool2D(3, 2, padding=1),
    "padded mean": lambda: AveragePool2D(3, 2, padding="same"),
    "MaxPool1D": lambda: of_rows(MaxPool1D(3, 1, padding="same")),
    "AveragePool1D": lambda: of_rows(AveragePool1D(2, padding=1)),
    "GlobalAveragePool": GlobalAveragePool,
    "GlobalMaxPool": GlobalMaxPool.pytorch,
    "split maximum": GlobalMaxPool.keras,
    "NearestUpsample2D": lambda: NearestUpsample2D((2, 1)),
    "BilinearUpsample2D": BilinearUpsample2D,
    "Concatenate": lambda: Concatenate(Conv2D(2, 3, 1), Identity(), DepthwiseConv2D(2, 1)),
    "Add": lambda: Add(Conv2D(2, 2, 3, padding="same"), Identity()),
}


class ConvCase(NamedTuple):
    """A convolution with random parameters, images, and a gradient of its output."""

    layer: Conv2D
    X: np.ndarray
    dz: np.ndarray


@st.composite
def shapes(draw, largest=7):
    """Draw an image (n, h, w, c), a window and a stride; the window fits."""
    window = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    n, c = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    h, w = (draw(st.integers(size, largest)) for size in window)
    return (n, h, w, c), window, stride


@st.composite
def convolutions(draw, largest=7):
    """Draw a convolution, padded in any way, perhaps dilated, in groups or without bias."""
    (n, h, w, c), kernel, stride = draw(shapes(largest))
    padding = draw(st.sampled_from(["valid", "same", 1, ((0, 1), (2, 0))]))
    options = {"stride": stride, "padding": padding, "bias": draw(st.booleans())}
    dilation, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    if all((k - 1) * dilation < length for k, length in zip(kernel, (h, w), strict=True)):
        options["dilation"] = dilation
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    c_out = draw(st.integers(1, 3))
    layer = Conv2D(c * groups, c_out * groups, kernel, groups=groups, **options)
    for p in layer.params:
        p[...] = rng.normal(size=p.shape)
    X = rng.normal(size=(n, h, w, c * groups))
    return ConvCase(layer, X, rng.normal(size=layer.forward(X).shape))
