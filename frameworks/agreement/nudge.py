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
from typing import NamedTuple

import numpy as np

__all__ = ["Nudge", "NudgedNumber", "nudge_by"]


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


def nudge_by(x: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Nudge an array by keys of its own width, and return it: one key for all, or one for each."""
    word, first, second, shift, drop = _HASHES[x.dtype]
    bits, eps = 8 * x.itemsize, np.finfo(x.dtype).eps
    h = x.view(word) ^ keys
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


class Nudge:
    """Moves floats in place, at random, by up to ε of their magnitude; zeros stay zeros.

    Each call takes a key, and u is a hash of it and the number's bits. The keys are drawn, or those
    that were handed over.

    >>> Nudge(seed=0)(np.array([1.0, 0.0, -1.0, 1.0], np.float32)).tolist()
    [1.0000001192092896, 0.0, -0.9999999403953552, 1.0000001192092896]
    """

    def __init__(self, seed: int | Sequence[int]) -> None:
        self._stream = np.random.SFC64(seed)
        self.handed: np.ndarray | None = None  # keys, and how many of them are taken
        self.taken = 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Nudge an array, and return it."""
        if self.handed is None:
            return nudge_by(x, self.next_keys(1, x.dtype))
        self.taken += 1
        return nudge_by(x, self.handed[self.taken - 1 : self.taken])

    def next_keys(self, count: int, dtype: np.dtype) -> np.ndarray:
        """Draw the keys of the next so many calls on numbers of a type."""
        raw, bits = self._stream.random_raw(count), 8 * dtype.itemsize
        return (raw >> np.uint64(64 - bits)).astype(_HASHES[dtype].word)

    def hand(self, keys: np.ndarray) -> None:
        """Take these keys from now on."""
        self.handed, self.taken = keys, 0


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
