"""Lion: the sign of a momentum, so that every parameter moves by the same amount."""

from typing import Self

import numpy as np

from scratch.checks import require_fraction, require_positive
from scratch.optimizers.optimizer import State, start

__all__ = ["Lion"]


class Lion:
    """Lion: c = β₁ m + (1−β₁) g;  θ ← θ − η sign(c);  m ← β₂ m + (1−β₂) g.

    m starts at zero; where c is zero nothing moves. The paper's weight decay is decoupled:
    `DecoupledWeightDecay(λ, Lion())`, and three to ten times as large as Adam's, as η is three to
    ten times as small. `keras` returns `keras.optimizers.Lion`; PyTorch has none.
    Source: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.

    >>> theta, lion = np.array([1.0, 1.0, 1.0]), Lion(learning_rate=0.5)
    >>> lion.step(theta, np.array([1e-9, 0.0, -7.0]))
    >>> theta
    array([0.5, 1. , 1.5])
    """

    def __init__(
        self, learning_rate: float = 1e-4, *, beta_1: float = 0.9, beta_2: float = 0.99
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_fraction("beta_1", beta_1)
        require_fraction("beta_2", beta_2)
        self.eta, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.state: State = {}

    @classmethod
    def keras(
        cls, learning_rate: float = 1e-3, *, beta_1: float = 0.9, beta_2: float = 0.99
    ) -> Self:
        """Return `keras.optimizers.Lion`: η ten times the paper's."""
        return cls(learning_rate, beta_1=beta_1, beta_2=beta_2)

    def advance(self, g: np.ndarray) -> tuple[float]:
        """Return η."""
        start(self.state, g, "m")
        return (self.eta,)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        (eta,), m = self.advance(g), self.state["m"]
        c = self.beta_1 * m + (1 - self.beta_1) * g
        theta -= eta * np.sign(c)
        m[...] = self.beta_2 * m + (1 - self.beta_2) * g
