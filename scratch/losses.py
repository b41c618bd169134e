"""Losses: one number L from a network's outputs and the targets, and its derivative.

`forward(outputs, y)` returns L as a float; `backward()` returns dL/d(outputs) for that call, in an
array that the next call writes over. With row weights w (n,), the i-th row's loss ℓᵢ counts wᵢ
times and the divisor stays as it is: L = 1/n Σᵢ wᵢ ℓᵢ, as in Keras.
"""

import numpy as np

from scratch.layers.activations import sigmoid
from scratch.workspace import Workspace

__all__ = [
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "HalfSquaredError",
    "Loss",
    "MeanSquaredError",
]


class Loss:
    """L(outputs, y), and dL/d(outputs) for the latest `forward`."""

    def __init__(self) -> None:
        self.work = Workspace()

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L for outputs z (n, k), targets y and row weights w (n,)."""
        raise NotImplementedError

    def backward(self) -> np.ndarray:
        """Return dz = dL/dz (n, k)."""
        raise NotImplementedError


class HalfSquaredError(Loss):
    """Half the sum of squared errors, not a mean: L = ½ Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)².

    Shapes: a, y (n, k), w (n,). Gradient: da = w (a − y).

    >>> loss = HalfSquaredError()
    >>> loss.forward(np.array([[1.0], [0.5]]), np.array([[0.0], [1.0]]))
    0.625
    >>> loss.backward()
    array([[ 1. ],
           [-0.5]])
    """

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        error = self.error = np.subtract(a, y, out=self.work.like("error", a))
        self.da = error if w is None else np.multiply(error, w[:, None], self.work.like("da", a))
        return 0.5 * float(np.vdot(self.da, error))

    def backward(self) -> np.ndarray:
        """Return da = w (a − y)."""
        return self.da


class MeanSquaredError(HalfSquaredError):
    """The mean of the squared errors over rows and outputs: L = 1/(nk) Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)².

    Shapes: a, y (n, k), w (n,). Gradient: da = 2/(nk) w (a − y).

    >>> loss = MeanSquaredError()
    >>> loss.forward(np.array([[1.0], [0.5]]), np.array([[0.0], [1.0]]))
    0.625
    >>> loss.backward()
    array([[ 1. ],
           [-0.5]])
    """

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        return super().forward(a, y, w) * 2 / a.size

    def backward(self) -> np.ndarray:
        """Return da = 2/(nk) w (a − y)."""
        return np.multiply(self.da, 2 / self.da.size, out=self.work.like("mean", self.da))


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy on logits, a mean: L = −1/n Σᵢ wᵢ (yᵢ log σ(zᵢ) + (1−yᵢ) log(1−σ(zᵢ))).

    Shapes: z, y (n, 1), w (n,). Gradient: dz = w (σ(z) − y)/n.
    Computed as ℓ = max(z, 0) − z y + log(1 + e^−|z|), which is the same and never takes log(0).

    >>> loss = BinaryCrossEntropy()
    >>> round(loss.forward(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]])), 6)
    0.346574
    >>> loss.backward()
    array([[-0.25],
           [ 0.  ]])
    """

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        self.z, self.y, self.w = z, y, w
        ell = np.abs(z, out=self.work.like("ell", z))
        np.negative(ell, out=ell)
        np.exp(ell, out=ell)
        np.log1p(ell, out=ell)
        term = np.maximum(z, 0, out=self.work.like("dz", z))
        term -= np.multiply(z, y, out=self.work.like("zy", z))
        ell += term  # last: at z >> 0, y = 1 the term is exactly 0, and ell keeps every digit
        return _weighted_sum(ell[:, 0], w) / len(z)

    def backward(self) -> np.ndarray:
        """Return dz = w (σ(z) − y)/n."""
        dz = sigmoid(self.z, out=self.work.like("dz", self.z))
        dz -= self.y
        dz /= len(dz)
        if self.w is not None:
            dz *= self.w[:, None]
        return dz


class CategoricalCrossEntropy(Loss):
    """Softmax cross-entropy on logits, a mean: L = −1/n Σᵢ wᵢ log softmax(zᵢ)[yᵢ].

    Shapes: z (n, k), y (n,) the classes as integers 0..k-1, w (n,).
    Gradient: dz = w (softmax(z) − onehot(y))/n.
    With z′ = z − max z, log softmax(z)ₖ = z′ₖ − log Σⱼ e^z′ⱼ: no overflow, no log(0).

    >>> loss = CategoricalCrossEntropy()
    >>> round(loss.forward(np.array([[0.0, 0.0], [1e4, -1e4]]), np.array([1, 0])), 6)
    0.346574
    >>> loss.backward()
    array([[ 0.25, -0.25],
           [ 0.  ,  0.  ]])
    """

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        self.y, self.w, self.rows = y, w, np.arange(len(z))
        e = self.e = self.work.like("e", z)
        np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=e)
        z_y = e[self.rows, y]
        np.exp(e, out=e)
        self.total = np.add.reduce(e, axis=1, keepdims=True)
        ell = np.log(self.total[:, 0]) - z_y
        return _weighted_sum(ell, w) / len(z)

    def backward(self) -> np.ndarray:
        """Return dz = w (softmax(z) − onehot(y))/n."""
        dz = np.divide(self.e, self.total, out=self.work.like("dz", self.e))
        dz[self.rows, self.y] -= 1
        dz /= len(dz)
        if self.w is not None:
            dz *= self.w[:, None]
        return dz


def _weighted_sum(ell: np.ndarray, w: np.ndarray | None) -> float:
    """Σᵢ wᵢ ℓᵢ for ℓ (n,), with wᵢ = 1 where there are no weights."""
    return float(np.add.reduce(ell) if w is None else np.dot(w, ell))
