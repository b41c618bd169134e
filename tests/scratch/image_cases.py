"""Random convolutions and pooling windows that fit their images, for hypothesis to draw."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from scratch import Conv2D


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
    """Draw a convolution, valid or same, with or without bias."""
    shape, kernel, stride = draw(shapes(largest))
    padding, bias = draw(st.sampled_from(["valid", "same"])), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    c_out = draw(st.integers(1, 3))
    layer = Conv2D(shape[3], c_out, kernel, stride=stride, padding=padding, bias=bias)
    for p in layer.params:
        p[...] = rng.normal(size=p.shape)
    X = rng.normal(size=shape)
    return ConvCase(layer, X, rng.normal(size=layer.forward(X).shape))
