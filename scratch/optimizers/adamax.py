"""Adamax: Adam with the largest recent gradient in the place of the root of the mean square."""

from typing import Self

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State, count

__all__ = ["Adamax"]


class Adamax:
    """Adamax: m ← β₁ m + (1−β₁) g;  u ← max(β₂ u, |g|);  θ ← θ − η/(1−β₁ᵗ) m / (u + ε).

    u is Adam's v in the infinity norm, and needs no correction. ε is not the paper's: it keeps a
    parameter whose gradients were all zero from 0/0. With `epsilon_in_norm=True` it is added to
    |g| instead, u ← max(β₂ u, |g| + ε), and θ ← θ − η/(1−β₁ᵗ) m / u.
    PyTorch has ε in the norm, Keras outside.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 2.

    >>> theta, adamax = np.array([1.0]), Adamax(learning_rate=0.5, epsilon=0.0)
    >>> adamax.step(theta, np.array([3.0]))
    >>> theta.round(12)
    array([0.5])
    """

    def __init__(
        self,
        learning_rate: float = 2e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        epsilon_in_norm: bool = True,
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_fraction("beta_1", beta_1)
        require_fraction("beta_2", beta_2)
        require_not_negative("epsilon", epsilon)
        self.eta, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.epsilon, self.epsilon_in_norm = epsilon, epsilon_in_norm
        self.state: State = {}

    @classmethod
    def pytorch(
        cls,
        learning_rate: float = 2e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> Self:
        """Return `torch.optim.Adamax`: ε in the norm."""
        return cls(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    @classmethod
    def keras(
        cls,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> Self:
        """Return `keras.optimizers.Adamax`: ε outside the norm."""
        betas = {"beta_1": beta_1, "beta_2": beta_2}
        return cls(learning_rate, **betas, epsilon=epsilon, epsilon_in_norm=False)

    def advance(self, g: np.ndarray) -> tuple[float]:
        """Count the step as t; return η/(1−β₁ᵗ)."""
        t = count(self.state, g, "m", "u")
        return (self.eta / (1 - self.beta_1**t),)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        (rate,) = self.advance(g)
        m, u = self.state["m"], self.state["u"]
        size = np.abs(g) + self.epsilon if self.epsilon_in_norm else np.abs(g)
        m[...] = self.beta_1 * m + (1 - self.beta_1) * g
        u[...] = np.maximum(self.beta_2 * u, size)
        theta -= rate * (m / (u if self.epsilon_in_norm else u + self.epsilon))
