"""Weight decay: each step pulls θ towards zero, through the gradient or separately from it.

For plain gradient descent the two are the same. They differ if an optimizer has a state or scales
the gradient: coupled decay is affected by both, decoupled decay by neither.
`mask` says which parameters decay; biases are commonly left out (see `scratch.masks`).
"""

import numpy as np

from scratch.checks import require_not_negative
from scratch.optimizers.optimizer import Learner, Wrapper

__all__ = ["CoupledWeightDecay", "DecoupledWeightDecay"]


class _WeightDecay(Wrapper):
    """λ, and the parameters it applies to: mask (p,) of booleans, or None for all."""

    def __init__(
        self, weight_decay: float, optimizer: Learner, *, mask: np.ndarray | None = None
    ) -> None:
        require_not_negative("weight_decay", weight_decay)
        super().__init__(optimizer)
        self.weight_decay, self.mask = weight_decay, mask

    def _decay(self, theta: np.ndarray, rate: float) -> np.ndarray:
        """Return rate · θ where θ decays, and 0 elsewhere."""
        return rate * theta if self.mask is None else rate * theta * self.mask


class CoupledWeightDecay(_WeightDecay):
    """Decay through the gradient: g ← g + λ θ, then the optimizer's step.

    It is the gradient of ½ λ Σ θ², which does not appear in the loss (`L2` puts it there). This is
    `weight_decay` in PyTorch's SGD, Adagrad, RMSprop and Adam.
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithms 1
    and 2, line 6.

    >>> from scratch import SGD
    >>> theta = np.array([4.0, 4.0])
    >>> optimizer = CoupledWeightDecay(0.5, SGD(1.0), mask=np.array([True, False]))
    >>> optimizer.step(theta, np.array([1.0, 1.0]))
    >>> theta
    array([1., 3.])
    """

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        self.optimizer.step(theta, g + self._decay(theta, self.weight_decay))


class DecoupledWeightDecay(_WeightDecay):
    """Decay separately from the gradient: θ ← θ − η λ θ, then the optimizer's step.

    This is `weight_decay` in every optimizer of Keras, and in PyTorch's AdamW.
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2,
    line 12; the paper's λ is η λ here, as in both frameworks.

    >>> from scratch import SGD
    >>> theta, optimizer = np.array([4.0]), DecoupledWeightDecay(0.5, SGD(0.5, momentum=0.5))
    >>> optimizer.step(theta, np.array([1.0]))
    >>> theta
    array([2.5])
    """

    def advance(self, g: np.ndarray) -> tuple[float]:
        """Return η λ."""
        return (self.eta * self.weight_decay,)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        (rate,) = self.advance(g)
        theta -= self._decay(theta, rate)
        self.optimizer.step(theta, g)
