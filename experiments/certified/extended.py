"""Training in NumPy in any dtype: `np.longdouble` for certified results.

Nothing here is shared with the implementations that are checked. All inputs are exact float64
numbers, integers, or computed in the dtype itself: a Python float in between, such as 1 - 0.999,
would cost the very digits that are to be certified.
"""

from types import ModuleType

import numpy as np

from experiments.certified import convolutional, dense
from experiments.certified.loss_functions import LOSSES
from experiments.certified.problem import Problem

__all__ = ["Training"]

_ROWS_AT_ONCE = 500  # of the test rows


class Training:
    """The problem's network, trained epoch by epoch in one dtype."""

    def __init__(self, problem: Problem, dtype: type[np.floating] = np.longdouble) -> None:
        self.problem, self.dtype = problem, dtype
        self.bits, self.written = np.finfo(dtype).nmant + 1, 21
        kernels = any(w.ndim == 4 for w in problem.weights)
        self.network: ModuleType = convolutional if kernels else dense
        self.loss = LOSSES[problem.formulas.loss]
        self.weights = [w.astype(dtype) for w in problem.weights]
        self.t = 0
        self.m = [np.zeros_like(w) for w in self.weights]
        self.v = [np.zeros_like(w) for w in self.weights]

    def epoch(self, order: np.ndarray) -> np.floating:
        """Train one epoch; return Σ n L / Σ n over its batches of n rows, L before the update."""
        total, data = self.dtype(0), self.problem.data
        for batch in self.problem.batches(order):
            loss, grads = self.gradient(data.X_train[batch], data.y_train[batch])
            total += loss * len(batch)
            self.step(grads)
        return total / len(order)

    def test_loss(self) -> np.floating:
        """Return L on the test rows."""
        data = self.problem.data
        starts = range(0, len(data.X_test), _ROWS_AT_ONCE)
        pieces = [self.forward(data.X_test[i : i + _ROWS_AT_ONCE])[-1] for i in starts]
        return self.loss(np.concatenate(pieces), data.y_test)[0]

    def write(self, x: np.floating) -> str:
        """Format a number; 21 digits distinguish any two longdoubles of 64 bits."""
        return np.format_float_scientific(x, precision=self.written - 1, unique=False)

    def forward(self, X: np.ndarray) -> list[np.ndarray]:
        """Return what `backward` needs of every layer; the last are the network's outputs."""
        return self.network.forward(self.weights, X.astype(self.dtype), self.problem.formulas)

    def gradient(self, X: np.ndarray, y: np.ndarray) -> tuple[np.floating, list[np.ndarray]]:
        """Return L, and its gradient in the order of the weights."""
        outputs = self.forward(X)
        loss, da = self.loss(outputs[-1], y)
        grads, _ = self.network.backward(self.weights, outputs, da, self.problem.formulas)
        return loss, grads

    def step(self, grads: list[np.ndarray]) -> None:
        """Take one step of the optimizer."""
        self.t += 1
        eta = self.dtype(self.problem.number("learning_rate")) / 2 ** self.problem.halvings(self.t)
        if self.problem.formulas.optimizer == "adam":
            self.adam(grads, eta)
        else:
            self.descend(grads, eta)

    def descend(self, grads: list[np.ndarray], eta: np.floating) -> None:
        """θ ← θ − η g."""
        for w, g in zip(self.weights, grads, strict=True):
            w -= eta * g

    def adam(self, grads: list[np.ndarray], eta: np.floating) -> None:
        """m, v ← averages of g, g²;  θ ← θ − η √(1−β₂ᵗ)/(1−β₁ᵗ) m / (√v + ε̂)."""
        numbers = map(self.problem.number, ("beta_1", "beta_2", "epsilon_hat"))
        beta_1, beta_2, epsilon = map(self.dtype, numbers)
        rate = eta * np.sqrt(1 - beta_2**self.t) / (1 - beta_1**self.t)
        for w, g, m, v in zip(self.weights, grads, self.m, self.v, strict=True):
            m[...] = beta_1 * m + (1 - beta_1) * g
            v[...] = beta_2 * v + (1 - beta_2) * g * g
            w -= rate * m / (np.sqrt(v) + epsilon)
