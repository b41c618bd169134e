"""Training with mpmath, in fifty digits, with matrices as lists of rows and textbook formulas.

Nothing here is shared with any other implementation, not even NumPy's arithmetic. The plainest form
of each formula will do: fifty digits leave room for cancellation.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from experiments.certified.problem import Problem
from frameworks.errors import RequestError

__all__ = ["Training"]

Matrix = list[list[Any]]  # rows of mpf; a bias is a single row


class Training:
    """A network of dense layers, trained epoch by epoch."""

    def __init__(self, problem: Problem, digits: int = 50) -> None:
        self.problem, self.formulas = problem, problem.formulas
        formulas = problem.formulas
        beyond = formulas.algorithm or formulas.network or formulas.dropout or formulas.frozen
        rows = problem.stage is not None or problem.data.y_train.ndim > 1
        if beyond or rows or any(w.ndim > 2 for w in problem.weights):
            raise RequestError(f"{problem.name}: mpmath computes dense layers; take longdouble")
        mp = self.mp = mpmath.MPContext()
        mp.dps = digits
        self.bits, self.written = mp.prec, 25
        self.eta = mp.mpf(problem.number("learning_rate"))
        if self.formulas.optimizer == "adam":
            numbers = map(problem.number, ("beta_1", "beta_2", "epsilon_hat"))
            self.beta_1, self.beta_2, self.epsilon = map(mp.mpf, numbers)
            self.rest_1, self.rest_2 = 1 - self.beta_1, 1 - self.beta_2
        self.X, self.y = self.matrix(problem.data.X_train), problem.data.y_train.tolist()
        self.biased = any(w.ndim == 1 for w in problem.weights)
        self.weights = [self.matrix(np.atleast_2d(w)) for w in problem.weights]
        self.depth = len(self.weights[:: 2 if self.biased else 1])
        self.t = 0
        self.moments = [[[(mp.zero, mp.zero)] * len(row) for row in w] for w in self.weights]

    def epochs(self) -> Iterator[Any]:
        """Train, and yield each epoch's loss."""
        for order, _ in self.problem.orders():
            yield self.epoch(order)

    def epoch(self, order: np.ndarray) -> Any:
        """Train one epoch; return Σ n L / Σ n over its batches of n rows, L before the update."""
        total = self.mp.zero
        for batch in self.problem.batches(order):
            loss, grads = self.gradient([self.X[i] for i in batch], [self.y[i] for i in batch])
            total += loss * len(batch)
            self.step(grads)
        return total / len(order)

    def test_loss(self) -> Any:
        """Return L on the test rows."""
        data = self.problem.data
        return self.loss(self.forward(self.matrix(data.X_test))[-1], data.y_test.tolist())[0]

    def write(self, x: Any) -> str:
        """Format a number in decimals."""
        return self.mp.nstr(x, self.written, strip_zeros=False)

    def forward(self, X: Matrix) -> list[Matrix]:
        """Return X and the output of every layer: z = a W + b, a = f(z)."""
        outputs, weights = [X], iter(self.weights)
        for W in weights:
            z = self.product(outputs[-1], W)
            if self.biased:
                (b,) = next(weights)
                z = [[z_k + b_k for z_k, b_k in zip(row, b, strict=True)] for row in z]
            f = self.formulas.output if len(outputs) == self.depth else self.formulas.hidden
            outputs.append([[self.activate(f, z_k) for z_k in row] for row in z])
        return outputs

    def gradient(self, X: Matrix, y: list[Any]) -> tuple[Any, list[Matrix]]:
        """Return L and its gradient: dz = f′(z) da, dW = aᵀ dz, db = Σ dz, da = dz Wᵀ."""
        outputs, f = self.forward(X), self.formulas.output
        loss, da = self.loss(outputs[-1], y)
        grads: list[Matrix] = []
        for W in reversed(self.weights[:: 2 if self.biased else 1]):
            pairs = zip(da, outputs.pop(), strict=True)
            dz = [[d * self.slope(f, a) for d, a in zip(*rows, strict=True)] for rows in pairs]
            db = [[self.mp.fsum(column) for column in zip(*dz, strict=True)]]
            dW = self.product(_transpose(outputs[-1]), dz)
            grads = [dW, *([db] if self.biased else []), *grads]
            if len(outputs) > 1:
                da, f = self.product(dz, _transpose(W)), self.formulas.hidden
        return loss, grads

    def loss(self, outputs: Matrix, y: list[Any]) -> tuple[Any, Matrix]:
        """Return L, and dL/da at the outputs."""
        if self.formulas.loss == "categorical cross-entropy":
            return self.categorical(outputs, y)
        if self.formulas.loss == "binary cross-entropy":
            return self.binary(outputs, y)
        factors = {
            "half the sum of squares": self.mp.mpf(1) / 2,
            "sum of squares": self.mp.one,
            "mean of squares": self.mp.one / len(y),
        }
        return self.squares(factors[self.formulas.loss], outputs, y)

    def squares(self, factor: Any, outputs: Matrix, y: list[Any]) -> tuple[Any, Matrix]:
        """Return L = factor Σ (a − y)², and da = 2 factor (a − y)."""
        errors = [a - t for (a,), t in zip(outputs, y, strict=True)]
        return factor * self.mp.fsum(e * e for e in errors), [[2 * factor * e] for e in errors]

    def binary(self, outputs: Matrix, y: list[Any]) -> tuple[Any, Matrix]:
        """Return L = mean of log(1 + e^z) − z y, and dz = (σ(z) − y) / n."""
        pairs = [(z, t) for (z,), t in zip(outputs, y, strict=True)]
        losses = [self.mp.log(1 + self.mp.exp(z)) - z * t for z, t in pairs]
        dz = [[(self.activate("sigmoid", z) - t) / len(y)] for z, t in pairs]
        return self.mp.fsum(losses) / len(y), dz

    def categorical(self, outputs: Matrix, y: list[Any]) -> tuple[Any, Matrix]:
        """Return L = mean of log Σₖ e^zₖ − z_y, and dz = (e^zₖ / Σ − [k = y]) / n."""
        exponentials = [[self.mp.exp(z) for z in row] for row in outputs]
        totals = [self.mp.fsum(row) for row in exponentials]
        losses = [self.mp.log(s) - z[t] for s, z, t in zip(totals, outputs, y, strict=True)]
        dz = [
            [(e / s - (k == t)) / len(y) for k, e in enumerate(row)]
            for row, s, t in zip(exponentials, totals, y, strict=True)
        ]
        return self.mp.fsum(losses) / len(y), dz

    def step(self, grads: list[Matrix]) -> None:
        """Take one step: w ← w − η g, or Adam's."""
        self.t += 1
        rate = self.eta / 2 ** self.problem.halvings(self.t)
        if self.formulas.optimizer == "adam":
            rate *= self.mp.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        for w, g, moments in zip(self.weights, grads, self.moments, strict=True):
            for w_i, g_i, moments_i in zip(w, g, moments, strict=True):
                if self.formulas.optimizer == "adam":
                    moments_i[:] = map(self.average, moments_i, g_i)
                    g_i = [m / (self.mp.sqrt(v) + self.epsilon) for m, v in moments_i]
                w_i[:] = [w_ik - rate * g_ik for w_ik, g_ik in zip(w_i, g_i, strict=True)]

    def average(self, moments: tuple[Any, Any], g: Any) -> tuple[Any, Any]:
        """Return m ← β₁ m + (1−β₁) g and v ← β₂ v + (1−β₂) g²."""
        m, v = moments
        return self.beta_1 * m + self.rest_1 * g, self.beta_2 * v + self.rest_2 * (g * g)

    def activate(self, f: str, z: Any) -> Any:
        """Return a = f(z): 1 / (1 + e⁻ᶻ), tanh z, max(z, 0) or z."""
        if f == "sigmoid":
            return 1 / (1 + self.mp.exp(-z))
        if f == "tanh":
            return self.mp.tanh(z)
        return max(z, self.mp.zero) if f == "relu" else z

    def slope(self, f: str, a: Any) -> Any:
        """Return f′(z), which follows from a = f(z)."""
        if f == "sigmoid":
            return a * (1 - a)
        if f == "tanh":
            return 1 - a * a
        return int(a > 0) if f == "relu" else 1

    def matrix(self, array: np.ndarray) -> Matrix:
        """Convert float64 numbers exactly."""
        return [[self.mp.mpf(x) for x in row] for row in array.tolist()]

    def product(self, A: Matrix, B: Matrix) -> Matrix:
        """Return A B, each entry rounded once."""
        columns = _transpose(B)
        return [[self.mp.fdot(row, column) for column in columns] for row in A]


def _transpose(A: Matrix) -> Matrix:
    return [list(column) for column in zip(*A, strict=True)]
