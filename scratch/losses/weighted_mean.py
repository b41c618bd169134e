"""scikit-learn's mean of weighted rows, which is divided by the sum of the weights."""

import numpy as np

from scratch.losses.loss import Loss

__all__ = ["WeightedMean"]


class WeightedMean(Loss):
    """Another loss, a mean over n rows, over their weights instead: L = Σᵢ wᵢ ℓᵢ / Σᵢ wᵢ.

    A row of weight 2 counts like two rows, in scikit-learn's MLP as here. By themselves the losses
    of scratch are divided by n, as Keras' are: they are smaller by the factor Σw/n. Without weights
    there is no difference. `L2.sklearn` is divided by Σw, too, and belongs to this loss.
    Shapes: those of `loss`. Gradient: n/Σw times that of `loss`. If all weights are 0, L is NaN.

    >>> from scratch import MeanSquaredError
    >>> loss, w = WeightedMean(MeanSquaredError()), np.array([3.0, 1.0])
    >>> float(loss.forward(np.array([[1.0], [3.0]]), np.zeros((2, 1)), w))  # (3·1 + 1·9)/4
    3.0
    >>> loss.backward().ravel()
    array([1.5, 1.5])
    """

    over_rows = False

    def __init__(self, loss: Loss) -> None:
        self.loss, self.threshold = loss, loss.threshold

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L for outputs z (n, ...), targets y and row weights w (n,)."""
        value = self.loss.forward(z, y, w)
        self.factor = 1.0 if w is None else len(z) / w.sum()
        return self.factor * value

    def backward(self) -> np.ndarray:
        """Return dL/dz (n, ...)."""
        return self.factor * self.loss.backward()

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError for targets y that do not fit the outputs z."""
        self.loss.require(z, y)
