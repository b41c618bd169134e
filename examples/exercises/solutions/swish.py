"""Solution of exercise 1: both factors of z σ(z) depend on z, so the product rule has two terms.

da/dz = σ(z) + z σ′(z), and σ′ = σ (1 − σ). The exercise has the first term only. It is the larger
one for z > 0, and so a network with the mistake still learns, which is why it is easily overlooked.
"""

import numpy as np

from scratch import Layer, sigmoid


class Swish(Layer):
    """a = z σ(z), element by element; dz = da ⊙ (σ + z σ (1 − σ))."""

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a."""
        self.z, self.s = z, sigmoid(z)
        return self.z * self.s

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz."""
        return da * (self.s + self.z * self.s * (1 - self.s))
