"""The Kullback-Leibler divergence of two distributions."""

import numpy as np

from scratch.checks import require_fraction
from scratch.losses.loss import Loss, require_shape, weighted

__all__ = ["KLDivergence"]


class KLDivergence(Loss):
    """A mean over the rows: L = 1/n Σᵢ wᵢ Σₖ yᵢₖ log(yᵢₖ/aᵢₖ), with 0 log 0 = 0.

    Shapes: a the predicted probabilities (n, k), y the true ones (n, k), w (n,).
    Gradient: da = −w y/(n a). Behind a softmax, categorical cross-entropy has the same gradient.
    `clip` holds both between itself and 1: `keras` has 10⁻⁷, which makes targets of 0 count.
    PyTorch's is `kl_div(a.log(), y, reduction="batchmean")`; its default divides by k, too.
    Source: Kullback and Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22, 1951.

    >>> loss = KLDivergence()
    >>> round(float(loss.forward(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))), 6)
    0.693147
    >>> loss.backward() + 0.0
    array([[-2.,  0.]])
    """

    def __init__(self, clip: float = 0.0) -> None:
        require_fraction("clip", clip)
        self.clip = clip

    @classmethod
    def keras(cls) -> "KLDivergence":
        """Return `keras.losses.KLDivergence()`, which clips at 10⁻⁷."""
        return cls(clip=1e-7)

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, a.shape)
        self.inside = (a >= self.clip) & (a <= 1) if self.clip else None
        if self.clip:
            a, y = (np.minimum(np.maximum(p, self.clip), 1) for p in (a, y))
        self.a, self.y, self.w = a, y, w
        ratio = np.where(y > 0, y, 1) / np.where(y > 0, a, 1)
        return weighted(w, y * np.log(ratio)).sum() / len(a)

    def backward(self) -> np.ndarray:
        """Return da = −w y/(n a): 0 where y is 0, whatever a is, and where a was clipped."""
        da = weighted(self.w, -self.y / np.where(self.y > 0, self.a, 1)) / len(self.a)
        return da if self.inside is None else da * self.inside
