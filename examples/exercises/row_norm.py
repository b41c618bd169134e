"""Exercise 3, RowNorm: what else depends on X?

Each row is shifted to mean 0 and divided by its standard deviation: a = (X − μ)/σ with
σ² = mean (X − μ)² + ε, means over the row. That is layer normalization without γ and β. The
backward pass below knows that μ depends on X, and still `check_gradients` says that it is wrong.

    .venv/bin/python examples/exercises/row_norm.py

Mend `backward`, until this prints "Right." The answer is in `solutions/row_norm.py`.
"""

import numpy as np

from scratch import Dense, Layer, MeanSquaredError, Sequential, WrongGradient, check_gradients


class RowNorm(Layer):
    """a = (X − μ)/σ; X, a (n, d), μ, σ (n, 1)."""

    epsilon = 1e-5

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a."""
        centred = X - X.mean(axis=1, keepdims=True)
        self.sigma = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.epsilon)
        self.a = centred / self.sigma
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dX."""
        return (da - da.mean(axis=1, keepdims=True)) / self.sigma


def check(row_norm: type[Layer] = RowNorm) -> list[WrongGradient]:
    """Return the wrong gradients of a network that normalizes the rows between two layers."""
    rng = np.random.default_rng(0)
    network = Sequential(Dense(3, 5), row_norm(), Dense(5, 1)).initialize(rng)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    return check_gradients(network, MeanSquaredError(), X, y)


if __name__ == "__main__":
    found = check()
    for where, of, error in found:
        print(f"{where}: the gradient of {of} is wrong by {error:.0%}")
    if not found:
        print("Right.")
