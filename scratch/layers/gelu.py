"""The Gaussian error linear unit, and the normal distribution that it takes its name from."""

import math

import numpy as np

from scratch.layers.layer import Layer

__all__ = ["GELU", "normal_tail"]

_ROOT_HALF, _CUBIC = math.sqrt(0.5), 0.044715


class GELU(Layer):
    """a = z Φ(z): z times the probability that a standard normal number lies below it.

    f′(z) = Φ(z) + z φ(z), φ the normal density. With `approximate`, u = √(2/π) (z + 0.044715 z³),
    a = ½ z (1 + tanh u), and f′(z) = ½ (1 + tanh u) + ½ z (1 − tanh²u) √(2/π) (1 + 3·0.044715 z²).

    Shapes: a as z. `keras` returns what Keras computes on TensorFlow, which rounds √½,
    or 0.044715, to float32 in a float64 network: the values differ by 5·10⁻⁹, or by 10⁻⁹.
    Source: Hendrycks and Gimpel, "Gaussian error linear units", arXiv:1606.08415, 2016, section 2.

    >>> layer = GELU()
    >>> layer.forward(np.array([[-1.0, 0.0, 2.0]])).round(6)
    array([[-0.158655,  0.      ,  1.9545  ]])
    >>> layer.backward(np.ones((1, 3))).round(6)
    array([[-0.083315,  0.5     ,  1.085232]])
    >>> GELU(approximate=True).forward(np.array([[2.0]])).round(6)
    array([[1.954598]])
    """

    def __init__(
        self, *, approximate: bool = False, root_half: float = _ROOT_HALF, cubic: float = _CUBIC
    ) -> None:
        super().__init__()
        self.approximate, self.root_half, self.cubic = approximate, root_half, cubic

    @classmethod
    def keras(cls, *, approximate: bool = False) -> "GELU":
        """Return `keras.activations.gelu` on TensorFlow, constants rounded as there."""
        root_half, cubic = (float(np.float32(constant)) for constant in (_ROOT_HALF, _CUBIC))
        return cls(approximate=approximate, root_half=root_half, cubic=cubic)

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = z Φ(z)."""
        self.z = z
        if self.approximate:
            self.tanh_u = np.tanh(math.sqrt(2 / math.pi) * (z + self.cubic * (z * z * z)))
            return 0.5 * z * (1 + self.tanh_u)
        tail = normal_tail(self.root_half * np.abs(z))
        self.below = np.abs((z >= 0) - tail)  # 1 − tail, or tail where z < 0
        return z * self.below

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (Φ(z) + z φ(z))."""
        z = self.z
        if self.approximate:
            du = math.sqrt(2 / math.pi) * (1 + 3 * self.cubic * (z * z))
            slope = 0.5 * z * (1 - self.tanh_u * self.tanh_u) * du
            return da * (0.5 * (1 + self.tanh_u) + slope)
        s = self.root_half * z
        density = self.root_half / math.sqrt(math.pi) * np.exp(-s * s)
        return da * (self.below + z * density)


def normal_tail(x: np.ndarray) -> np.ndarray:
    """Return ½ erfc(x) = 1/√π ∫ₓ^∞ e^−t² dt for x ≥ 0, to 4·10⁻¹⁶: Φ(−z) for x = z/√2.

    NumPy has no error function. e^x² erfc(x) is smooth in t = 4/(4 + x), and here its Chebyshev
    series on 0 ≤ x ≤ 6.5, written as a polynomial in u, which is −1 and 1 at the ends. Beyond 6.5
    the tail is below 10⁻¹⁹.

    >>> normal_tail(np.array([0.0, 1.0])).round(6)
    array([0.5    , 0.07865])
    """
    t = 4 / (4 + np.minimum(x, _FAR))
    u = (2 * t - (1 + _LEAST)) / (1 - _LEAST)
    p = _SERIES[-1] * u + _SERIES[-2]
    for coefficient in _SERIES[-3::-1]:
        p = p * u + coefficient
    return 0.5 * p * np.exp(-x * x)


_FAR = 6.5
_LEAST = 4 / (4 + _FAR)  # t at x = 6.5
_SERIES = (
    0.27942855219368923,
    0.327965037356824,
    0.21025119844797893,
    0.11101893550852202,
    0.04830152065636694,
    0.017119508331502973,
    0.004801406001124857,
    0.0009956606900480597,
    0.00012401497079424,
    -1.4803710886849248e-06,
    -3.9276012358559105e-06,
    -5.208116453746739e-07,
    7.124579309806016e-08,
    2.5221919744239477e-08,
    -8.642197413469196e-10,
    -1.0137183442219608e-09,
    2.155568929244567e-12,
    3.5188319594743334e-11,
)
