"""How far apart two arrays are, and derivatives by central differences."""

import numpy as np

OF_DIFFERENCES = 1e-8  # central differences err by h² f‴/6 and 1e-16/h: some 1e-10


def assert_close(actual, expected, tolerance):
    """The largest error, relative to the largest magnitude, is at most the tolerance."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    scale, error = np.abs(expected).max(), np.abs(actual - expected).max()
    assert error <= tolerance * scale, f"off by {error} for a magnitude of {scale}"


def assert_is_gradient(gradient, f, x, tolerance=OF_DIFFERENCES):
    """The gradient is df/dx for a number f(), which reads the float64 array x and is of order 1."""
    h, expected = 1e-5, np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        above = f()
        x[i] = kept - h
        expected[i] = (above - f()) / (2 * h)
        x[i] = kept
    assert np.shape(gradient) == x.shape
    error, scale = np.abs(gradient - expected).max(), max(1, np.abs(expected).max())
    assert error <= tolerance * scale, error
