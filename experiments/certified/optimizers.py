"""The optimizers for certified results, in the dtype of the weights."""

from collections.abc import Sequence

import numpy as np

from experiments.certified.problem import Problem

__all__ = ["Optimizer"]


class Optimizer:
    """Updates weights in place by the problem's optimizer, with its numbers and its schedule."""

    def __init__(self, problem: Problem, weights: Sequence[np.ndarray]) -> None:
        self.problem, self.weights = problem, weights
        self.dtype = weights[0].dtype.type
        self.frozen = frozenset(problem.formulas.frozen)
        self.t = 0
        self.m = [np.zeros_like(w) for w in weights]
        self.v = [np.zeros_like(w) for w in weights]

    def step(self, grads: Sequence[np.ndarray]) -> None:
        """Take one step; the gradients of frozen weights are not looked at."""
        self.t += 1
        eta = self.dtype(self.problem.number("learning_rate")) / 2 ** self.problem.halvings(self.t)
        take = self._adam if self.problem.formulas.optimizer == "adam" else self._descend
        for i, g in enumerate(grads):
            if i not in self.frozen:
                take(i, g, eta)

    def _descend(self, i: int, g: np.ndarray, eta: np.floating) -> None:
        """θ ← θ − η g."""
        self.weights[i][...] -= eta * g

    def _adam(self, i: int, g: np.ndarray, eta: np.floating) -> None:
        """m, v ← averages of g, g²;  θ ← θ − η √(1−β₂ᵗ)/(1−β₁ᵗ) m / (√v + ε̂)."""
        numbers = map(self.problem.number, ("beta_1", "beta_2", "epsilon_hat"))
        beta_1, beta_2, epsilon = map(self.dtype, numbers)
        rate = eta * np.sqrt(1 - beta_2**self.t) / (1 - beta_1**self.t)
        m, v = self.m[i], self.v[i]
        m[...] = beta_1 * m + (1 - beta_1) * g
        v[...] = beta_2 * v + (1 - beta_2) * g * g
        self.weights[i][...] -= rate * m / (np.sqrt(v) + epsilon)
