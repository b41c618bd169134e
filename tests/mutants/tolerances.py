"""Wider tolerances: what do the tests catch without the tight ones?"""

import functools
import math

import numpy as np
import pytest

from ..scratch import closeness

REL, ABS = 1e-6, 1e-12  # those of pytest.approx, where a test gives none


def widen(factor):
    """Multiply every tolerance of the tests in `tests/scratch`, before they are imported."""
    approx, allclose, isclose = pytest.approx, np.allclose, math.isclose
    close, is_gradient = closeness.assert_close, closeness.assert_is_gradient

    def wider_approx(expected, rel=None, abs=None, nan_ok=False):
        rel = REL if rel is None and abs is None else rel
        abs = ABS if abs is None else abs
        return approx(expected, rel and rel * factor, abs * factor, nan_ok)

    pytest.approx = wider_approx
    # the defaults are NumPy's and Python's own; onnx calls both functions, with other options, too
    np.allclose = lambda a, b, rtol=1e-5, atol=1e-8, **options: allclose(
        a, b, rtol * factor, atol * factor, **options
    )
    math.isclose = lambda a, b, *, rel_tol=1e-9, abs_tol=0.0: isclose(
        a, b, rel_tol=rel_tol * factor, abs_tol=abs_tol * factor
    )
    closeness.assert_close = lambda a, b, tolerance: close(a, b, tolerance * factor)
    closeness.assert_is_gradient = functools.partial(
        is_gradient, tolerance=closeness.OF_DIFFERENCES * factor
    )
