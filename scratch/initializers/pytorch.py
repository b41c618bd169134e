"""Initial weights under the names that PyTorch gives them.

`xavier` is Glorot's rule and `kaiming` He's. The normal ones are not truncated: of a
hundred weights four or five lie beyond the two standard deviations where Keras truncates.
"""

import math

import numpy as np

from scratch.initializers.basic import Shape, fans, normal, uniform

__all__ = [
    "kaiming_normal",
    "kaiming_uniform",
    "pytorch_uniform",
    "xavier_normal",
    "xavier_uniform",
]


def xavier_uniform(rng: np.random.Generator, shape: Shape, gain: float = 1.0) -> np.ndarray:
    """Draw W ~ U[-r, r) with r = gain √(6 / (d_in + d_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.

    >>> W = xavier_uniform(np.random.default_rng(0), (2, 4))
    >>> bool(np.abs(W).max() < 1)
    True
    """
    d_in, d_out = fans(shape)
    r = gain * math.sqrt(6 / (d_in + d_out))
    return uniform(rng, shape, -r, r)


def xavier_normal(rng: np.random.Generator, shape: Shape, gain: float = 1.0) -> np.ndarray:
    """Draw W ~ N(0, std²) with std = gain √(2 / (d_in + d_out)).

    Source: Glorot and Bengio 2010, equation 12.

    >>> round(float(xavier_normal(np.random.default_rng(0), (100, 100)).std()), 2)
    0.1
    """
    d_in, d_out = fans(shape)
    return normal(rng, shape, gain * math.sqrt(2 / (d_in + d_out)))


def kaiming_uniform(rng: np.random.Generator, shape: Shape, slope: float = 0.0) -> np.ndarray:
    """Draw W ~ U[-r, r) with r = √(6 / ((1 + slope²) d_in)).

    `slope` is that of the leaky ReLU that follows, 0 for a ReLU (PyTorch's `a`).
    Source: He et al., "Delving deep into rectifiers", ICCV 2015, the variance of equation 15.

    >>> W = kaiming_uniform(np.random.default_rng(0), (6, 4))
    >>> bool(np.abs(W).max() < 1)
    True
    """
    r = math.sqrt(6 / ((1 + slope**2) * fans(shape)[0]))
    return uniform(rng, shape, -r, r)


def kaiming_normal(rng: np.random.Generator, shape: Shape, slope: float = 0.0) -> np.ndarray:
    """Draw W ~ N(0, std²) with std = √(2 / ((1 + slope²) d_in)).

    Source: He et al. 2015, equation 15.

    >>> round(float(kaiming_normal(np.random.default_rng(0), (200, 100)).std()), 2)
    0.1
    """
    return normal(rng, shape, math.sqrt(2 / ((1 + slope**2) * fans(shape)[0])))


def pytorch_uniform(rng: np.random.Generator, shape: Shape, weights: Shape) -> np.ndarray:
    """Draw W or b as `torch.nn.Linear` and `Conv2d` do by default: U[-r, r) with r = 1/√d_in.

    `weights` is the shape of the layer's W, whose d_in also bounds its b. It is `kaiming_uniform`
    with a slope of √5, a choice that PyTorch keeps from its predecessor.

    >>> b = pytorch_uniform(np.random.default_rng(0), (1000,), weights=(4, 1000))
    >>> bool(0.49 < np.abs(b).max() < 0.5)
    True
    """
    r = 1 / math.sqrt(fans(weights)[0])
    return uniform(rng, shape, -r, r)
