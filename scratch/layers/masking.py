"""Masks: which steps of a batch of sequences are real, and which only fill it up.

Sequences of unequal length are padded to one length, so that they fit into one array X (n, t, d).
The layer that can tell padding from content notes which steps are real in its `mask`; layers behind
it that are given this mask pass over the others:

    embedding = Embedding(1000, 16, padding=0)
    network = Sequential(embedding, LSTM(16, 32, mask=embedding.mask), Dense(32, 1))
"""

import numpy as np

from scratch.layers.layer import Layer

__all__ = ["Mask", "Masking"]


class Mask:
    """The steps (n, t) of the latest forward pass, True where they are real."""

    def __init__(self) -> None:
        self.steps: np.ndarray | None = None

    def over(self, X: np.ndarray) -> np.ndarray:
        """Return the steps (n, t) for sequences X (n, t, ...); ValueError if they do not fit."""
        if self.steps is None or self.steps.shape != X.shape[:2]:
            noted = None if self.steps is None else self.steps.shape
            raise ValueError(f"mask: expected steps {X.shape[:2]}, got {noted}")
        return self.steps


class Masking(Layer):
    """a = X, where a step counts as padding if each of its numbers is `padding`.

    Shapes: X, a (n, t, d). `mask` holds the other steps (n, t), for the layers behind.
    Gradient: dX = da.

    >>> layer = Masking()
    >>> layer.forward(np.array([[[1.0, 0.0], [0.0, 0.0]]])).shape
    (1, 2, 2)
    >>> layer.mask.steps
    array([[ True, False]])
    """

    def __init__(self, padding: float = 0.0) -> None:
        super().__init__()
        self.padding, self.mask = padding, Mask()

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X, and note its real steps."""
        self.mask.steps = (X != self.padding).max(axis=2)
        return X

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return da."""
        return da
