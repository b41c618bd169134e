"""Exercise 4, CrossEntropy: the right direction, and the wrong length.

L = −1/n Σᵢ log pᵢ[yᵢ] with p = softmax(z), for logits z (n, k) and classes y (n,). The gradient
with respect to the logits is famous for being simple. Is it as simple as below? `check_gradients`
checks losses, too.

    .venv/bin/python examples/exercises/cross_entropy.py

Mend `backward`, until this prints "Right." What would the mistake do to a training with `SGD`, and
what to one with `Adam`? The answers are in `solutions/cross_entropy.py`.
"""

import numpy as np

from scratch import Dense, Loss, Sequential, WrongGradient, check_gradients, softmax


class CrossEntropy(Loss):
    """L = −1/n Σᵢ log pᵢ[yᵢ], p = softmax(z); z (n, k), y (n,) from 0 to k − 1."""

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L; the weights w of rows are not supported."""
        self.p, self.y = softmax(z), y
        return -float(np.log(self.p[np.arange(len(y)), y]).mean())

    def backward(self) -> np.ndarray:
        """Return dz."""
        dz = self.p.copy()
        dz[np.arange(len(self.y)), self.y] -= 1
        return dz


def check(cross_entropy: type[Loss] = CrossEntropy) -> list[WrongGradient]:
    """Return the wrong gradients of a network that is trained on this loss."""
    rng = np.random.default_rng(0)
    network = Sequential(Dense(3, 4)).initialize(rng)
    X, y = rng.normal(size=(8, 3)), rng.integers(0, 4, size=8)
    return check_gradients(network, cross_entropy(), X, y)


if __name__ == "__main__":
    found = check()
    for where, of, error in found:
        print(f"{where}: the gradient of {of} is wrong by {error:.0%}")
    if not found:
        print("Right.")
