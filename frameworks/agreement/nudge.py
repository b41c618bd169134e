"""Monte Carlo arithmetic: every result in a training nudged at random in its last place.

    x ← x (1 + ε u),  u ~ U(−1, 1),  ε the distance from 1 to the next number (2⁻²³ in float32)

Nudged are every layer's output, every gradient passed back, the gradient and the new value of every
parameter, the loss, and the running sum of an epoch's losses at each addition. Two trainings with
different nudges are like two implementations: the same mathematics, rounded at the same places but
differently.

Equal numbers are nudged equally, since equal computations round equally: a tie stays a tie (a
maximum that occurs twice in a pooling window), and identical units stay identical.

A nudge is twice a rounding error, which is u ~ U(−½, ½): one result here takes several operations
in an implementation (a sigmoid is an exponential, a sum and a quotient), each of which rounds.

Source: Parker, "Monte Carlo arithmetic", UCLA CSD-970002, 1997; Vignes, "A stochastic arithmetic
for reliable scientific computation", Mathematics and Computers in Simulation 35, 1993; Steele, Lea
and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from collections.abc import Sequence
from functools import wraps
from typing import NamedTuple

import numpy as np

from frameworks.program import Builder, Parts
from frameworks.spec import Spec
from scratch import Dropout, Layer, Loss, Sequential
from scratch.optimizers.optimizer import Learner, Wrapper

__all__ = ["Nudge", "NudgedNumber", "nudged"]


class _Hash(NamedTuple):
    """A hash from the bits of a float to a pseudorandom number: two products and a shift."""

    word: type[np.unsignedinteger]
    first: int  # odd
    second: int  # odd
    shift: int  # half of the bits
    drop: int  # low bits to drop, so that the float type holds the rest


# The factors: the golden ratio, then constants of xxHash and splitmix64.
_HASHES = {
    np.dtype(np.float32): _Hash(np.uint32, 0x9E3779B1, 0x85EBCA77, 16, 8),
    np.dtype(np.float64): _Hash(np.uint64, 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 32, 11),
}


class Nudge:
    """Moves floats in place, at random, by up to ε of their magnitude; zeros stay zeros.

    Each call draws a key, and u is a hash of it and the number's bits.

    >>> Nudge(seed=0)(np.array([1.0, 0.0, -1.0, 1.0], np.float32)).tolist()
    [1.0000001192092896, 0.0, -0.9999999403953552, 1.0000001192092896]
    """

    def __init__(self, seed: int | Sequence[int]) -> None:
        self._keys = np.random.SFC64(seed)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Nudge an array, and return it."""
        word, first, second, shift, drop = _HASHES[x.dtype]
        bits, eps = 8 * x.itemsize, np.finfo(x.dtype).eps
        h = x.view(word) ^ word(self._keys.random_raw() >> (64 - bits))
        h *= word(first)
        h ^= h >> word(shift)
        h *= word(second)
        h >>= word(drop)
        u = h.astype(x.dtype)
        u *= 2 * eps / 2.0 ** (bits - drop)
        u -= eps
        u *= x
        x += u  # x *= 1 + u would be biased: 1 + u is rounded more finely below 1 than above
        return x


class NudgedNumber(float):
    """A number of the network's dtype whose sums, products and quotients are nudged."""

    _dtype: np.dtype
    _nudge: Nudge

    def __new__(cls, value: float, dtype: np.dtype, nudge: Nudge) -> "NudgedNumber":
        """Nudge the value."""
        self = super().__new__(cls, nudge(np.full(1, value, dtype))[0])
        self._dtype, self._nudge = dtype, nudge
        return self

    def __mul__(self, other: float) -> "NudgedNumber":
        return NudgedNumber(float(self) * other, self._dtype, self._nudge)

    def __add__(self, other: float) -> "NudgedNumber":
        return NudgedNumber(float(self) + other, self._dtype, self._nudge)

    def __truediv__(self, other: float) -> "NudgedNumber":
        return NudgedNumber(float(self) / other, self._dtype, self._nudge)

    __radd__, __rmul__ = __add__, __mul__


class NudgedLayer(Layer):
    """A layer whose output, and the gradient it passes back, are nudged."""

    def __init__(self, layer: Layer, nudge: Nudge) -> None:
        self.layer, self.nudge = layer, nudge
        super().__init__(layer.params)

    def attach(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep the layer's parameters and gradients in the given arrays from now on."""
        super().attach(params, grads)
        self.layer.attach(params, grads)
        self.state = self.layer.state  # which `attach` may have replaced

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the layer's output, nudged."""
        a = self.layer.forward(x, training)
        return self.nudge(a.copy())  # `a` may be a view of an array that must not change

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients of the parameters; return dx, nudged."""
        return self.nudge(self.layer.backward(da).copy())

    def backward_params(self, da: np.ndarray) -> None:
        """Set the gradients of the parameters; the optimizer's wrapper nudges them."""
        self.layer.backward_params(da)


class NudgedLoss(Loss):
    """A loss whose value and gradient are nudged."""

    def __init__(self, loss: Loss, nudge: Nudge) -> None:
        self.loss, self.nudge, self.threshold = loss, nudge, loss.threshold

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L, nudged, as a number whose sums are nudged, too."""
        return NudgedNumber(self.loss.forward(z, y, w), z.dtype, self.nudge)

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError where the loss does."""
        self.loss.require(z, y)

    def backward(self) -> np.ndarray:
        """Return dz, nudged."""
        return self.nudge(self.loss.backward().copy())


class NudgedOptimizer(Wrapper):
    """An optimizer with nudged gradients and nudged new parameters."""

    def __init__(self, optimizer: Learner, nudge: Nudge) -> None:
        super().__init__(optimizer)
        self.nudge = nudge

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        self.optimizer.step(theta, self.nudge(g))
        self.nudge(theta)


def nudged(build: Builder, seed: int | Sequence[int]) -> Builder:
    """Return a builder of the same network in NumPy whose training is nudged throughout."""

    @wraps(build)
    def build_nudged(spec: Spec) -> Parts:
        nudge, parts = Nudge(seed), build(spec)
        layers = [  # a Dropout takes masks, and the next layer nudges
            layer if isinstance(layer, Dropout) else NudgedLayer(layer, nudge)
            for layer in parts.network.layers
        ]
        return parts._replace(
            network=Sequential(*layers),
            loss=NudgedLoss(parts.loss, nudge),
            optimizer=NudgedOptimizer(parts.optimizer, nudge),
        )

    return build_nudged
