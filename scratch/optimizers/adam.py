"""Adam: momentum over the root of the recent mean square, both bias-corrected."""

import math
from typing import Self

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State, count

__all__ = ["AMSGrad", "Adam"]


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

    moments: tuple[str, ...] = ("m", "v")

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
    ) -> Self:
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
    ) -> Self:
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
    ) -> Self:
        """Return scikit-learn's `MLPClassifier(solver="adam")`: with ε̂, and the paper's numbers."""
        return cls.keras(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def advance(self, g: np.ndarray) -> tuple[float, float]:
        """Count the step as t; return η √(1−β₂ᵗ)/(1−β₁ᵗ), and ε̂."""
        t = count(self.state, g, *self.moments)
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


class AMSGrad(Adam):
    """AMSGrad: Adam with v̂ ← max(v̂, v) in the place of v, so that no step size grows again.

    m and v as in Adam;  θ ← θ − η m̂ / (√v̂ + ε), both corrected for their bias; the maximum is
    taken before the correction, in PyTorch and Keras alike (`amsgrad=True`). The paper corrects
    neither.
    Source: Reddi, Kale and Kumar, "On the convergence of Adam and beyond", ICLR 2018, algorithm 2.

    >>> theta, amsgrad = np.array([1.0]), AMSGrad(learning_rate=0.5, beta_1=0.0, epsilon=0.0)
    >>> for g in (3.0, 0.0):
    ...     amsgrad.step(theta, np.array([g]))
    >>> float(amsgrad.state["v_hat"][0]) > float(amsgrad.state["v"][0])
    True
    """

    moments = ("m", "v", "v_hat")

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        rate, epsilon_hat = self.advance(g)
        m, v, v_hat = self.state["m"], self.state["v"], self.state["v_hat"]
        m[...] = self.beta_1 * m + (1 - self.beta_1) * g
        v[...] = self.beta_2 * v + (1 - self.beta_2) * (g * g)
        v_hat[...] = np.maximum(v_hat, v)
        theta -= rate * (m / (np.sqrt(v_hat) + epsilon_hat))
