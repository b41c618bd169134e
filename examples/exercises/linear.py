"""Exercise 2, Linear: three gradients, one of them wrong.

z = X W + b has a gradient for X, for W and for b. `check_gradients` says which of them disagrees
with central differences: params[0] is W, params[1] is b.

    .venv/bin/python examples/exercises/linear.py

Mend `backward`, until this prints "Right." And why does `check(rows=1)` find nothing? The answer
is in `solutions/linear.py`.
"""

import numpy as np

from scratch import (
    Layer,
    MeanSquaredError,
    Sequential,
    Tanh,
    WrongGradient,
    check_gradients,
    zeros,
)


class Linear(Layer):
    """z = X W + b; X (n, d_in), W (d_in, d_out), b (d_out,), z (n, d_out)."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__([zeros(d_in, d_out), zeros(d_out)])

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z."""
        self.X = X
        W, b = self.params
        return X @ W + b

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return dX."""
        W, _ = self.params
        dW, db = self.grads
        dW[...] = self.X.T @ dz
        db[...] = dz.mean(axis=0)
        return dz @ W.T


def check(linear: type = Linear, rows: int = 8) -> list[WrongGradient]:
    """Return the wrong gradients of a network with two such layers, for a batch of some rows."""
    rng = np.random.default_rng(0)
    network = Sequential(linear(3, 5), Tanh(), linear(5, 1)).initialize(rng)
    X, y = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 1))
    return check_gradients(network, MeanSquaredError(), X, y)


if __name__ == "__main__":
    found = check()
    for where, of, error in found:
        print(f"{where}: the gradient of {of} is wrong by {error:.0%}")
    if not found:
        print("Right.")
