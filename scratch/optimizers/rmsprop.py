"""RMSprop: the gradient over the root of its recent mean square."""

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State, epsilon_root, start

__all__ = ["RMSprop"]


class RMSprop:
    """RMSprop: v ← ρ v + (1−ρ) g²;  θ ← θ − η g / (√v + ε).

    With `centered=True` the variance replaces the mean square: ḡ ← ρ ḡ + (1−ρ) g and
    √(v − ḡ²) instead of √v. With momentum μ: b ← μ b + g/(√v + ε); θ ← θ − η b.
    With `epsilon_in_root=True` the root is √(v + ε); with `rate_in_velocity=True` the momentum is
    b ← μ b + η g/(√v + ε); θ ← θ − b, which differs as soon as η changes.
    Sources: Tieleman and Hinton, "Neural networks for machine learning", lecture 6e, 2012, slide
    29; centered and with momentum: Graves, "Generating sequences with recurrent neural networks",
    2013, equations 38 to 41, where both ε and η are inside.

    PyTorch has both outside, Keras both inside.

    >>> theta, rmsprop = np.array([1.0]), RMSprop(learning_rate=0.5, rho=0.75, epsilon=0.0)
    >>> rmsprop.step(theta, np.array([3.0]))
    >>> theta
    array([0.])
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        rho: float = 0.99,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
        centered: bool = False,
        epsilon_in_root: bool = False,
        rate_in_velocity: bool = False,
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_fraction("rho", rho)
        require_fraction("momentum", momentum)
        require_not_negative("epsilon", epsilon)
        self.eta, self.rho, self.mu, self.epsilon = learning_rate, rho, momentum, epsilon
        self.centered, self.epsilon_in_root = centered, epsilon_in_root
        self.rate_in_velocity = rate_in_velocity
        self.state: State = {}

    @classmethod
    def pytorch(
        cls,
        learning_rate: float = 0.01,
        *,
        rho: float = 0.99,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
        centered: bool = False,
    ) -> "RMSprop":
        """Return `torch.optim.RMSprop`: ε and η outside; its `alpha` is ρ."""
        return cls(learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, centered=centered)

    @classmethod
    def keras(
        cls,
        learning_rate: float = 1e-3,
        *,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
    ) -> "RMSprop":
        """Return `keras.optimizers.RMSprop`: ε and η inside."""
        return cls(
            learning_rate,
            rho=rho,
            momentum=momentum,
            epsilon=epsilon,
            centered=centered,
            epsilon_in_root=True,
            rate_in_velocity=True,
        )

    def advance(self, g: np.ndarray) -> tuple[float]:
        """Return η."""
        start(self.state, g, "v", *["mean"] * self.centered, *["b"] * bool(self.mu))
        return (self.eta,)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        (eta,), v = self.advance(g), self.state["v"]
        v[...] = self.rho * v + (1 - self.rho) * (g * g)
        if self.centered:
            mean = self.state["mean"]
            mean[...] = self.rho * mean + (1 - self.rho) * g
            v = np.maximum(v - mean * mean, 0)  # rounding could make it negative
        update = g / epsilon_root(v, self.epsilon, self.epsilon_in_root)
        if self.rate_in_velocity:
            update = eta * update
        if self.mu:
            b = self.state["b"]
            b[...] = self.mu * b + update
            update = b
        theta -= update if self.rate_in_velocity else eta * update
