"""Gradient clipping: limits for g before the optimizer's step."""

from collections.abc import Sequence

import numpy as np

from scratch.checks import require_not_negative, require_positive
from scratch.optimizers.optimizer import Learner, Wrapper

__all__ = ["ClipEachNorm", "ClipNorm", "ClipValue"]


class ClipNorm(Wrapper):
    """Clip by the norm of the whole gradient: g ← g min(1, c / (‖g‖ + ε)), then the step.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
    ICML 2013, algorithm 1, where ε = 0. Keras' `global_clipnorm` has no ε either; PyTorch's
    `clip_grad_norm_` has ε = 1e-6. If the norm is infinite, the factor is 0, as in PyTorch, or
    with `finite=True` NaN, as in Keras.

    >>> from scratch import SGD
    >>> theta, optimizer = np.zeros(2), ClipNorm(1.0, SGD(1.0))
    >>> optimizer.step(theta, np.array([3.0, 4.0]))
    >>> theta
    array([-0.6, -0.8])
    """

    def __init__(
        self, limit: float, optimizer: Learner, *, epsilon: float = 0.0, finite: bool = True
    ) -> None:
        require_positive("limit", limit)
        require_not_negative("epsilon", epsilon)
        super().__init__(optimizer)
        self.limit, self.epsilon, self.finite = limit, epsilon, finite

    @classmethod
    def pytorch(cls, limit: float, optimizer: Learner) -> "ClipNorm":
        """Return `torch.nn.utils.clip_grad_norm_` before each step."""
        return cls(limit, optimizer, epsilon=1e-6, finite=False)

    @classmethod
    def keras(cls, limit: float, optimizer: Learner) -> "ClipNorm":
        """Return `global_clipnorm` of a Keras optimizer."""
        return cls(limit, optimizer)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        self.optimizer.step(theta, g * _factor(g, self.limit, self.epsilon, self.finite))


class ClipEachNorm(Wrapper):
    """Clip by the norm of each parameter's gradient: gⱼ ← gⱼ min(1, c / ‖gⱼ‖), then the step.

    `sizes` are the numbers of elements of the parameters, in their order in θ:
    `[w.size for w in network.weights]`. This is `clipnorm` of a Keras optimizer.

    >>> from scratch import SGD
    >>> theta, optimizer = np.zeros(3), ClipEachNorm(1.0, SGD(1.0), sizes=[2, 1])
    >>> optimizer.step(theta, np.array([3.0, 4.0, 0.5]))
    >>> theta
    array([-0.6, -0.8, -0.5])
    """

    def __init__(self, limit: float, optimizer: Learner, *, sizes: Sequence[int]) -> None:
        require_positive("limit", limit)
        super().__init__(optimizer)
        ends = np.cumsum(sizes)
        self.limit, self.slices = limit, [slice(e - s, e) for s, e in zip(sizes, ends, strict=True)]

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        clipped = np.empty_like(g)
        for j in self.slices:
            clipped[j] = g[j] * _factor(g[j], self.limit)
        self.optimizer.step(theta, clipped)


class ClipValue(Wrapper):
    """Clip each element: gᵢ ← min(max(gᵢ, −c), c), then the step.

    This is `torch.nn.utils.clip_grad_value_`, and `clipvalue` of a Keras optimizer.

    >>> from scratch import SGD
    >>> theta, optimizer = np.zeros(2), ClipValue(1.0, SGD(1.0))
    >>> optimizer.step(theta, np.array([-3.0, 0.5]))
    >>> theta
    array([ 1. , -0.5])
    """

    def __init__(self, limit: float, optimizer: Learner) -> None:
        require_positive("limit", limit)
        super().__init__(optimizer)
        self.limit = limit

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        self.optimizer.step(theta, np.minimum(np.maximum(g, -self.limit), self.limit))


def _factor(g: np.ndarray, limit: float, epsilon: float = 0.0, finite: bool = True) -> np.ndarray:
    """Return min(1, c / (‖g‖ + ε)), without dividing by a norm of 0."""
    norm = np.sqrt((g * g).sum())
    factor = limit / np.maximum(norm + epsilon, limit)
    return np.where(np.isfinite(norm), factor, np.nan) if finite else factor
