"""Dropout."""

import numpy as np

from scratch.checks import require_fraction
from scratch.layers.layer import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """In training a = X ⊙ mask, and dX = da ⊙ mask; else a = X, and dX = da.

    `mask` (shaped as X) is 1/(1 − rate) with probability 1 − rate, else 0, so that a has X's mean
    ("inverted" dropout): u ≥ rate for u ~ U[0, 1), drawn as float64 from `rng` whatever the type of
    X. The latest mask stays there to be handed to another implementation.
    Raises ValueError unless 0 ≤ rate < 1.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014, section 4; the factor in training instead of at test time as in section 10.

    >>> layer = Dropout(0.5, np.random.default_rng(0))
    >>> layer.training = True
    >>> layer.forward(np.ones((1, 4)))
    array([[2., 0., 0., 0.]])
    >>> layer.backward(np.ones((1, 4)))
    array([[2., 0., 0., 0.]])
    """

    def __init__(self, rate: float, rng: np.random.Generator) -> None:
        require_fraction("rate", rate)
        super().__init__()
        self.rate, self.rng = rate, rng
        self.mask: np.ndarray | None = None  # None where nothing is dropped

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return X ⊙ a new mask, or X itself outside training."""
        if not self.training:
            self.mask = None
            return X
        u = self.rng.random(out=self.work.take("u", len(X), X.shape[1:], np.float64))
        self.mask = np.greater_equal(u, self.rate, out=self.work.like("mask", X))
        self.mask *= 1 / (1 - self.rate)
        return np.multiply(X, self.mask, out=self.work.like("a", X))

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da ⊙ mask, or da itself outside training."""
        if self.mask is None:
            return da
        return np.multiply(da, self.mask, out=self.work.like("dX", da))
