"""Squared errors: their sum, half of it, and their mean."""

import numpy as np

from scratch.losses.loss import Loss, require_shape, weighted

__all__ = ["HalfSquaredError", "MeanSquaredError", "SumSquaredError"]


class HalfSquaredError(Loss):
    """Half the sum of squared errors, not a mean: L = ½ Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)².

    Shapes: a, y (n, k), w (n,). Gradient: da = w (a − y).

    >>> loss = HalfSquaredError()
    >>> float(loss.forward(np.array([[1.0], [0.5]]), np.array([[0.0], [1.0]])))
    0.625
    >>> loss.backward()
    array([[ 1. ],
           [-0.5]])
    """

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, a.shape)
        self.error, self.w = a - y, w
        return 0.5 * weighted(w, self.error * self.error).sum()

    def backward(self) -> np.ndarray:
        """Return da = w (a − y)."""
        return weighted(self.w, self.error)


class SumSquaredError(HalfSquaredError):
    """The sum of squared errors, neither halved nor a mean: L = Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)².

    Shapes: a, y (n, k), w (n,). Gradient: da = 2 w (a − y).

    >>> loss = SumSquaredError()
    >>> float(loss.forward(np.array([[1.0], [0.5]]), np.array([[0.0], [1.0]])))
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
        return 2 * super().backward()


class MeanSquaredError(HalfSquaredError):
    """The mean of the squared errors over rows and outputs: L = 1/(nk) Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)².

    Shapes: a, y (n, k), w (n,). Gradient: da = 2/(nk) w (a − y).

    >>> loss = MeanSquaredError()
    >>> float(loss.forward(np.array([[1.0], [0.5]]), np.array([[0.0], [1.0]])))
    0.625
    >>> loss.backward()
    array([[ 1. ],
           [-0.5]])
    """

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        return 2 / a.size * super().forward(a, y, w)

    def backward(self) -> np.ndarray:
        """Return da = 2/(nk) w (a − y)."""
        return 2 / self.error.size * super().backward()
