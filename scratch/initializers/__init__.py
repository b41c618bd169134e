"""Initial weights: every function takes a generator and a shape, and returns a float64 array.

W is (d_in, d_out), a convolution's kernel (kh, kw, c_in, c_out). Nothing here has a seed of its
own. To have the same weights in several frameworks, draw them once and hand them over.
"""

from scratch.initializers.basic import fans, normal, orthogonal, truncated_normal, uniform, zeros
from scratch.initializers.keras import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    sklearn_uniform,
)
from scratch.initializers.pytorch import (
    kaiming_normal,
    kaiming_uniform,
    pytorch_uniform,
    xavier_normal,
    xavier_uniform,
)

__all__ = [
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "pytorch_uniform",
    "sklearn_uniform",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
