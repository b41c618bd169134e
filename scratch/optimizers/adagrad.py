"""Adagrad: an individual, ever decreasing learning rate for every parameter."""

import numpy as np

from scratch.checks import require_not_negative, require_positive
from scratch.optimizers.optimizer import State, epsilon_root

__all__ = ["Adagrad"]


class Adagrad:
    """Adagrad: s ← s + g²;  θ ← θ − η g / (√s + ε).

    s starts at `start`. With `epsilon_in_root=True`: θ ← θ − η g / √(s + ε).
    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, 2011, figure 1 with diagonal matrices; its δ is ε.

    PyTorch starts at 0 and adds ε to the root; Keras starts at 0.1 and adds ε inside the root.

    >>> theta, adagrad = np.array([1.0]), Adagrad(learning_rate=0.5, start=7.0, epsilon=0.0)
    >>> adagrad.step(theta, np.array([3.0]))
    >>> theta
    array([0.625])
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        start: float = 0.0,
        epsilon: float = 1e-10,
        epsilon_in_root: bool = False,
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_not_negative("start", start)
        require_not_negative("epsilon", epsilon)
        self.eta, self.start = learning_rate, start
        self.epsilon, self.epsilon_in_root = epsilon, epsilon_in_root
        self.state: State = {}

    @classmethod
    def pytorch(
        cls, learning_rate: float = 0.01, *, start: float = 0.0, epsilon: float = 1e-10
    ) -> "Adagrad":
        """Return `torch.optim.Adagrad`: ε outside the root."""
        return cls(learning_rate, start=start, epsilon=epsilon)

    @classmethod
    def keras(
        cls, learning_rate: float = 1e-3, *, start: float = 0.1, epsilon: float = 1e-7
    ) -> "Adagrad":
        """Return `keras.optimizers.Adagrad`: ε inside the root."""
        return cls(learning_rate, start=start, epsilon=epsilon, epsilon_in_root=True)

    def advance(self, g: np.ndarray) -> tuple[float]:
        """Return η."""
        if not self.state:
            self.state["s"] = np.full_like(g, self.start)
        return (self.eta,)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        (eta,), s = self.advance(g), self.state["s"]
        s += g * g
        theta -= eta * (g / epsilon_root(s, self.epsilon, self.epsilon_in_root))
