"""Solution of exercise 2: b is added to every row, so every row adds its part to db.

zᵢ = xᵢ W + b for each row i, hence db = Σᵢ dzᵢ: a sum, as dW = Xᵀ dz = Σᵢ xᵢᵀ dzᵢ is one. That a
loss is a mean over the batch has been settled before: its 1/n is in dz already. In a batch of one
row the sum and the mean are the same, so a check on one row cannot see the mistake.
"""

import numpy as np

from scratch import Layer, zeros


class Linear(Layer):
    """z = X W + b; dW = Xᵀ dz, db = Σᵢ dzᵢ, dX = dz Wᵀ."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__([zeros(d_in, d_out), zeros(d_out)])

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z."""
        self.X = X
        W, b = self.params
        return X @ W + b

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return dX."""
        W, _ = self.params
        dW, db = self.grads
        dW[...] = self.X.T @ dz
        db[...] = dz.sum(axis=0)
        return dz @ W.T
