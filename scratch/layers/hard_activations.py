"""Activations of straight lines that stand in for curves.

As in `activations`, each works on arrays of any shape (n, ...), a = f(z) and dz = da ⊙ f′(z).
Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.
"""

import numpy as np

from scratch.layers.layer import Layer

__all__ = ["HardSigmoid", "HardSwish"]


class HardSigmoid(Layer):
    """a = z/6 + ½, but at least 0 and at most 1; f′(z) = 1/6 where −3 < z < 3, else 0.

    `slope` takes the place of 1/6 in the derivative: PyTorch has it rounded to float32, in float64
    networks, too.

    >>> layer = HardSigmoid()
    >>> layer.forward(np.array([[-4.0, 0.0, 1.5]]))
    array([[0.  , 0.5 , 0.75]])
    >>> layer.backward(np.full((1, 3), 6.0))
    array([[0., 1., 1.]])
    """

    def __init__(self, *, slope: float = 1 / 6) -> None:
        super().__init__()
        self.slope = slope

    @classmethod
    def pytorch(cls) -> "HardSigmoid":
        """Return `torch.nn.Hardsigmoid()`, whose derivative is 1/6 in float32."""
        return cls(slope=float(np.float32(1 / 6)))

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a."""
        self.a = np.minimum(np.maximum(z + 3, 0), 6) / 6
        return self.a

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da/6 where −3 < z < 3, else 0."""
        return self.slope * da * ((self.a > 0) & (self.a < 1))


class HardSwish(Layer):
    """a = z HardSigmoid(z); f′(z) = 0 where z ≤ −3, 1 where z ≥ 3, else z/3 + ½.

    >>> layer = HardSwish()
    >>> layer.forward(np.array([[-4.0, 1.5, 5.0]]))
    array([[-0.   ,  1.125,  5.   ]])
    >>> layer.backward(np.ones((1, 3)))
    array([[0., 1., 1.]])
    """

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a."""
        self.z = z
        return z * (np.minimum(np.maximum(z + 3, 0), 6) / 6)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Return dz = da ⊙ f′(z)."""
        slope = np.where(self.z >= 3, 1, self.z / 3 + 0.5)
        return da * np.where(self.z <= -3, 0, slope)
