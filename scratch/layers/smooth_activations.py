"""Activations without a corner, or with a softer one than ReLU's.

As in `activations`, each works on arrays of any shape (n, ...), a = f(z) and dz = da ⊙ f′(z).
"""

import math

import numpy as np

from scratch.checks import require_not_negative, require_positive
from scratch.layers.activations import sigmoid
from scratch.layers.layer import Layer

__all__ = ["ELU", "SELU", "Mish", "SiLU", "Softplus"]

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # the paper's λ and α


class SiLU(Layer):
    """a = z σ(z), also called swish; f′(z) = σ(z) (1 + z (1 − σ(z))).

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107, 2018.

    >>> layer = SiLU()
    >>> layer.forward(np.array([[0.0, 1.0]])).round(6)
    array([[0.      , 0.731059]])
    >>> layer.backward(np.ones((1, 2))).round(6)
    array([[0.5     , 0.927671]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = z σ(z)."""
        self.z, self.s = z, sigmoid(z)
        return z * self.s

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ σ(z) (1 + z (1 − σ(z)))."""
        return da * self.s * (1 + self.z * (1 - self.s))


class Mish(Layer):
    """a = z t with t = tanh(log(1 + eᶻ)); f′(z) = t + z σ(z) (1 − t²).

    With n = e^−|z|: t = (1 + 2n)/(1 + 2n + 2n²) where z ≥ 0, else (n² + 2n)/(n² + 2n + 2), so that
    nothing overflows and every digit of a small t is kept.
    Source: Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    >>> layer = Mish()
    >>> layer.forward(np.array([[0.0, 1.0]])).round(6)
    array([[0.      , 0.865098]])
    >>> layer.backward(np.ones((1, 2))).round(6)
    array([[0.6     , 1.049036]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = z tanh(log(1 + eᶻ))."""
        n = np.exp(-np.abs(z))
        above, below = 1 + 2 * n, n * n + 2 * n
        self.z, self.t = z, np.where(z < 0, below / (below + 2), above / (above + 2 * n * n))
        return z * self.t

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (t + z σ(z) (1 − t²))."""
        return da * (self.t + self.z * sigmoid(self.z) * (1 - self.t * self.t))


class Softplus(Layer):
    """a = log(1 + eᶻ); f′(z) = σ(z). Computed as max(z, 0) + log(1 + e^−|z|): no overflow.

    Above `threshold` it is the straight line a = z, f′ = 1: 20 in PyTorch, where 2·10⁻⁹ is lost.
    Source: Dugas et al., "Incorporating second-order functional knowledge for better option
    pricing", NIPS 2000, section 2.

    >>> layer = Softplus()
    >>> layer.forward(np.array([[0.0, 1e4]])).round(6)
    array([[6.93147e-01, 1.00000e+04]])
    >>> layer.backward(np.ones((1, 2)))
    array([[0.5, 1. ]])
    """

    def __init__(self, threshold: float = math.inf) -> None:
        require_positive("threshold", threshold)
        super().__init__()
        self.threshold = threshold

    @classmethod
    def pytorch(cls) -> "Softplus":
        """Return `torch.nn.Softplus()`, linear above 20."""
        return cls(20.0)

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = log(1 + eᶻ)."""
        self.z = z
        a = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
        return np.where(z > self.threshold, z, a)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ σ(z)."""
        return da * np.where(self.z > self.threshold, 1, sigmoid(self.z))


class ELU(Layer):
    """a = z where z > 0, else α (eᶻ − 1); f′(z) = 1 where z > 0, else α eᶻ.

    Raises ValueError for an α below 0. Keras on TensorFlow computes eᶻ − 1 as it stands, and loses
    digits of a small z which are kept here.
    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", ICLR 2016, equation 15.

    >>> layer = ELU()
    >>> layer.forward(np.array([[-1.0, 0.0, 2.0]])).round(6)
    array([[-0.632121,  0.      ,  2.      ]])
    >>> layer.backward(np.ones((1, 3))).round(6)
    array([[0.367879, 1.      , 1.      ]])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        require_not_negative("alpha", alpha)
        super().__init__()
        self.alpha = alpha

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a."""
        self.z = z
        return np.where(z > 0, z, self.alpha * np.expm1(np.minimum(z, 0)))

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (1 where z > 0, else α eᶻ)."""
        return np.where(self.z > 0, da, da * (self.alpha * np.exp(np.minimum(self.z, 0))))


class SELU(ELU):
    """a = λ ELU(z), with the λ and α that keep mean 0 and variance 1 from layer to layer.

    λ = 1.0507..., α = 1.6733...; at z = 0 the derivative from the left is λα, PyTorch's, and that
    from the right λ, Keras': `right_at_zero`.
    Source: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", NIPS
    2017, equations 2 and 14.

    >>> SELU().forward(np.array([[-1.0, 1.0]])).round(6)
    array([[-1.111331,  1.050701]])
    """

    def __init__(self, *, right_at_zero: bool = False) -> None:
        super().__init__(_SELU_ALPHA)
        self.right_at_zero = right_at_zero

    @classmethod
    def keras(cls) -> "SELU":
        """Return `keras.activations.selu`."""
        return cls(right_at_zero=True)

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = λ ELU(z)."""
        return _SELU_SCALE * super().forward(z, training)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = λ da ⊙ ELU′(z)."""
        dz = super().backward(da)
        return _SELU_SCALE * (np.where(self.z == 0, da, dz) if self.right_at_zero else dz)
