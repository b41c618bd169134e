"""Binary cross-entropy: two classes, one logit; of one question, or of many at once."""

from collections.abc import Sequence

import numpy as np

from scratch.checks import require_fraction
from scratch.losses.loss import Loss, as_class_weights, require_shape, weighted

__all__ = ["BinaryCrossEntropy"]


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy on logits, a mean: L = −1/n Σᵢ wᵢ (yᵢ log σ(zᵢ) + (1−yᵢ) log(1−σ(zᵢ))).

    Shapes: z, y (n, 1), w (n,). Gradient: dz = w (σ(z) − y)/n. With more columns or axes, such as
    the pixels of images (n, h, w, c), each is a question of its own, and the mean is over all of
    them; with `sum_over_rows` a row counts with their sum, and the mean is over the rows.
    With e = e^−|z|, ℓ = |z| (1−y) + log(1 + e) where z > 0, else |z| y + log(1 + e): the same, but
    log(0) is never taken. In the same way dz has s = e/(1 + e), which is σ(−z) where z > 0, else
    σ(z): 1 − y − s keeps every digit of the small gradient at z ≫ 0, y = 1.

    Options, each as in Keras:
    - `smoothing` ε replaces y by (1−ε) y + ε/2.
    - `class_weights` (v₀, v₁) multiply the rows of their class, y being 0 or 1; the divisor stays
      n. PyTorch's `pos_weight` p is (1, p).
    Raises ValueError for an ε outside [0, 1), and for weights that are not two numbers ≥ 0.
    Source of the smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
    vision", CVPR 2016, section 7.

    >>> loss = BinaryCrossEntropy()
    >>> round(float(loss.forward(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]]))), 6)
    0.346574
    >>> loss.backward()
    array([[-0.25],
           [ 0.  ]])
    """

    threshold = 0.0  # of a logit: σ(0) = ½

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        class_weights: Sequence[float] | np.ndarray | None = None,
        sum_over_rows: bool = False,
    ) -> None:
        require_fraction("smoothing", smoothing)
        self.smoothing, self.sum_over_rows = smoothing, sum_over_rows
        self.v = as_class_weights(class_weights)
        if self.v is not None and self.v.shape != (2,):
            raise ValueError(f"class_weights must be two numbers, v₀ and v₁, got {class_weights}")

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, z.shape)
        if self.v is not None:
            v = self.v.astype(z.dtype)
            w = weighted(w, np.where(y > 0, v[1:], v[:1]))
        if self.smoothing:
            y = (1 - self.smoothing) * y + self.smoothing / 2
        self.z, self.y, self.w = z, y, w
        self.e = np.exp(-np.abs(z))
        size = np.minimum(np.abs(z), np.finfo(z.dtype).max)  # to avoid ∞ · 0 at an infinite z
        ell = np.where(z > 0, 1 - y, y) * size + np.log1p(self.e)
        self.m = len(z) if self.sum_over_rows else z.size
        return weighted(w, ell).sum() / self.m

    def backward(self) -> np.ndarray:
        """Return dz = w (σ(z) − y)/n."""
        s = self.e / (1 + self.e)
        dz = np.where(self.z > 0, 1 - self.y - s, s - self.y)
        return weighted(self.w, dz) / self.m
