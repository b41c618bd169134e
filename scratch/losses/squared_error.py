"""Squared errors: their sum, half of it, and their mean."""

import numpy as np

from scratch.losses.loss import Loss

__all__ = ["HalfSquaredError", "MeanSquaredError", "SumSquaredError"]


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


class SumSquaredError(HalfSquaredError):
    """The sum of squared errors, neither halved nor a mean: L = Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)².

    Shapes: a, y (n, k), w (n,). Gradient: da = 2 w (a − y).

    >>> loss = SumSquaredError()
    >>> loss.forward(np.array([[1.0], [0.5]]), np.array([[0.0], [1.0]]))
    1.25
    >>> loss.backward()
    array([[ 2.],
           [-1.]])
    """

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        return 2 * super().forward(a, y, w)

    def backward(self) -> np.ndarray:
        """Return da = 2 w (a − y)."""
        return np.multiply(self.da, 2, out=self.work.like("twice", self.da))


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
