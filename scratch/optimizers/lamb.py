"""LAMB: Adam whose steps are, layer by layer, as long as the layer's weights."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State, count

__all__ = ["LAMB"]


class LAMB:
    """LAMB: Adam's step, scaled for every array of parameters j by the norm of that array.

    m and v as in Adam, r = m̂ / (√v̂ + ε);  uⱼ = rⱼ + λ θⱼ;  θⱼ ← θⱼ − η ‖θⱼ‖/‖uⱼ‖ uⱼ.

    The ratio of the norms is 1 where one of them is 0. `sizes` are the numbers of elements of the
    arrays, in their order in θ: `[w.size for w in network.weights]`; None means that θ is one.
    Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes",
    ICLR 2020, algorithm 2, with φ(z) = z. The defaults of λ and ε are BERT's.

    Keras has no λ in the step. Its `weight_decay` comes before it, and no ratio scales it:
    `DecoupledWeightDecay(λ, LAMB.keras(...))`. PyTorch has no LAMB.

    >>> theta, lamb = np.array([3.0, 4.0]), LAMB(0.5, sizes=[1, 1], weight_decay=0, epsilon=0)
    >>> lamb.step(theta, np.array([7.0, 0.5]))  # r = 1, 1; ratios of 3 and 4
    >>> theta.round(12)
    array([1.5, 2. ])
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        sizes: Sequence[int] | None = None,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_not_negative("weight_decay", weight_decay)
        require_fraction("beta_1", beta_1)
        require_fraction("beta_2", beta_2)
        require_not_negative("epsilon", epsilon)
        self.eta, self.weight_decay, self.epsilon = learning_rate, weight_decay, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        ends = np.cumsum(sizes or [])
        self.sizes = sizes
        self.arrays = [slice(e - s, e) for s, e in zip(sizes or [], ends, strict=True)]
        self.state: State = {}

    @classmethod
    def keras(
        cls,
        learning_rate: float = 1e-3,
        *,
        sizes: Sequence[int] | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> Self:
        """Return `keras.optimizers.Lamb`: λ = 0."""
        betas = {"beta_1": beta_1, "beta_2": beta_2}
        return cls(learning_rate, sizes=sizes, weight_decay=0.0, epsilon=epsilon, **betas)

    def advance(self, g: np.ndarray) -> tuple[float, float, float]:
        """Count the step as t; return η, 1−β₁ᵗ and 1−β₂ᵗ."""
        t = count(self.state, g, "m", "v")
        return self.eta, 1 - self.beta_1**t, 1 - self.beta_2**t

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        eta, correction_1, correction_2 = self.advance(g)
        m, v = self.state["m"], self.state["v"]
        m[...] = self.beta_1 * m + (1 - self.beta_1) * g
        v[...] = self.beta_2 * v + (1 - self.beta_2) * (g * g)
        r = m / correction_1 / (np.sqrt(v / correction_2) + self.epsilon)
        u = r + self.weight_decay * theta
        for j in self.arrays or [slice(None)]:
            theta[j] -= eta * _ratio(_norm(theta[j]), _norm(u[j])) * u[j]


def _norm(a: np.ndarray) -> np.ndarray:
    return np.sqrt((a * a).sum())


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a/b for norms, and 1 where one of them is 0."""
    both = (a > 0) & (b > 0)
    return np.where(both, a, 1) / np.where(both, b, 1)
