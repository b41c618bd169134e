"""Optimizers as functions of a sequence of gradients, independent of every implementation.

A rule takes the weights θ₀ (p,) and the gradients g₁, g₂, ... and returns θ after the last step. It
is compared with the steps that an implementation took, so it shares no code with any of them. The
formulas are those of `frameworks.live.rules`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frameworks.live.rules import Adam, Momentum, State
from frameworks.spec import Spec, float32

__all__ = ["AdamRule", "MomentumRule", "Rule", "adam_rules", "learning_rate", "momentum_rules"]


@dataclass(frozen=True)
class AdamRule:
    """Adam, with the choices that often go wrong."""

    eta: float
    beta_1: float
    beta_2: float
    epsilon: float
    place: str = "hat"  # of ε, see `_PLACES`
    correct: tuple[bool, bool] = (True, True)  # m, v
    first: int = 1  # the number of the first step
    coupled: float = 0.0  # g ← g + λ θ
    decoupled: float = 0.0  # θ ← θ − η λ θ

    def __call__(self, theta: np.ndarray, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """Return θ after a step on each of the gradients."""
        betas, place = (self.beta_1, self.beta_2), _PLACES[self.place]
        rule, state = Adam(*betas, self.epsilon, place, corrects=self.correct), State()
        for t, g in enumerate(gradients, self.first):
            g = g + self.coupled * theta
            theta = rule(theta * (1 - self.eta * self.decoupled), g, state, t, self.eta)
        return theta


@dataclass(frozen=True)
class MomentumRule:
    """Gradient descent with momentum, in its variants."""

    eta: float
    mu: float = 0.0
    tau: float = 0.0  # dampening
    nesterov: bool = False
    damp_first: bool = False
    coupled: float = 0.0
    decoupled: float = 0.0

    def __call__(self, theta: np.ndarray, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """Return θ after a step on each of the gradients."""
        rule = Momentum(self.mu, self.nesterov, self.tau, damps_first=self.damp_first)
        state = State()
        for t, g in enumerate(gradients, 1):
            g = g + self.coupled * theta
            theta = rule(theta * (1 - self.eta * self.decoupled), g, state, t, self.eta)
        return theta


Rule = AdamRule | MomentumRule
_PLACES = {
    "hat": "before the bias correction",
    "outside": "after the bias correction",
    "root": "inside the root",
}
_DECAYS = (0.1, 0.05, 0.01, 0.005, 0.004, 1e-3, 5e-4, 1e-4, 0.5, 0.25, 0.125, 0.0625, 0.03125)


# The names of an optimizer's numbers in a page's spec, and their defaults.
_STOCK = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon_hat": 1e-7}


def _number(spec: Spec, name: str) -> float:
    found = getattr(spec, name, None)
    return float(found) if isinstance(found, int | float) else float32(_STOCK[name])


def learning_rate(spec: Spec) -> float:
    """Return a page's η."""
    return _number(spec, "learning_rate")


def adam_rules(spec: Spec) -> Iterator[tuple[str, Rule]]:
    """Yield Adam with the page's numbers, then the common mistakes, each with its name."""
    eta, beta_1, beta_2, epsilon = (_number(spec, name) for name in _STOCK)
    page = AdamRule(eta, beta_1, beta_2, epsilon)
    yield "Adam with ε̂ before the bias correction", page
    yield "Adam with ε after the bias correction", replace(page, place="outside")
    yield "Adam with ε inside the root", replace(page, place="root")
    for place in ("hat", "outside"):
        where = "before" if place == "hat" else "after"
        stock = replace(page, place=place)
        for e in (1e-8, 1e-7, 1e-10, 1e-6, 1e-5, 1e-3, 0.0):
            yield f"Adam with ε = {e:g} {where} the bias correction", replace(stock, epsilon=e)
        for which, correct in {
            "any": (False, False), "m's": (False, True), "v's": (True, False)
        }.items():  # fmt: skip
            yield f"Adam without {which} bias correction", replace(stock, correct=correct)
        yield "Adam whose steps count from 0", replace(stock, first=0)
        yield "Adam whose steps count from 2", replace(stock, first=2)
        confused = replace(stock, beta_1=stock.beta_2, beta_2=stock.beta_1)
        yield "Adam with β₁ and β₂ swapped", confused
        yield from _unrounded(stock)
        for decay in map(float32, _DECAYS):
            words = f"decay of {decay:.4g}, ε {where} the bias correction"
            yield f"Adam with coupled {words}", replace(stock, coupled=decay)
            yield f"Adam with decoupled {words}", replace(stock, decoupled=decay)


def _unrounded(stock: AdamRule) -> Iterator[tuple[str, Rule]]:
    """Yield Adam with one number, or all, not rounded to float32 as the page rounds them."""
    numbers = (stock.eta, stock.beta_1, stock.beta_2, stock.epsilon)
    eta, beta_1, beta_2, epsilon = (float(f"{x:.7g}") for x in numbers)
    one_by_one = {
        "learning_rate": (eta, replace(stock, eta=eta)),
        "beta_1": (beta_1, replace(stock, beta_1=beta_1)),
        "beta_2": (beta_2, replace(stock, beta_2=beta_2)),
        "epsilon_hat": (epsilon, replace(stock, epsilon=epsilon)),
    }
    for name, (number, rule) in one_by_one.items():
        if rule != stock:
            yield f"Adam with {name} = {number:g}, not rounded to float32", rule
    betas = replace(stock, beta_1=beta_1, beta_2=beta_2)
    yield "Adam with betas not rounded to float32", betas
    every = replace(betas, eta=eta, epsilon=epsilon)
    yield "Adam with numbers not rounded to float32", every


def momentum_rules(spec: Spec, mus: Sequence[float]) -> Iterator[tuple[str, Rule]]:
    """Yield gradient descent, with each momentum in each variant, and with weight decay."""
    eta = learning_rate(spec)
    yield "plain gradient descent", MomentumRule(eta)
    for mu in mus:
        yield f"momentum {mu:g}", MomentumRule(eta, mu)
        yield f"Nesterov momentum {mu:g}", MomentumRule(eta, mu, nesterov=True)
        words = f"momentum {mu:g} with the gradient scaled by 1 − μ"
        yield words, MomentumRule(eta, mu, mu, damp_first=True)
        yield f"{words}, except in the first step", MomentumRule(eta, mu, mu)
        for decay in map(float32, _DECAYS):
            coupled, decoupled = (f"momentum {mu:g}, {how} decay {decay:.4g}" for how in
                                  ("coupled", "decoupled"))  # fmt: skip
            yield coupled, MomentumRule(eta, mu, coupled=decay)
            yield decoupled, MomentumRule(eta, mu, decoupled=decay)
    for decay in map(float32, _DECAYS):
        yield f"plain gradient descent with decay {decay:.4g}", MomentumRule(eta, coupled=decay)
