"""Penalties: terms of the loss that depend only on the parameters."""

import numpy as np

from scratch.checks import require_not_negative

__all__ = ["L2"]


class L2:
    """The sum of squares: R = λ Σᵢ θᵢ², without a ½; ∂R/∂θᵢ = 2 λ θᵢ.

    With `half_per_row=True`: R = ½ λ Σᵢ θᵢ² / n for a batch of n rows, or of rows whose weights
    sum to n. The first is Keras' `regularizers.L2`, the second scikit-learn's `alpha`, for which
    the mask should leave the biases out. `mask` (p,) of booleans says which parameters count, None
    all of them.

    For plain gradient descent λ acts as a coupled weight decay of 2 λ, or of λ/n; but only the
    penalty is part of the reported loss.
    Source: Goodfellow, Bengio and Courville, "Deep learning", 2016, equation 7.2, where it is
    ½ λ Σᵢ θᵢ².

    >>> penalty = L2(0.5, mask=np.array([True, True, False]))
    >>> float(penalty.forward(np.array([1.0, 2.0, 3.0]), n=4))
    2.5
    >>> penalty.backward()
    array([1., 2., 0.])
    """

    def __init__(
        self, strength: float, *, mask: np.ndarray | None = None, half_per_row: bool = False
    ) -> None:
        require_not_negative("strength", strength)
        self.strength, self.mask, self.half_per_row = strength, mask, half_per_row

    @classmethod
    def keras(cls, strength: float, mask: np.ndarray | None = None) -> "L2":
        """Return `keras.regularizers.L2(strength)` on the parameters of the mask."""
        return cls(strength, mask=mask)

    @classmethod
    def sklearn(cls, alpha: float, mask: np.ndarray | None) -> "L2":
        """Return `alpha` of scikit-learn's MLP; its mask is that of the weights.

        With weights of rows, its loss is a `WeightedMean`.
        """
        return cls(alpha, mask=mask, half_per_row=True)

    def forward(self, theta: np.ndarray, n: float) -> float:
        """Return R for parameters θ (p,) and a batch of n rows."""
        self.factor = self.strength / (2 * n) if self.half_per_row else self.strength
        self.theta = theta if self.mask is None else theta * self.mask
        return self.factor * (self.theta * self.theta).sum()

    def backward(self) -> np.ndarray:
        """Return dR/dθ (p,)."""
        return 2 * self.factor * self.theta
