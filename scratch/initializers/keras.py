"""Initial weights under the names that Keras and scikit-learn give them.

The three rules differ in the variance of W: 2/(d_in + d_out) for Glorot's, which keeps the variance
of a forwards and of dz backwards through linear layers; 2/d_in for He's, which makes up for the
half that a ReLU sets to zero; 1/d_in for LeCun's. Each comes as a uniform distribution, whose
bound is √3 standard deviations, and as a normal one. Keras truncates its normals at two standard
deviations and widens them to the same variance; PyTorch does neither (see `pytorch`).
"""

import math

import numpy as np

from scratch.initializers.basic import Shape, fans, truncated_normal, uniform

__all__ = [
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "sklearn_uniform",
]


def glorot_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw W ~ U[-r, r) with r = √(6 / (d_in + d_out)): Keras' default for dense and conv layers.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.

    >>> W = glorot_uniform(np.random.default_rng(0), (2, 4))
    >>> W.shape, bool(np.abs(W).max() < 1)
    ((2, 4), True)
    """
    d_in, d_out = fans(shape)
    r = math.sqrt(6 / (d_in + d_out))
    return uniform(rng, shape, -r, r)


def glorot_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw W with standard deviation √(2 / (d_in + d_out)) from a truncated normal.

    Source: Glorot and Bengio 2010, equation 12.

    >>> round(float(glorot_normal(np.random.default_rng(0), (100, 100)).std()), 2)
    0.1
    """
    d_in, d_out = fans(shape)
    return truncated_normal(rng, shape, math.sqrt(2 / (d_in + d_out)))


def he_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw W ~ U[-r, r) with r = √(6 / d_in).

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, the variance of equation 10.

    >>> W = he_uniform(np.random.default_rng(0), (6, 4))
    >>> bool(np.abs(W).max() < 1)
    True
    """
    r = math.sqrt(6 / fans(shape)[0])
    return uniform(rng, shape, -r, r)


def he_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw W with standard deviation √(2 / d_in) from a truncated normal.

    Source: He et al. 2015, equation 10; the paper and PyTorch's `kaiming_normal` do not truncate.

    >>> round(float(he_normal(np.random.default_rng(0), (200, 100)).std()), 2)
    0.1
    """
    return truncated_normal(rng, shape, math.sqrt(2 / fans(shape)[0]))


def lecun_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw W ~ U[-r, r) with r = √(3 / d_in).

    Source: LeCun et al., "Efficient BackProp", 1998, the variance of equation 16.

    >>> W = lecun_uniform(np.random.default_rng(0), (3, 4))
    >>> bool(np.abs(W).max() < 1)
    True
    """
    r = math.sqrt(3 / fans(shape)[0])
    return uniform(rng, shape, -r, r)


def lecun_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw W with standard deviation √(1 / d_in) from a truncated normal.

    Source: LeCun et al. 1998, equation 16.

    >>> round(float(lecun_normal(np.random.default_rng(0), (100, 100)).std()), 2)
    0.1
    """
    return truncated_normal(rng, shape, math.sqrt(1 / fans(shape)[0]))


def sklearn_uniform(
    rng: np.random.Generator, shape: Shape, weights: Shape, *, logistic: bool = False
) -> np.ndarray:
    """Draw W or b of scikit-learn's MLP ~ U[-r, r) with r = √(6 / (d_in + d_out)).

    `weights` is the shape of the layer's W, which also gives the bound for its b. If the hidden
    activation is logistic, the 6 is a 2.

    >>> b = sklearn_uniform(np.random.default_rng(0), (4,), weights=(2, 4))
    >>> bool(np.abs(b).max() < 1)
    True
    """
    d_in, d_out = fans(weights)
    r = math.sqrt((2 if logistic else 6) / (d_in + d_out))
    return uniform(rng, shape, -r, r)
