"""The cosine of the angle between outputs and targets."""

import numpy as np

from scratch.losses.loss import Loss, require_shape, weighted

__all__ = ["CosineLoss"]


class CosineLoss(Loss):
    """A mean over the rows: L = 1/n Σᵢ wᵢ (offset − cos(aᵢ, yᵢ)).

    cos(a, y) = a·y/(|a| |y|). Shapes: a, y (n, k), w (n,).
    Gradient: da = −w/n (ŷ − â cos(a, y))/|a|, with â = a/|a|, ŷ = y/|y|.
    `keras` has the offset 0, so that L runs from −1 to 1; `pytorch` 1, from 0 to 2. A row of zeros
    has no direction, and gives NaN; Keras and PyTorch make up one by different rules.

    >>> loss = CosineLoss.pytorch()
    >>> round(float(loss.forward(np.array([[2.0, 0.0]]), np.array([[3.0, 4.0]]))), 6)
    0.4
    >>> loss.backward() + 0.0
    array([[ 0. , -0.4]])
    """

    def __init__(self, offset: float) -> None:
        self.offset = offset

    @classmethod
    def keras(cls) -> "CosineLoss":
        """Return `keras.losses.CosineSimilarity()`."""
        return cls(0.0)

    @classmethod
    def pytorch(cls) -> "CosineLoss":
        """Return `1 - torch.nn.functional.cosine_similarity(a, y)`, its mean."""
        return cls(1.0)

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, a.shape)
        self.length, self.w = _length(a), w
        self.a_hat, self.y_hat = a / self.length, y / _length(y)
        self.cosine = (self.a_hat * self.y_hat).sum(axis=1, keepdims=True)
        return weighted(w, self.offset - self.cosine).sum() / len(a)

    def backward(self) -> np.ndarray:
        """Return da = −w/n (ŷ − â cos)/|a|."""
        da = (self.a_hat * self.cosine - self.y_hat) / self.length
        return weighted(self.w, da) / len(da)


def _length(a: np.ndarray) -> np.ndarray:
    """Return |a| of every row (n, 1)."""
    return np.sqrt((a * a).sum(axis=1, keepdims=True))
