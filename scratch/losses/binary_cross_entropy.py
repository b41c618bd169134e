"""Binary cross-entropy: two classes, one logit."""

from collections.abc import Sequence

import numpy as np

from scratch.checks import require_fraction
from scratch.layers.activations import sigmoid
from scratch.losses.loss import Loss, as_class_weights, weighted_sum

__all__ = ["BinaryCrossEntropy"]


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy on logits, a mean: L = −1/n Σᵢ wᵢ (yᵢ log σ(zᵢ) + (1−yᵢ) log(1−σ(zᵢ))).

    Shapes: z, y (n, 1), w (n,). Gradient: dz = w (σ(z) − y)/n.
    Computed as ℓ = max(z, 0) − z y + log(1 + e^−|z|), which is the same and never takes log(0).

    Options, each as in Keras:
    - `smoothing` ε puts (1−ε) y + ε/2 in the place of y.
    - `class_weights` (v₀, v₁) multiply the rows of their class, y being 0 or 1; the divisor stays
      n. PyTorch's `pos_weight` p is (1, p).
    Raises ValueError for an ε outside [0, 1), and for weights that are not two numbers from 0 on.
    Source of the smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
    vision", CVPR 2016, section 7.

    >>> loss = BinaryCrossEntropy()
    >>> round(loss.forward(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]])), 6)
    0.346574
    >>> loss.backward()
    array([[-0.25],
           [ 0.  ]])
    """

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        class_weights: Sequence[float] | np.ndarray | None = None,
    ) -> None:
        super().__init__()
        require_fraction("smoothing", smoothing)
        self.smoothing = smoothing
        self.v = as_class_weights(class_weights)
        if self.v is not None and self.v.shape != (2,):
            raise ValueError(f"class_weights must be two numbers, v₀ and v₁, got {class_weights}")

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        if self.v is not None:
            v_y = self.v[y[:, 0].astype(int)].astype(z.dtype)
            w = v_y if w is None else v_y * w
        if self.smoothing:
            y = np.multiply(y, 1 - self.smoothing, out=self.work.like("y", z))
            y += self.smoothing / 2
        self.z, self.y, self.w = z, y, w
        ell = np.abs(z, out=self.work.like("ell", z))
        np.negative(ell, out=ell)
        np.exp(ell, out=ell)
        np.log1p(ell, out=ell)
        term = np.maximum(z, 0, out=self.work.like("dz", z))
        term -= np.multiply(z, y, out=self.work.like("zy", z))
        ell += term  # last: at z >> 0, y = 1 the term is exactly 0, and ell keeps every digit
        return weighted_sum(ell[:, 0], w) / len(z)

    def backward(self) -> np.ndarray:
        """Return dz = w (σ(z) − y)/n."""
        dz = sigmoid(self.z, out=self.work.like("dz", self.z))
        dz -= self.y
        dz /= len(dz)
        if self.w is not None:
            dz *= self.w[:, None]
        return dz
