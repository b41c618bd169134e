"""Adadelta: steps as long as the recent ones, in units of the recent gradients."""

from typing import Self

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State, epsilon_root, start

__all__ = ["Adadelta"]


class Adadelta:
    """Adadelta: v ← ρ v + (1−ρ) g²;  Δ = √(u + ε)/√(v + ε) g;  u ← ρ u + (1−ρ) Δ²;  θ ← θ − η Δ.

    v and u, the mean squares of gradients and of steps, start at zero. The paper has no learning
    rate, η = 1, and neither has PyTorch; Keras' default of 0.001 makes steps a thousand times
    shorter. ε decides the first steps, since u is zero then: its root is their size.
    Source: Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701,
    2012, algorithm 1.

    >>> theta, adadelta = np.array([1.0]), Adadelta(rho=0.5, epsilon=1.0)
    >>> adadelta.step(theta, np.array([4.0]))  # v = 8, and Δ = √1/√9 · 4
    >>> theta.round(6)
    array([-0.333333])
    """

    def __init__(
        self, learning_rate: float = 1.0, *, rho: float = 0.9, epsilon: float = 1e-6
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_fraction("rho", rho)
        require_not_negative("epsilon", epsilon)
        self.eta, self.rho, self.epsilon = learning_rate, rho, epsilon
        self.state: State = {}

    @classmethod
    def pytorch(
        cls, learning_rate: float = 1.0, *, rho: float = 0.9, epsilon: float = 1e-6
    ) -> Self:
        """Return `torch.optim.Adadelta`."""
        return cls(learning_rate, rho=rho, epsilon=epsilon)

    @classmethod
    def keras(
        cls, learning_rate: float = 1e-3, *, rho: float = 0.95, epsilon: float = 1e-7
    ) -> Self:
        """Return `keras.optimizers.Adadelta`: another η, ρ and ε."""
        return cls(learning_rate, rho=rho, epsilon=epsilon)

    def advance(self, g: np.ndarray) -> tuple[float]:
        """Return η."""
        start(self.state, g, "v", "u")
        return (self.eta,)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        (eta,), v, u = self.advance(g), self.state["v"], self.state["u"]
        v[...] = self.rho * v + (1 - self.rho) * (g * g)
        delta = epsilon_root(u, self.epsilon, True) / epsilon_root(v, self.epsilon, True) * g
        u[...] = self.rho * u + (1 - self.rho) * (delta * delta)
        theta -= eta * delta
