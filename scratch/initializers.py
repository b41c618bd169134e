"""Initial weights: every function takes a generator and a shape, and returns a float64 array.

Nothing here has a seed of its own. Whoever wants the same weights in several frameworks draws them
once, here, and hands them over.
"""

import math

import numpy as np

__all__ = ["glorot_uniform", "uniform", "zeros"]


def uniform(
    rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float
) -> np.ndarray:
    """Draw W ~ U[low, high).

    >>> uniform(np.random.default_rng(0), (2, 2), -0.05, 0.05).round(4)
    array([[ 0.0137, -0.023 ],
           [-0.0459, -0.0483]])
    """
    return low + (high - low) * rng.random(shape)


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw W ~ U[-r, r) with r = √(6 / (d_in + d_out)), which keeps the variance of a and dz.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.

    >>> W = glorot_uniform(np.random.default_rng(0), (2, 4))
    >>> W.shape, bool(np.abs(W).max() < 1)
    ((2, 4), True)
    """
    d_in, d_out = shape
    r = math.sqrt(6 / (d_in + d_out))
    return uniform(rng, shape, -r, r)


def zeros(*shape: int) -> np.ndarray:
    """Return zeros, as biases start.

    >>> zeros(3)
    array([0., 0., 0.])
    """
    return np.zeros(shape)
