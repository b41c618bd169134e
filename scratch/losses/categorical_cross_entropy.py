"""Categorical cross-entropy: k classes, from k log-probabilities or from k logits."""

from collections.abc import Sequence
from typing import Literal

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

__all__ = ["CategoricalCrossEntropy", "NegativeLogLikelihood"]

Reduction = Literal["mean", "sum"]


class NegativeLogLikelihood(Loss):
    """The negative log-likelihood, a mean: L = −1/n Σᵢ wᵢ aᵢ[yᵢ] for log-probabilities a.

    Shapes: a (n, k), y (n,) the classes as integers 0..k-1, w (n,). Gradient: da = −w onehot(y)/n.

    Options: with targets tᵢₖ instead of onehot(yᵢ)ₖ, L = −1/m Σᵢ wᵢ Σₖ tᵢₖ aᵢₖ, da = −w t/m.
    - `class_weights` v (k,) multiply the row, tᵢ by v[yᵢ], and m stays n: Keras' `class_weight`.
    - `weighted_mean=True` as well: v multiplies class by class, tᵢₖ by vₖ, and the divisor is
      m = Σᵢ v[yᵢ]: PyTorch's `weight`. Without smoothing only the divisor differs.
    - `ignore`: rows of this label, any integer, do not count: tᵢ is 0, and so is their part of m.
    - `reduction="sum"`: m = 1.
    If m is 0, because no row counts, so is L, as in Keras; in PyTorch it is NaN.
    After `forward`, `ell` (n,) holds −Σₖ tᵢₖ aᵢₖ, the loss of each row: PyTorch's
    `reduction="none"`.
    Raises ValueError for weights below 0, and for a weighted mean without weights.

    >>> loss, a = NegativeLogLikelihood(), np.log([[0.5, 0.5], [0.25, 0.75]])
    >>> round(float(loss.forward(a, np.array([1, 0]))), 6)  # (log 2 + log 4)/2
    1.039721
    >>> loss.backward() + 0.0
    array([[ 0. , -0.5],
           [-0.5,  0. ]])
    >>> loss.ell.round(6)
    array([0.693147, 1.386294])
    """

    smoothing = 0.0

    def __init__(
        self,
        *,
        class_weights: Sequence[float] | np.ndarray | None = None,
        weighted_mean: bool = False,
        ignore: int | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        self.v = as_class_weights(class_weights)
        if weighted_mean and self.v is None:
            raise ValueError("weighted_mean needs class_weights, got None")
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
        self.weighted_mean, self.ignore, self.reduction = weighted_mean, ignore, reduction
        self.over_rows = reduction == "mean" and ignore is None and not weighted_mean

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L for log-probabilities, here called z."""
        require_shape(y, z.shape[:1])
        self.t, self.m, self.w = *self._targets(z, y), w
        self.ell = -(self.t * np.where(self.t > 0, z, 0)).sum(axis=1)  # log 0 counts where t > 0
        return weighted(w, self.ell).sum() / self.m

    def backward(self) -> np.ndarray:
        """Return da = −w onehot(y)/n, or −w t/m."""
        return weighted(self.w, -self.t) / self.m

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError unless y (n,) holds classes 0..k-1, or the label to be ignored."""
        require_labels(z, y if self.ignore is None else np.where(y == self.ignore, 0, y))

    def _targets(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float | np.ndarray]:
        """Return t (n, k), and the divisor m."""
        n, k = z.shape
        hot = t = one_hot(y, k, z.dtype)
        if self.smoothing:
            t = (1 - self.smoothing) * hot + self.smoothing / k
        m: float | np.ndarray = n
        if self.ignore is not None:
            counts = (y != self.ignore).astype(z.dtype)[:, None]
            hot, t, m = counts * hot, counts * t, _or_1(counts.sum())
        if self.v is not None:
            v = self.v.astype(z.dtype)
            v_y = (v * hot).sum(axis=1, keepdims=True)
            t, m = (v * t, _or_1(v_y.sum())) if self.weighted_mean else (v_y * t, m)
        return t, 1 if self.reduction == "sum" else m


class CategoricalCrossEntropy(NegativeLogLikelihood):
    """Softmax cross-entropy on logits, a mean: L = −1/n Σᵢ wᵢ log softmax(zᵢ)[yᵢ].

    Shapes: z (n, k), y (n,) the classes as integers 0..k-1, w (n,).
    Gradient: dz = w (softmax(z) − onehot(y))/n.
    With z′ = z − max z, log softmax(z)ₖ = z′ₖ − log Σⱼ e^z′ⱼ: no overflow, no log(0).

    Options: those of `NegativeLogLikelihood`, and
    - `smoothing` ε: tᵢ = (1−ε) onehot(yᵢ) + ε/k.
    With targets tᵢₖ, dz = w (softmax(z) Σₖ tᵢₖ − t)/m.
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
        ignore: int | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        require_fraction("smoothing", smoothing)
        super().__init__(
            class_weights=class_weights,
            weighted_mean=weighted_mean,
            ignore=ignore,
            reduction=reduction,
        )
        self.smoothing = smoothing

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, z.shape[:1])
        self.t, self.m, self.w = *self._targets(z, y), w
        z = z - z.max(axis=1, keepdims=True)
        self.e = np.exp(z)
        self.total = self.e.sum(axis=1, keepdims=True)
        self.ell = (self.t * (np.log(self.total) - z)).sum(axis=1)
        return weighted(w, self.ell).sum() / self.m

    def backward(self) -> np.ndarray:
        """Return dz = w (softmax(z) − onehot(y))/n, or w (softmax(z) Σₖ t − t)/m."""
        p = self.e / self.total
        if self.smoothing or self.v is not None or self.ignore is not None:
            p = p * self.t.sum(axis=1, keepdims=True)
        return weighted(self.w, p - self.t) / self.m


def _or_1(m: np.ndarray) -> np.ndarray:
    """Return the divisor m, and 1 for 0: nothing is divided by it then."""
    return np.where(m > 0, m, 1)
