"""Exercise 1, Swish: a backward pass that is too simple.

Swish is a = z σ(z) with σ(z) = 1/(1 + e⁻ᶻ), a ReLU with a soft bend. The forward pass below is
right, and the backward pass is not: `check_gradients` compares it with central differences.

    .venv/bin/python examples/exercises/swish.py

Mend `backward`, until this prints "Right." The answer is in `solutions/swish.py`.
"""

import numpy as np

from scratch import (
    Dense,
    Layer,
    MeanSquaredError,
    Sequential,
    WrongGradient,
    check_gradients,
    sigmoid,
)


class Swish(Layer):
    """a = z σ(z), element by element."""

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a."""
        self.z, self.s = z, sigmoid(z)
        return self.z * self.s

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz."""
        return da * self.s


def check(swish: type[Layer] = Swish) -> list[WrongGradient]:
    """Return the wrong gradients of a network with this activation."""
    rng = np.random.default_rng(0)
    network = Sequential(Dense(3, 5), swish(), Dense(5, 1)).initialize(rng)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    return check_gradients(network, MeanSquaredError(), X, y)


if __name__ == "__main__":
    found = check()
    for where, of, error in found:
        print(f"{where}: the gradient of {of} is wrong by {error:.0%}")
    if not found:
        print("Right.")
