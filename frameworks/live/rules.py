"""Optimizers as functions of numbers, independent of every implementation, in all dialects.

A rule takes θ, the gradient g, the number t = 1, 2, ... of the step and the learning rate η, and
returns the next θ; the rest of its memory is a dictionary that it fills. It is made of an
optimizer's facts, and is compared with the steps that the optimizer took, so it shares no code with
any of them. What surrounds a rule (clipping, weight decay, schedules) is in `descent`.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields

import numpy as np

from frameworks.recordings.trace import Facts

__all__ = [
    *("KINDS", "Adadelta", "Adagrad", "Adam", "Adamax", "Momentum", "NAdam", "RMSprop", "Rule"),
    *("State", "rule_of"),
]

Array = np.ndarray
State = dict[str, Array]
Rule = Callable[[Array, Array, State, int, float], Array]

_BEFORE, _AFTER = "before the bias correction", "after the bias correction"
_INSIDE = "inside the root"


def rule_of(facts: Facts) -> Rule | None:
    """Return the rule of an optimizer; None for a kind that has none here, or missing settings."""
    rule = _RULES.get(facts.kind)
    if rule is None:
        return None
    own = {field.name for field in fields(rule)}
    needed = {field.name for field in fields(rule) if field.default is MISSING}
    if not needed <= facts.values.keys():
        return None
    return rule(**{name: value for name, value in facts.values.items() if name in own})


@dataclass(frozen=True)
class Momentum:
    """v ← μ v + (1−τ) g, the first v being g; θ ← θ − η v, or θ − η (g + μ v) if `nesterov`.

    With `rate_in_velocity` η multiplies g instead, and stays in v when it changes.
    """

    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    rate_in_velocity: bool = False
    damps_first: bool = False

    def __call__(self, theta: Array, g: Array, state: State, t: int, eta: float) -> Array:
        """Return the next θ."""
        mu, inside = self.momentum, self.rate_in_velocity
        g = eta * g if inside else g
        damped = (1 - self.dampening) * g if "v" in state or self.damps_first else g
        v = state["v"] = mu * state.get("v", 0.0) + damped
        step = g + mu * v if self.nesterov else v
        return theta - (step if inside else eta * step)


@dataclass(frozen=True)
class Adam:
    """m ← β₁ m + (1−β₁) g; v ← β₂ v + (1−β₂) g²; θ ← θ − η m̂ / (√v̂ + ε).

    m̂ = m/(1−b₁ᵗ), v̂ = v/(1−b₂ᵗ), where b is β, or β as it was rounded. ε is added at `place`:
    before the correction, η m̂ √(1−b₂ᵗ)/(√v + ε), after it, or inside the root. With `amsgrad` the
    largest v so far replaces v. `corrects` says whether m and v are corrected.
    """

    beta_1: float
    beta_2: float
    epsilon: float
    place: str = _AFTER
    correction_beta_1: float | None = None
    correction_beta_2: float | None = None
    amsgrad: bool = False
    corrects: tuple[bool, bool] = (True, True)

    def __call__(self, theta: Array, g: Array, state: State, t: int, eta: float) -> Array:
        """Return the next θ."""
        m = state["m"] = self.beta_1 * state.get("m", 0.0) + (1 - self.beta_1) * g
        v = state["v"] = self.beta_2 * state.get("v", 0.0) + (1 - self.beta_2) * g * g
        if self.amsgrad:
            v = state["largest"] = np.maximum(state.get("largest", 0.0), v)
        b_1, b_2 = self._betas()
        c_1 = 1 - b_1**t if self.corrects[0] else 1.0
        c_2 = 1 - b_2**t if self.corrects[1] else 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            return theta - eta * (np.divide(m, c_1) / self._root(v, c_2))

    def _betas(self) -> tuple[float, float]:
        pairs = (self.correction_beta_1, self.beta_1), (self.correction_beta_2, self.beta_2)
        b_1, b_2 = (beta if rounded is None else rounded for rounded, beta in pairs)
        return b_1, b_2

    def _root(self, v: Array, c_2: float) -> Array:
        if self.place == _BEFORE:
            return (np.sqrt(v) + self.epsilon) / np.sqrt(c_2)
        return _rooted(np.divide(v, c_2), self.epsilon, self.place)


@dataclass(frozen=True)
class NAdam:
    """Adam with Nesterov's momentum: θ ← θ − η (μ_{t+1} m/(1−Π μ) + (1−μ_t) g/(1−Π μ))/(√v̂ + ε).

    μ_t = β₁ (1 − ½ bᵗᵈ) with b = 0.96; the first product goes to t + 1, the second to t. d is the
    `momentum_decay`: 0.004 in PyTorch, 1 in Keras, and in Dozat's paper. In Keras the two numbers
    in the product are not rounded, all others are. `product` is the dtype in which it is kept.
    """

    beta_1: float
    beta_2: float
    epsilon: float
    momentum_decay: float
    momentum_base: float = 0.96
    correction_beta_1: float | None = None
    product: str = "float64"

    def __call__(self, theta: Array, g: Array, state: State, t: int, eta: float) -> Array:
        """Return the next θ."""
        m = state["m"] = self.beta_1 * state.get("m", 0.0) + (1 - self.beta_1) * g
        v = state["v"] = self.beta_2 * state.get("v", 0.0) + (1 - self.beta_2) * g * g
        exact = self.beta_1 if self.correction_beta_1 is None else self.correction_beta_1
        state["product"] = np.asarray(
            state.get("product", 1.0) * self._mu(exact, 0.96, t), self.product
        )
        product = float(state["product"])
        now, then = (self._mu(self.beta_1, self.momentum_base, k) for k in (t, t + 1))
        m_hat = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
        return theta - eta * m_hat / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)

    def _mu(self, beta: float, base: float, t: int) -> float:
        return beta * (1 - 0.5 * base ** (t * self.momentum_decay))


@dataclass(frozen=True)
class Adamax:
    """m ← β₁ m + (1−β₁) g; u ← max(β₂ u, |g|); θ ← θ − η/(1−b₁ᵗ) m/u, with ε at `place`."""

    beta_1: float
    beta_2: float
    epsilon: float
    place: str
    correction_beta_1: float | None = None

    def __call__(self, theta: Array, g: Array, state: State, t: int, eta: float) -> Array:
        """Return the next θ."""
        inside = self.place == "inside the maximum"
        m = state["m"] = self.beta_1 * state.get("m", 0.0) + (1 - self.beta_1) * g
        new = np.abs(g) + self.epsilon if inside else np.abs(g)
        u = state["u"] = np.maximum(self.beta_2 * state.get("u", 0.0), new)
        b_1 = self.beta_1 if self.correction_beta_1 is None else self.correction_beta_1
        with np.errstate(divide="ignore", invalid="ignore"):
            return theta - eta / (1 - b_1**t) * (m / (u if inside else u + self.epsilon))


@dataclass(frozen=True)
class RMSprop:
    """v ← ρ v + (1−ρ) g²; b ← μ b + g/√v; θ ← θ − η b, with ε at `place`.

    `centered` subtracts the square of the mean gradient from v. With `rate_in_velocity` η
    multiplies what is added to b.
    """

    rho: float
    epsilon: float
    place: str
    centered: bool = False
    momentum: float = 0.0
    rate_in_velocity: bool = False

    def __call__(self, theta: Array, g: Array, state: State, t: int, eta: float) -> Array:
        """Return the next θ."""
        v = state["v"] = self.rho * state.get("v", 0.0) + (1 - self.rho) * g * g
        if self.centered:
            mean = state["mean"] = self.rho * state.get("mean", 0.0) + (1 - self.rho) * g
            v = np.maximum(v - mean * mean, 0)  # rounding could make it negative
        with np.errstate(divide="ignore", invalid="ignore"):
            new = g / _rooted(v, self.epsilon, self.place)
        b = state["b"] = self.momentum * state.get("b", 0.0) + (
            eta * new if self.rate_in_velocity else new
        )
        return theta - (b if self.rate_in_velocity else eta * b)


@dataclass(frozen=True)
class Adagrad:
    """s ← s + g², from `start` on; θ ← θ − η/(1 + (t−1) d) g/√s, with ε at `place`."""

    start: float
    epsilon: float
    place: str
    rate_decay: float = 0.0

    def __call__(self, theta: Array, g: Array, state: State, t: int, eta: float) -> Array:
        """Return the next θ."""
        s = state["s"] = state.get("s", self.start) + g * g
        eta = eta / (1 + (t - 1) * self.rate_decay)
        with np.errstate(divide="ignore", invalid="ignore"):
            return theta - eta * (g / _rooted(s, self.epsilon, self.place))


@dataclass(frozen=True)
class Adadelta:
    """v ← ρ v + (1−ρ) g²; δ = g √(u + ε)/√(v + ε); u ← ρ u + (1−ρ) δ²; θ ← θ − η δ."""

    rho: float
    epsilon: float

    def __call__(self, theta: Array, g: Array, state: State, t: int, eta: float) -> Array:
        """Return the next θ."""
        v = state["v"] = self.rho * state.get("v", 0.0) + (1 - self.rho) * g * g
        u = state.get("u", np.zeros_like(g))
        delta = g * np.sqrt(u + self.epsilon) / np.sqrt(v + self.epsilon)
        state["u"] = self.rho * u + (1 - self.rho) * delta * delta
        return theta - eta * delta


def _rooted(v: Array, epsilon: float, place: str) -> Array:
    return np.sqrt(v + epsilon) if place == _INSIDE else np.sqrt(v) + epsilon


_RULES: dict[str, type] = {
    "sgd": Momentum,
    "adam": Adam,
    "adamw": Adam,
    "nadam": NAdam,
    "adamax": Adamax,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
}
KINDS = tuple(_RULES)  # of optimizers that have a rule
