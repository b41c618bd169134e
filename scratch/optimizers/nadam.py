"""NAdam: Adam that looks ahead by Nesterov's momentum."""

from typing import Self

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State, count

__all__ = ["NAdam"]


class NAdam:
    """NAdam: m and v as in Adam; the step takes the momentum of the next one.

    μₜ = β₁ (1 − ½ ρ^(t ψ));  Πₜ = μ₁ μ₂ ⋯ μₜ
    m̂ = μₜ₊₁ m / (1 − Πₜ₊₁) + (1−μₜ) g / (1 − Πₜ);  v̂ = v/(1−β₂ᵗ);  θ ← θ − η m̂ / (√v̂ + ε)

    ρ = 0.96. ψ is the `momentum_decay`: 0.004 in PyTorch, as published, so that μ takes thousands
    of steps to reach β₁; 1 in Keras, which is there within a hundred.
    Source: Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016, algorithm 2,
    with the schedule of μ that its text gives.

    Both frameworks lose digits in a float64 network. PyTorch keeps Π in torch's default type, which
    is float32 unless it was set. Keras rounds ρ to float32 in μ, but not in Π: here that is
    `rho_in_mu`.

    >>> theta, nadam = np.array([1.0]), NAdam(0.5, beta_1=0.0, epsilon=0.0)
    >>> nadam.step(theta, np.array([3.0]))  # without momentum: the root of the mean square alone
    >>> theta
    array([0.5])
    """

    def __init__(
        self,
        learning_rate: float = 2e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 4e-3,
        rho_in_mu: float = 0.96,
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_fraction("beta_1", beta_1)
        require_fraction("beta_2", beta_2)
        require_not_negative("epsilon", epsilon)
        require_not_negative("momentum_decay", momentum_decay)
        self.eta, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.epsilon, self.psi, self.rho_in_mu = epsilon, momentum_decay, rho_in_mu
        self.state: State = {}

    @classmethod
    def pytorch(
        cls,
        learning_rate: float = 2e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 4e-3,
    ) -> Self:
        """Return `torch.optim.NAdam`: ψ = 0.004."""
        return cls(
            learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            momentum_decay=momentum_decay,
        )

    @classmethod
    def keras(
        cls,
        learning_rate: float = 1e-3,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> Self:
        """Return `keras.optimizers.Nadam`: ψ = 1, and ρ rounded in μ."""
        return cls(
            learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            momentum_decay=1.0,
            rho_in_mu=float(np.float32(0.96)),
        )

    def advance(self, g: np.ndarray) -> tuple[float, float, float, float]:
        """Count the step as t; return η, μₜ₊₁/(1 − Πₜ₊₁), (1−μₜ)/(1 − Πₜ), and 1 − β₂ᵗ."""
        t = count(self.state, g, "m", "v")
        before = self.state.setdefault("product", np.ones(()))
        mu, mu_next = self._mu(t, self.rho_in_mu), self._mu(t + 1, self.rho_in_mu)
        product = before.item() * self._mu(t, 0.96)
        before[...] = product
        of_m, of_g = mu_next / (1 - product * mu_next), (1 - mu) / (1 - product)
        return self.eta, of_m, of_g, 1 - self.beta_2**t

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        eta, of_m, of_g, correction = self.advance(g)
        m, v = self.state["m"], self.state["v"]
        m[...] = self.beta_1 * m + (1 - self.beta_1) * g
        v[...] = self.beta_2 * v + (1 - self.beta_2) * (g * g)
        m_hat = of_m * m + of_g * g
        v_hat = v / correction
        theta -= eta * (m_hat / (np.sqrt(v_hat) + self.epsilon))

    def _mu(self, t: int, rho: float) -> float:
        return self.beta_1 * (1 - 0.5 * rho ** (t * self.psi))
