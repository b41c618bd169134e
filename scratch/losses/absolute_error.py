"""Absolute errors: their mean, and Huber's, which is squared near zero."""

import numpy as np

from scratch.checks import require_positive
from scratch.losses.loss import Loss, require_shape, weighted

__all__ = ["Huber", "MeanAbsoluteError"]


class Huber(Loss):
    """A mean over rows and outputs: L = 1/(nk) Σᵢ wᵢ Σₖ h(aᵢₖ − yᵢₖ).

    h(e) = ½ e² where |e| ≤ δ, else δ |e| − ½ δ²: squared near zero, straight far out.
    Shapes: a, y (n, k), w (n,). Gradient: da = w e/(nk), with e held between −δ and δ.
    PyTorch's `SmoothL1Loss(beta=δ)` is this divided by δ. Raises ValueError unless δ > 0.
    Source: Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
    35, 1964, section 4.

    >>> loss = Huber(1.0)
    >>> float(loss.forward(np.array([[3.0], [0.5]]), np.array([[0.0], [0.0]])))  # (2.5 + 0.125)/2
    1.3125
    >>> loss.backward()
    array([[0.5 ],
           [0.25]])
    """

    def __init__(self, delta: float = 1.0) -> None:
        require_positive("delta", delta)
        self.delta = delta

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, a.shape)
        e = a - y
        self.held, self.w = np.minimum(np.maximum(e, -self.delta), self.delta), w
        return weighted(w, self.held * (e - 0.5 * self.held)).sum() / a.size

    def backward(self) -> np.ndarray:
        """Return da = w e/(nk), with e held between −δ and δ."""
        return weighted(self.w, self.held) / self.held.size


class MeanAbsoluteError(Loss):
    """The mean of the absolute errors over rows and outputs: L = 1/(nk) Σᵢ wᵢ Σₖ |aᵢₖ − yᵢₖ|.

    Shapes: a, y (n, k), w (n,). Gradient: da = w sign(a − y)/(nk), 0 where a = y. Also called L1.

    >>> loss = MeanAbsoluteError()
    >>> float(loss.forward(np.array([[3.0], [0.5]]), np.array([[0.0], [1.0]])))
    1.75
    >>> loss.backward()
    array([[ 0.5],
           [-0.5]])
    """

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, a.shape)
        self.error, self.w = a - y, w
        return weighted(w, np.abs(self.error)).sum() / a.size

    def backward(self) -> np.ndarray:
        """Return da = w sign(a − y)/(nk)."""
        return weighted(self.w, np.sign(self.error)) / self.error.size
