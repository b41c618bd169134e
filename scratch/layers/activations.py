"""Activations: a = f(z) element by element, and dz = da ⊙ f′(z).

Each works on arrays of any shape (n, ...) and keeps what its derivative needs.
"""

import numpy as np

from scratch.layers.layer import Layer

__all__ = ["ReLU", "Sigmoid", "Softmax", "Tanh", "sigmoid", "softmax"]


# log(max) may be rounded up, and its exponential overflow: one number further down is safe.
_LARGEST_EXPONENT = {
    np.dtype(t): np.nextafter(np.log(np.finfo(t).max), t(0))
    for t in (np.float32, np.float64, np.longdouble)
}


def sigmoid(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return σ(z) = 1 / (1 + e⁻ᶻ), element by element.

    -z is held below the largest exponent, so that nothing overflows; every digit of a small σ is
    kept, which ½ (1 + tanh(z/2)) would lose.

    >>> sigmoid(np.array([-1e4, 0.0, 5.0])).round(6)
    array([0.      , 0.5     , 0.993307])
    """
    out = np.negative(z, out=out)
    np.minimum(out, _LARGEST_EXPONENT[out.dtype], out=out)
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def softmax(z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return eᶻₖ / Σⱼ eᶻⱼ along the last axis, for z (n, k).

    The row's maximum is taken off first: the quotient stays the same and nothing overflows.

    >>> softmax(np.array([[0.0, 0.0], [1e4, -1e4]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    out = np.subtract(z, z.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=-1, keepdims=True)
    return out


class Sigmoid(Layer):
    """a = σ(z) = 1 / (1 + e⁻ᶻ); dz = da ⊙ a (1 − a).

    >>> layer = Sigmoid()
    >>> layer.forward(np.array([[0.0, 5.0]])).round(6)
    array([[0.5     , 0.993307]])
    >>> layer.backward(np.array([[1.0, 1.0]])).round(6)
    array([[0.25    , 0.006648]])
    """

    def forward(self, z: np.ndarray) -> np.ndarray:
        """Return a = σ(z)."""
        self.a = sigmoid(z, out=self.work.like("a", z))
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ a (1 − a)."""
        dz = np.subtract(1, self.a, out=self.work.like("dz", da))
        dz *= self.a
        dz *= da
        return dz


class Tanh(Layer):
    """a = tanh(z); dz = da ⊙ (1 − a²).

    >>> layer = Tanh()
    >>> layer.forward(np.array([[0.0, 3.0]])).round(6)
    array([[0.      , 0.995055]])
    >>> layer.backward(np.array([[1.0, 1.0]])).round(6)
    array([[1.      , 0.009866]])
    """

    def forward(self, z: np.ndarray) -> np.ndarray:
        """Return a = tanh(z)."""
        self.a = np.tanh(z, out=self.work.like("a", z))
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (1 − a²)."""
        dz = np.square(self.a, out=self.work.like("dz", da))
        np.subtract(1, dz, out=dz)
        dz *= da
        return dz


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

    def forward(self, z: np.ndarray) -> np.ndarray:
        """Return a = max(z, 0)."""
        self.a = np.maximum(z, 0, out=self.work.like("a", z))
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ (a > 0); a > 0 exactly where z > 0."""
        dz = np.greater(self.a, 0, out=self.work.like("dz", da))
        dz *= da
        return dz


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

    def forward(self, z: np.ndarray) -> np.ndarray:
        """Return a = softmax(z)."""
        self.a = softmax(z, out=self.work.like("a", z))
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = a ⊙ (da − Σₖ daₖ aₖ)."""
        dz = np.multiply(da, self.a, out=self.work.like("dz", da))
        total = dz.sum(axis=-1, keepdims=True)
        np.subtract(da, total, out=dz)
        dz *= self.a
        return dz
