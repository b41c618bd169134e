"""Dropout."""

import numpy as np

from scratch.checks import require_fraction
from scratch.layers.layer import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """In training a = X ⊙ mask, and dX = da ⊙ mask; else a = X, and dX = da.

    `mask` (shaped as X) is 1/(1 − rate) with probability 1 − rate, else 0, so that a has X's mean
    ("inverted" dropout): u ≥ rate for u ~ U[0, 1), drawn as float64 from `rng` for any dtype of X.
    A mask that is handed over with `use` replaces the next drawn one; without an `rng` every
    step needs one. The latest mask stays in `mask`.
    Raises ValueError unless 0 ≤ rate < 1, and in training if there is neither mask nor `rng`.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014, section 4; the factor in training instead of at test time as in section 10.

    >>> layer = Dropout(0.5, np.random.default_rng(0))
    >>> layer.forward(np.ones((1, 4)), training=True)
    array([[2., 0., 0., 0.]])
    >>> layer.backward(np.ones((1, 4)))
    array([[2., 0., 0., 0.]])
    >>> layer.use(np.array([[0.0, 0.0, 2.0, 2.0]]))
    >>> layer.forward(np.ones((1, 4)), training=True)
    array([[0., 0., 2., 2.]])
    """

    def __init__(self, rate: float, rng: np.random.Generator | None = None) -> None:
        require_fraction("rate", rate)
        super().__init__()
        self.rate, self.rng = rate, rng
        self.mask: np.ndarray | None = None  # None if nothing is dropped
        self.next_mask: np.ndarray | None = None  # the mask given to `use`

    def use(self, mask: np.ndarray) -> None:
        """Use this mask, shaped as X, in the next `forward` in training."""
        self.next_mask = mask

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the mask that was handed over, or a new one."""
        mask, self.next_mask = self.next_mask, None
        if mask is not None:
            return mask
        if self.rng is None:
            raise ValueError("Dropout needs an rng, or a mask for each step in training")
        return (self.rng.random(shape) >= self.rate) * (1 / (1 - self.rate))

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X ⊙ a new mask, or X itself outside training."""
        self.mask = self.draw(X.shape).astype(X.dtype) if training else None
        return X * self.mask if training else X

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da ⊙ mask, or da itself outside training."""
        return da if self.mask is None else da * self.mask
