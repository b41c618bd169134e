"""Optimizers: θ from the gradient g, in place.

An optimizer sees one array of parameters and one of gradients, of any shape; a network keeps all of
its own in one flat vector each, so that a step is a few operations whatever the number of layers.
The symbols are the papers'.
"""

import math
from typing import Protocol

import numpy as np

from scratch.workspace import Workspace

__all__ = ["SGD", "Adam", "Optimizer"]


State = dict[str, np.ndarray]


class Optimizer(Protocol):
    """Anything with a step, and a state that has to be kept to go on later."""

    state: State  # empty before the first step

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Change θ in place, given g = dL/dθ of the same shape."""


class SGD:
    """Stochastic gradient descent with momentum μ: v ← μ v + g; θ ← θ − η v.

    With `nesterov=True`: θ ← θ − η (g + μ v). With μ = 0 there is no v: θ ← θ − η g.
    This is PyTorch's form; Keras keeps −η v instead, which is the same while η is constant.
    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, equations 1 to 4, with v scaled by −1/η.

    >>> theta, sgd = np.array([1.0]), SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     sgd.step(theta, np.array([1.0]))
    >>> theta
    array([-0.25])
    """

    def __init__(
        self, learning_rate: float, *, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        _require_positive("learning_rate", learning_rate)
        _require_fraction("momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0, got 0.0")
        self.eta, self.mu, self.nesterov = learning_rate, momentum, nesterov
        self.state: State = {}
        self.work = Workspace()

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        update = self.work.like("update", g)
        if self.mu:
            if not self.state:
                self.state["v"] = np.zeros_like(theta)
            v = self.state["v"]
            v *= self.mu
            v += g
            if self.nesterov:
                np.multiply(v, self.mu, out=update)
                update += g
                g = update
            else:
                g = v
        theta -= np.multiply(g, self.eta, out=update)


class Adam:
    """Adam: m ← β₁ m + (1−β₁) g;  v ← β₂ v + (1−β₂) g²;  θ ← θ − η m̂ / (√v̂ + ε).

    m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ) at step t = 1, 2, ...; m and v start at zero.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    With `epsilon_hat=True` ε is added before the correction, as in the text that closes the paper's
    section 2:  θ ← θ − η √(1−β₂ᵗ)/(1−β₁ᵗ) m / (√v + ε̂). The two differ exactly by
    ε̂ = ε √(1−β₂ᵗ), another value at each step. PyTorch has the first form, Keras and scikit-learn
    the second.

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
        _require_positive("learning_rate", learning_rate)
        _require_fraction("beta_1", beta_1)
        _require_fraction("beta_2", beta_2)
        if not epsilon >= 0:
            raise ValueError(f"epsilon must be at least 0, got {epsilon}")
        self.eta, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.epsilon, self.epsilon_hat = epsilon, epsilon_hat
        self.state: State = {}
        self.work = Workspace()

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        if not self.state:
            self.state = {"t": np.zeros((), int), "m": np.zeros_like(g), "v": np.zeros_like(g)}
        t, m, v = self.state.values()
        update = self.work.like("update", g)

        t += 1
        correction_1 = 1 - self.beta_1 ** int(t)
        correction_2 = math.sqrt(1 - self.beta_2 ** int(t))
        epsilon_hat = self.epsilon if self.epsilon_hat else self.epsilon * correction_2

        m *= self.beta_1
        m += np.multiply(g, 1 - self.beta_1, out=update)
        v *= self.beta_2
        np.multiply(g, g, out=update)
        update *= 1 - self.beta_2
        v += update
        np.sqrt(v, out=update)
        update += epsilon_hat
        np.divide(m, update, out=update)
        update *= self.eta * correction_2 / correction_1
        theta -= update


def _require_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be above 0, got {value}")


def _require_fraction(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}")
