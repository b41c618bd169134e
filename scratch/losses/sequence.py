"""Losses of sequences: each step counts as a row, those that are padding do not."""

from typing import Literal

import numpy as np

from scratch.checks import require_row_weights
from scratch.layers.masking import Mask
from scratch.losses.loss import Loss

__all__ = ["SequenceLoss"]


class SequenceLoss(Loss):
    """Another loss over the real steps of sequences: L = 1/m Σ over real (i, t) of wᵢ ℓ(zᵢₜ, yᵢₜ).

    `loss`, a mean over rows, is given z (n, t, k) and y (n, t, ...) as n·t rows. The real steps are
    those of `mask`, or those whose label is not `ignore`; all if neither is given. The divisor m is
    their number, `over="real"`: Keras' loss with a mask or `ignore_class`, PyTorch's
    `ignore_index`. With `over="all"` it is n·t: Keras' `sample_weight` (n, t).
    With no real step L is 0, as in Keras; in PyTorch it is NaN.
    Raises ValueError for steps to leave out of a loss with a divisor of its own, such as a sum.

    >>> from scratch import MeanSquaredError
    >>> mask = Mask()
    >>> mask.steps = np.array([[True, True, False]])
    >>> loss, z = SequenceLoss(MeanSquaredError(), mask=mask), np.array([[[1.0], [3.0], [9.0]]])
    >>> float(loss.forward(z, np.zeros((1, 3, 1))))  # (1 + 9)/2
    5.0
    >>> loss.backward().ravel()
    array([1., 3., 0.])
    """

    def __init__(
        self,
        loss: Loss,
        *,
        mask: Mask | None = None,
        ignore: int | None = None,
        over: Literal["real", "all"] = "real",
    ) -> None:
        if over not in ("real", "all"):
            raise ValueError(f"over must be 'real' or 'all', got {over!r}")
        if mask is not None and ignore is not None:
            raise ValueError("mask and ignore exclude each other, got both")
        if not loss.over_rows and (mask is not None or ignore is not None):
            raise ValueError(
                f"loss must be a mean over all rows to leave steps out, got {type(loss).__name__} "
                "with another divisor; a cross-entropy can ignore a label by itself: ignore="
            )
        self.over_rows = loss.over_rows and mask is None and ignore is None
        self.loss, self.mask, self.ignore, self.over = loss, mask, ignore, over
        self.threshold = loss.threshold

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L for outputs z (n, t, k), targets y (n, t, ...) and row weights w (n,)."""
        n, t, k = self.shape = z.shape
        real = self._real(z, y)
        rows = None
        if w is not None:
            require_row_weights(w, (n,))
            rows = (w[:, None] + np.zeros((1, t), w.dtype)).reshape(n * t)
        self.factor = 1.0
        if real is not None:
            counted = real.reshape(n * t).astype(z.dtype)
            rows = counted if rows is None else rows * counted
            if self.over == "real":
                self.factor = n * t / np.maximum(counted.sum(), 1)
            if self.ignore is not None:
                y = np.where(real, y, 0)
        value = self.loss.forward(z.reshape(n * t, k), y.reshape(n * t, *y.shape[2:]), rows)
        return self.factor * value

    def backward(self) -> np.ndarray:
        """Return dz (n, t, k)."""
        return self.factor * self.loss.backward().reshape(self.shape)

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError for targets y (n, t, ...) that do not fit the outputs z (n, t, k)."""
        if z.ndim != 3 or np.shape(y)[:2] != z.shape[:2]:
            raise ValueError(
                f"y must have a target for each step of z {z.shape}, got {np.shape(y)}"
            )
        if self.ignore is not None:
            y = np.where(y == self.ignore, 0, y)
        self.loss.require(z.reshape(-1, z.shape[2]), y.reshape(-1, *y.shape[2:]))

    def _real(self, z: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return which steps (n, t) are real, or None if all are."""
        if self.ignore is not None:
            return y != self.ignore
        return None if self.mask is None else self.mask.over(z)
