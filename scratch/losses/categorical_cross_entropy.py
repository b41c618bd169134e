"""Categorical cross-entropy: k classes, k logits."""

from collections.abc import Sequence

import numpy as np

from scratch.checks import require_fraction
from scratch.losses.loss import Loss, as_class_weights, weighted_sum

__all__ = ["CategoricalCrossEntropy"]


class CategoricalCrossEntropy(Loss):
    """Softmax cross-entropy on logits, a mean: L = −1/n Σᵢ wᵢ log softmax(zᵢ)[yᵢ].

    Shapes: z (n, k), y (n,) the classes as integers 0..k-1, w (n,).
    Gradient: dz = w (softmax(z) − onehot(y))/n.
    With z′ = z − max z, log softmax(z)ₖ = z′ₖ − log Σⱼ e^z′ⱼ: no overflow, no log(0).

    Options: with targets tᵢₖ in the place of onehot(yᵢ)ₖ, L = −1/m Σᵢ wᵢ Σₖ tᵢₖ log softmax(zᵢ)ₖ
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
    >>> round(loss.forward(np.array([[0.0, 0.0], [1e4, -1e4]]), np.array([1, 0])), 6)
    0.346574
    >>> loss.backward()
    array([[ 0.25, -0.25],
           [ 0.  ,  0.  ]])
    >>> loss = CategoricalCrossEntropy(class_weights=[3, 1], weighted_mean=True)
    >>> round(loss.forward(np.array([[0.0, 0.0], [1e4, -1e4]]), np.array([1, 0])), 6)
    0.173287
    """

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        class_weights: Sequence[float] | np.ndarray | None = None,
        weighted_mean: bool = False,
    ) -> None:
        super().__init__()
        require_fraction("smoothing", smoothing)
        self.smoothing = smoothing
        self.v = as_class_weights(class_weights)
        if weighted_mean and self.v is None:
            raise ValueError("weighted_mean needs class_weights, got None")
        self.weighted_mean = weighted_mean

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        self.y, self.w, self.rows = y, w, np.arange(len(z))
        self.t = self._targets(z) if self.smoothing or self.v is not None else None
        e = self.e = self.work.like("e", z)
        np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=e)
        z_t = e[self.rows, y] if self.t is None else np.einsum("ik,ik->i", self.t, e)
        np.exp(e, out=e)
        self.total = np.add.reduce(e, axis=1, keepdims=True)
        log_total = np.log(self.total[:, 0])
        if self.t is not None:
            log_total *= np.add.reduce(self.t, axis=1)
        self.m: float = len(z)
        if self.v is not None and self.weighted_mean:
            self.m = float(self.v[y].sum())
        return weighted_sum(log_total - z_t, w) / self.m

    def backward(self) -> np.ndarray:
        """Return dz = w (softmax(z) − onehot(y))/n, or w (softmax(z) Σₖ t − t)/m."""
        dz = np.divide(self.e, self.total, out=self.work.like("dz", self.e))
        if self.t is None:
            dz[self.rows, self.y] -= 1
        else:
            dz *= np.add.reduce(self.t, axis=1, keepdims=True)
            dz -= self.t
        dz /= self.m
        if self.w is not None:
            dz *= self.w[:, None]
        return dz

    def _targets(self, z: np.ndarray) -> np.ndarray:
        """Return t (n, k)."""
        t = self.work.like("t", z)
        t.fill(self.smoothing / z.shape[1])
        t[self.rows, self.y] += 1 - self.smoothing
        if self.v is not None:
            t *= self.v if self.weighted_mean else self.v[self.y, None]
        return t
