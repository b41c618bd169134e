"""Categorical cross-entropy: k classes, k logits."""

from collections.abc import Sequence

import numpy as np

from scratch.checks import require_fraction
from scratch.losses.loss import (
    Loss,
    as_class_weights,
    one_hot,
    require_labels,
    require_shape,
    weighted,
)

__all__ = ["CategoricalCrossEntropy"]


class CategoricalCrossEntropy(Loss):
    """Softmax cross-entropy on logits, a mean: L = −1/n Σᵢ wᵢ log softmax(zᵢ)[yᵢ].

    Shapes: z (n, k), y (n,) the classes as integers 0..k-1, w (n,).
    Gradient: dz = w (softmax(z) − onehot(y))/n.
    With z′ = z − max z, log softmax(z)ₖ = z′ₖ − log Σⱼ e^z′ⱼ: no overflow, no log(0).

    Options: with targets tᵢₖ instead of onehot(yᵢ)ₖ, L = −1/m Σᵢ wᵢ Σₖ tᵢₖ log softmax(zᵢ)ₖ
    and dz = w (softmax(z) Σₖ tᵢₖ − t)/m.
    - `smoothing` ε: tᵢ = (1−ε) onehot(yᵢ) + ε/k.
    - `class_weights` v (k,) multiply the row, tᵢ by v[yᵢ], and m stays n: Keras' `class_weight`.
    - `weighted_mean=True` as well: v multiplies class by class, tᵢₖ by vₖ, and the divisor is
      m = Σᵢ v[yᵢ]: PyTorch's `weight`. Without smoothing only the divisor differs.
    Raises ValueError for an ε outside [0, 1), for weights below 0, and for a weighted mean without
    weights.
    Source of the smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
    vision", CVPR 2016, section 7.

    >>> loss = CategoricalCrossEntropy()
    >>> round(float(loss.forward(np.array([[0.0, 0.0], [1e4, -1e4]]), np.array([1, 0]))), 6)
    0.346574
    >>> loss.backward()
    array([[ 0.25, -0.25],
           [ 0.  ,  0.  ]])
    >>> loss = CategoricalCrossEntropy(class_weights=[3, 1], weighted_mean=True)
    >>> round(float(loss.forward(np.array([[0.0, 0.0], [1e4, -1e4]]), np.array([1, 0]))), 6)
    0.173287
    """

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        class_weights: Sequence[float] | np.ndarray | None = None,
        weighted_mean: bool = False,
    ) -> None:
        require_fraction("smoothing", smoothing)
        self.smoothing = smoothing
        self.v = as_class_weights(class_weights)
        if weighted_mean and self.v is None:
            raise ValueError("weighted_mean needs class_weights, got None")
        self.weighted_mean = weighted_mean

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, z.shape[:1])
        self.t, self.m, self.w = *self._targets(z, y), w
        z = z - z.max(axis=1, keepdims=True)
        self.e = np.exp(z)
        self.total = self.e.sum(axis=1, keepdims=True)
        ell = (self.t * (np.log(self.total) - z)).sum(axis=1)
        return weighted(w, ell).sum() / self.m

    def backward(self) -> np.ndarray:
        """Return dz = w (softmax(z) − onehot(y))/n, or w (softmax(z) Σₖ t − t)/m."""
        p = self.e / self.total
        if self.smoothing or self.v is not None:
            p = p * self.t.sum(axis=1, keepdims=True)
        return weighted(self.w, p - self.t) / self.m

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError unless y (n,) holds classes 0..k-1."""
        require_labels(z, y)

    def _targets(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
        """Return t (n, k), and the divisor m."""
        n, k = z.shape
        hot = t = one_hot(y, k, z.dtype)
        if self.smoothing:
            t = (1 - self.smoothing) * hot + self.smoothing / k
        if self.v is None:
            return t, n
        v = self.v.astype(z.dtype)
        v_y = (v * hot).sum(axis=1, keepdims=True)
        return (v * t, v_y.sum()) if self.weighted_mean else (v_y * t, n)
