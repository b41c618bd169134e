"""RMSprop: the gradient over the root of its recent mean square."""

import numpy as np

from scratch.checks import require_fraction, require_not_negative, require_positive
from scratch.optimizers.optimizer import State, epsilon_root
from scratch.workspace import Workspace

__all__ = ["RMSprop"]


class RMSprop:
    """RMSprop: v ← ρ v + (1−ρ) g²;  θ ← θ − η g / (√v + ε).

    With `centered=True` the variance takes the place of the mean square: ḡ ← ρ ḡ + (1−ρ) g and
    √(v − ḡ²) for √v. With momentum μ: b ← μ b + g/(√v + ε); θ ← θ − η b.
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
        self.work = Workspace()

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

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        if not self.state:
            names = ["v"] + ["mean"] * self.centered + ["b"] * bool(self.mu)
            self.state = {name: np.zeros_like(g) for name in names}
        update = self.work.like("update", g)

        np.divide(g, self._scale(g, update), out=update)
        if self.rate_in_velocity:
            update *= self.eta
        if self.mu:
            b = self.state["b"]
            b *= self.mu
            b += update
            update[...] = b
        if not self.rate_in_velocity:
            update *= self.eta
        theta -= update

    def _scale(self, g: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Bring v and ḡ up to date; return √v + ε, or its variant, in `out`."""
        v = self.state["v"]
        v *= self.rho
        np.multiply(g, g, out=out)
        out *= 1 - self.rho
        v += out
        if self.centered:
            mean = self.state["mean"]
            mean *= self.rho
            mean += np.multiply(g, 1 - self.rho, out=out)
            np.multiply(mean, mean, out=out)
            v = np.subtract(v, out, out=out)
        return epsilon_root(v, self.epsilon, self.epsilon_in_root, out=out)
