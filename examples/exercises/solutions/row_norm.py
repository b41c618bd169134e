"""Solution of exercise 3: σ depends on X, too.

With c = X − μ and d numbers in a row, a = c/σ and ∂σ/∂cⱼ = cⱼ/(d σ) = aⱼ/d. So the quotient rule
gives dcⱼ = (daⱼ − aⱼ mean(da a))/σ, and c = X − μ takes the mean off dc. As the mean of a is 0,

    dX = (da − mean(da) − a mean(da a)) / σ.

The exercise has no last term. Geometrically, a can only move where the mean stays 0 and the length
stays √d; dX therefore has nothing along the vector of ones, and (but for ε) nothing along a.
"""

import numpy as np

from scratch import Layer


class RowNorm(Layer):
    """a = (X − μ)/σ; dX = (da − mean(da) − a mean(da a))/σ, means over the row."""

    epsilon = 1e-5

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a."""
        centred = X - X.mean(axis=1, keepdims=True)
        self.sigma = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.epsilon)
        self.a = centred / self.sigma
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dX."""
        along = (da * self.a).mean(axis=1, keepdims=True)
        return (da - da.mean(axis=1, keepdims=True) - self.a * along) / self.sigma
