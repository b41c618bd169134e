"""Adam: momentum over the root of the recent mean square, both bias-corrected."""

import math

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State

__all__ = ["Adam"]


class Adam:
    """Adam: m ← β₁ m + (1−β₁) g;  v ← β₂ v + (1−β₂) g²;  θ ← θ − η m̂ / (√v̂ + ε).

    m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ) at step t = 1, 2, ...; m and v start at zero.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    With `epsilon_hat=True` ε is added before the correction, as in the text that closes the paper's
    section 2:  θ ← θ − η √(1−β₂ᵗ)/(1−β₁ᵗ) m / (√v + ε̂). The two are equal for
    ε̂ = ε √(1−β₂ᵗ), a different value at each step. PyTorch has the first form, Keras and
    scikit-learn the second.

    >>> theta, adam = np.array([1.0]), Adam(learning_rate=0.5, epsilon=0.0)
    >>> adam.step(theta, np.array([3.0]))
    >>> theta
    array([0.5])
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        epsilon_hat: bool = False,
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_fraction("beta_1", beta_1)
        require_fraction("beta_2", beta_2)
        require_not_negative("epsilon", epsilon)
        self.eta, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.epsilon, self.epsilon_hat = epsilon, epsilon_hat
        self.state: State = {}

    @classmethod
    def pytorch(
        cls,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> "Adam":
        """Return `torch.optim.Adam`: the paper's algorithm, and its numbers."""
        return cls(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    @classmethod
    def keras(
        cls,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> "Adam":
        """Return `keras.optimizers.Adam`: with ε̂."""
        return cls(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, epsilon_hat=True)

    @classmethod
    def sklearn(
        cls,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> "Adam":
        """Return scikit-learn's `MLPClassifier(solver="adam")`: with ε̂, and the paper's numbers."""
        return cls.keras(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def advance(self, g: np.ndarray) -> tuple[float, float]:
        """Count the step as t; return η √(1−β₂ᵗ)/(1−β₁ᵗ), and ε̂."""
        if not self.state:
            self.state["t"] = np.zeros((), int)
            self.state |= {"m": np.zeros_like(g), "v": np.zeros_like(g)}
        t = self.state["t"].item() + 1
        self.state["t"][...] = t
        if t % 128 == 0:
            self._forget()
        correction_1 = 1 - self.beta_1**t
        correction_2 = math.sqrt(1 - self.beta_2**t)
        epsilon_hat = self.epsilon if self.epsilon_hat else self.epsilon * correction_2
        return self.eta * correction_2 / correction_1, epsilon_hat

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step; with m̂ and v̂ written out, one number holds both corrections."""
        rate, epsilon_hat = self.advance(g)
        m, v = self.state["m"], self.state["v"]
        m[...] = self.beta_1 * m + (1 - self.beta_1) * g
        v[...] = self.beta_2 * v + (1 - self.beta_2) * (g * g)
        theta -= rate * (m / (np.sqrt(v) + epsilon_hat))

    def _forget(self) -> None:
        """Set moments to zero whose gradients have long been zero.

        They would decay to subnormal numbers, which have fewer digits and slow every operation
        down, by up to a hundred times.
        """
        for a in (self.state["m"], self.state["v"]):
            a[np.abs(a) < 1e8 * np.finfo(a.dtype).tiny] = 0
