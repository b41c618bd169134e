"""Dropout."""

import numpy as np

from scratch.checks import require_fraction
from scratch.layers.layer import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """In training a = X ⊙ mask, and dX = da ⊙ mask; else a = X, and dX = da.

    `mask` (shaped as X) is 1/(1 − rate) with probability 1 − rate, else 0, so that a has X's mean
    ("inverted" dropout): u ≥ rate for u ~ U[0, 1), drawn as float64 from `rng` whatever the type of
    X. A mask that is handed over with `use` takes the place of a drawn one, once; without an `rng`
    every step has to be handed one. The latest mask stays in `mask`.
    Raises ValueError unless 0 ≤ rate < 1, and in training where there is neither mask nor `rng`.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014, section 4; the factor in training instead of at test time as in section 10.

    >>> layer = Dropout(0.5, np.random.default_rng(0))
    >>> layer.training = True
    >>> layer.forward(np.ones((1, 4)))
    array([[2., 0., 0., 0.]])
    >>> layer.backward(np.ones((1, 4)))
    array([[2., 0., 0., 0.]])
    """

    def __init__(self, rate: float, rng: np.random.Generator | None = None) -> None:
        require_fraction("rate", rate)
        super().__init__()
        self.rate, self.rng = rate, rng
        self.mask: np.ndarray | None = None  # None where nothing is dropped
        self.next_mask: np.ndarray | None = None  # what `use` was given

    def use(self, mask: np.ndarray) -> None:
        """Take this mask, shaped as X, in the next `forward` in training."""
        self.next_mask = mask

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return X ⊙ a new mask, or X itself outside training."""
        if not self.training:
            self.mask = None
            return X
        self.mask, self.next_mask = self.next_mask, None
        if self.mask is None:
            self.mask = self._draw(X)
        return np.multiply(X, self.mask, out=self.work.like("a", X))

    def _draw(self, X: np.ndarray) -> np.ndarray:
        if self.rng is None:
            raise ValueError("Dropout needs an rng, or a mask for each step in training")
        u = self.rng.random(out=self.work.take("u", len(X), X.shape[1:], np.float64))
        mask = np.greater_equal(u, self.rate, out=self.work.like("mask", X))
        mask *= 1 / (1 - self.rate)
        return mask

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da ⊙ mask, or da itself outside training."""
        if self.mask is None:
            return da
        return np.multiply(da, self.mask, out=self.work.like("dX", da))
