"""Activations: a = f(z) element by element, and dz = da ⊙ f′(z).

Each works on arrays of any shape (n, ...) and keeps what its derivative needs.
"""

import numpy as np

from scratch.checks import require_fraction
from scratch.layers.dense import row_sums
from scratch.layers.layer import Layer

__all__ = [
    *("LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Step", "Tanh"),
    *("sigmoid", "softmax"),
]


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return σ(z) = 1 / (1 + e⁻ᶻ), element by element, as eᶻ / (1 + eᶻ) where z < 0.

    No exponent is above 0: nothing overflows, and every digit of a small σ is kept.

    >>> sigmoid(np.array([-1e4, 0.0, 5.0])).round(6)
    array([0.      , 0.5     , 0.993307])
    """
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))


def softmax(z: np.ndarray) -> np.ndarray:
    """Return eᶻₖ / Σⱼ eᶻⱼ along the last axis, for z (n, k).

    The row's maximum is subtracted first: the quotient stays the same and nothing overflows.

    >>> softmax(np.array([[0.0, 0.0], [1e4, -1e4]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / row_sums(e)


class Sigmoid(Layer):
    """a = σ(z) = 1 / (1 + e⁻ᶻ); dz = da ⊙ a (1 − a).

    >>> layer = Sigmoid()
    >>> layer.forward(np.array([[0.0, 5.0]])).round(6)
    array([[0.5     , 0.993307]])
    >>> layer.backward(np.array([[1.0, 1.0]])).round(6)
    array([[0.25    , 0.006648]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = σ(z)."""
        self.a = sigmoid(z)
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ a (1 − a)."""
        return da * self.a * (1 - self.a)


class Tanh(Layer):
    """a = tanh(z); dz = da ⊙ (1 − a²).

    >>> layer = Tanh()
    >>> layer.forward(np.array([[0.0, 3.0]])).round(6)
    array([[0.      , 0.995055]])
    >>> layer.backward(np.array([[1.0, 1.0]])).round(6)
    array([[1.      , 0.009866]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = tanh(z)."""
        self.a = np.tanh(z)
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (1 − a²)."""
        return da * (1 - self.a * self.a)


class ReLU(Layer):
    """a = max(z, 0); dz = da where z > 0, else 0. At the kink the derivative is 0, as elsewhere.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML
    2010. TensorFlow's and PyTorch's `relu` agree on relu′(0) = 0; their `maximum(z, 0)` and
    `clamp(z, min=0)` have 1 there.

    >>> layer = ReLU()
    >>> layer.forward(np.array([[-2.0, 0.0, 4.0]]))
    array([[0., 0., 4.]])
    >>> layer.backward(np.array([[7.0, 7.0, 7.0]]))
    array([[0., 0., 7.]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = max(z, 0)."""
        self.a = np.maximum(z, 0)
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (1 where z > 0, else 0)."""
        return da * (self.a > 0)


class LeakyReLU(Layer):
    """a = z where z > 0, else slope · z; dz = da where z > 0, else slope · da, at the kink too.

    The slope has no default here because the frameworks have three: 0.01 in PyTorch, 0.3 in
    `keras.layers.LeakyReLU`, 0.2 in `keras.activations.leaky_relu`. Raises ValueError unless
    0 ≤ slope < 1.
    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models",
    ICML workshop 2013, section 2, with slope 0.01.

    >>> layer = LeakyReLU(0.25)
    >>> layer.forward(np.array([[-2.0, 0.0, 4.0]]))
    array([[-0.5,  0. ,  4. ]])
    >>> layer.backward(np.array([[8.0, 8.0, 8.0]]))
    array([[2., 2., 8.]])
    """

    def __init__(self, slope: float) -> None:
        require_fraction("slope", slope)
        super().__init__()
        self.slope = slope

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = max(z, slope · z), which is the same for a slope below 1."""
        self.z = z
        return np.maximum(z, self.slope * z)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (1 where z > 0, else slope)."""
        return np.where(self.z > 0, da, self.slope * da)


class Step(Layer):
    """a = 1 where z > threshold, else 0. It cannot be trained through.

    The derivative is 0 wherever it exists, so gradient descent would never move a weight before it;
    `backward` raises instead of returning zeros. The perceptron's rule learns without a
    derivative (see `PerceptronLoss`).
    Source: Rosenblatt, "The perceptron: a probabilistic model for information storage and
    organization in the brain", Psychological Review 65, 1958.

    >>> Step(0.5).forward(np.array([[0.25, 0.5, 0.75]]))
    array([[0., 0., 1.]])
    """

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = (z > threshold), as numbers of z's type."""
        return (z > self.threshold).astype(z.dtype)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Raise NotImplementedError, since every gradient would be zero."""
        raise NotImplementedError(
            "Step has the derivative 0 almost everywhere: no gradient passes through it"
        )


class Softmax(Layer):
    """a = softmax(z) along the last axis; dz = a ⊙ (da − Σₖ daₖ aₖ).

    For training, leave it out: `CategoricalCrossEntropy` starts from z and is exact where
    log(softmax(z)) would be log(0).

    >>> layer = Softmax()
    >>> layer.forward(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    >>> layer.backward(np.array([[1.0, 0.0]]))
    array([[ 0.25, -0.25]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = softmax(z)."""
        self.a = softmax(z)
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = a ⊙ (da − Σₖ daₖ aₖ)."""
        return self.a * (da - (da * self.a).sum(axis=-1, keepdims=True))


class LogSoftmax(Layer):
    """a = log softmax(z) along the last axis: z − max z − log Σₖ e^(zₖ − max z).

    dz = da − softmax(z) Σₖ daₖ. No logarithm of 0 is taken. `NegativeLogLikelihood` starts from
    this layer; together they are `CategoricalCrossEntropy`.

    >>> layer = LogSoftmax()
    >>> layer.forward(np.array([[0.0, 0.0], [1e4, 0.0]])).round(6)
    array([[-6.93147e-01, -6.93147e-01],
           [ 0.00000e+00, -1.00000e+04]])
    >>> layer.backward(np.array([[1.0, 0.0], [1.0, 0.0]]))
    array([[ 0.5, -0.5],
           [ 0. ,  0. ]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = log softmax(z)."""
        z = z - z.max(axis=-1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=-1, keepdims=True)
        self.p = e / total
        return z - np.log(total)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da − softmax(z) Σₖ daₖ."""
        return da - self.p * da.sum(axis=-1, keepdims=True)
