"""The building blocks of rules for initial weights: fans, and draws from a generator."""

import math

import numpy as np

__all__ = ["Shape", "fans", "normal", "orthogonal", "truncated_normal", "uniform", "zeros"]

Shape = tuple[int, ...]

# The standard deviation of a standard normal that is truncated at ±2: with the density φ
# and ∫φ from −2 to 2 = erf(√2), the variance is 1 − 2·2φ(2)/erf(√2).
_PHI_2 = math.exp(-2) / math.sqrt(2 * math.pi)
_TRUNCATED_STD = math.sqrt(1 - 4 * _PHI_2 / math.erf(math.sqrt(2)))


def fans(shape: Shape) -> tuple[int, int]:
    """Return the number of inputs per output of these weights, and of outputs per input.

    (d_in, d_out) of W (d_in, d_out); kh·kw·c_in and kh·kw·c_out of a kernel (kh, kw, c_in, c_out).
    Raises ValueError for fewer than two axes: the fans of a bias are those of its layer's weights.

    >>> fans((3, 5)), fans((2, 2, 3, 5))
    ((3, 5), (12, 20))
    """
    if len(shape) < 2:
        raise ValueError(f"shape must have at least two axes, got {shape}")
    *window, d_in, d_out = shape
    return math.prod(window) * d_in, math.prod(window) * d_out


def uniform(rng: np.random.Generator, shape: Shape, low: float, high: float) -> np.ndarray:
    """Draw W ~ U[low, high).

    >>> uniform(np.random.default_rng(0), (2, 2), -0.05, 0.05).round(4)
    array([[ 0.0137, -0.023 ],
           [-0.0459, -0.0483]])
    """
    return low + (high - low) * rng.random(shape)


def normal(rng: np.random.Generator, shape: Shape, std: float) -> np.ndarray:
    """Draw W ~ N(0, std²).

    >>> normal(np.random.default_rng(0), (2,), 0.5).round(4)
    array([ 0.0629, -0.0661])
    """
    return std * rng.standard_normal(shape)


def truncated_normal(rng: np.random.Generator, shape: Shape, std: float) -> np.ndarray:
    """Draw W from a normal truncated at two standard deviations, so that W has the deviation `std`.

    The normal before truncation has the standard deviation std/0.8796...; values outside are drawn
    again.

    >>> W = truncated_normal(np.random.default_rng(0), (10_000,), 0.5)
    >>> round(float(W.std()), 2), bool(np.abs(W).max() < 2 * 0.5 / 0.8796)
    (0.5, True)
    """
    z = rng.standard_normal(shape)
    while (outside := np.abs(z) > 2).any():
        z[outside] = rng.standard_normal(np.count_nonzero(outside))
    return z * (std / _TRUNCATED_STD)


def orthogonal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw W (d_in, d_out) with orthonormal rows or columns, whichever are fewer.

    Uniformly among all of these: the Q of a normal matrix's QR decomposition, with the signs that
    make R's diagonal positive. Raises ValueError unless there are two axes.
    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", ICLR 2014; the signs: Mezzadri, Notices of the AMS 54, 2007.

    >>> W = orthogonal(np.random.default_rng(0), (2, 4))
    >>> (W @ W.T).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    if len(shape) != 2:
        raise ValueError(f"shape must have two axes, got {shape}")
    Q, R = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    Q = Q * np.where(np.diag(R) < 0, -1, 1)
    return Q.T if shape[0] < shape[1] else Q


def zeros(*shape: int) -> np.ndarray:
    """Return zeros, as for biases.

    >>> zeros(3)
    array([0., 0., 0.])
    """
    return np.zeros(shape)
