"""Stochastic gradient descent, with and without momentum."""

import numpy as np

from scratch.checks import require_fraction, require_positive
from scratch.optimizers.optimizer import State, start

__all__ = ["SGD"]


class SGD:
    """Stochastic gradient descent with momentum μ and dampening τ.

    v ← μ v + (1−τ) g;  θ ← θ − η v.  The first v is g itself. With `nesterov=True`:
    θ ← θ − η (g + μ v). With μ = 0 there is no v: θ ← θ − η g.
    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, equations 1 to 4, with v scaled by −1/η.

    With `rate_in_velocity=True` η is inside, as in the paper: v ← μ v + η g; θ ← θ − v. The two are
    equal while η is constant. When η falls, the first scales down all that v has accumulated, the
    second only later gradients. PyTorch has the first form, Keras and scikit-learn the
    second.

    >>> theta, sgd = np.array([1.0]), SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     sgd.step(theta, np.array([1.0]))
    >>> theta
    array([-0.25])
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        rate_in_velocity: bool = False,
    ) -> None:
        require_positive("learning_rate", learning_rate)
        require_fraction("momentum", momentum)
        require_fraction("dampening", dampening)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0, got 0.0")
        if nesterov and dampening:
            raise ValueError(f"nesterov needs a dampening of 0, got {dampening}")
        self.eta, self.mu, self.tau = learning_rate, momentum, dampening
        self.nesterov, self.rate_in_velocity = nesterov, rate_in_velocity
        self.state: State = {}

    @classmethod
    def pytorch(
        cls,
        learning_rate: float = 1e-3,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
    ) -> "SGD":
        """Return `torch.optim.SGD`: η outside the velocity."""
        return cls(learning_rate, momentum=momentum, dampening=dampening, nesterov=nesterov)

    @classmethod
    def keras(
        cls, learning_rate: float = 0.01, *, momentum: float = 0.0, nesterov: bool = False
    ) -> "SGD":
        """Return `keras.optimizers.SGD`: η inside the velocity."""
        return cls(learning_rate, momentum=momentum, nesterov=nesterov, rate_in_velocity=True)

    @classmethod
    def sklearn(
        cls, learning_rate: float = 1e-3, *, momentum: float = 0.9, nesterov: bool = True
    ) -> "SGD":
        """Return scikit-learn's `MLPClassifier(solver="sgd")`: η inside the velocity."""
        return cls(learning_rate, momentum=momentum, nesterov=nesterov, rate_in_velocity=True)

    def advance(self, g: np.ndarray) -> tuple[float, float]:
        """Return η, and 1 − τ, which is 1 at the first step."""
        first = self.mu and not self.state
        if first:
            start(self.state, g, "v")
        return self.eta, 1.0 if first else 1 - self.tau

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        eta, share = self.advance(g)
        if self.rate_in_velocity:
            g = eta * g
        if self.mu:
            v = self.state["v"]
            v[...] = self.mu * v + (share * g if self.tau else g)
            g = g + self.mu * v if self.nesterov else v
        theta -= g if self.rate_in_velocity else eta * g
