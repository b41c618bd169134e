"""Monte Carlo arithmetic: every result in a training nudged at random in its last place.

    x ← x (1 + ε u),  u ~ U(−1, 1),  ε the distance from 1 to the next number (2⁻²³ in float32)

Nudged are every layer's output, every gradient passed back, the gradient and the new value of every
parameter, the loss, and the running sum of an epoch's losses at each addition. Two trainings with
different nudges are like two implementations: the same mathematics, rounded at the same places but
differently.

Equal numbers are nudged equally, since equal computations round equally: a tie stays a tie (a
maximum that occurs twice in a pooling window), and identical units stay identical. Not always: a
matrix product rounds its last columns otherwise where they fill no vector register. So where units
begin equal, some trainings break ties: they nudge by the place in the last axis, too, so that these
units part, as they may in any implementation, and so do the outputs of classes. They also nudge the
parameters by which a layer of such units computes. What is equal in one column, such as a channel's
pixels, stays equal.

Nudges repeat from step to step, too: where numbers hardly change any more, as at the end of a
training on all rows at once, the errors repeat, and grow as the number of steps, not as its root.
So each place in the network has a key for the whole training.

A sum over n rows rounds at every addition, and where its terms cancel, as those of a gradient do
near a minimum, that is far more than one unit of the sum. So each layer takes the rows of a batch
in an order of its own, and gives them back in theirs: its sums round elsewhere.

A nudge is twice a rounding error, which is u ~ U(−½, ½): one result here takes several operations
in an implementation (a sigmoid is an exponential, a sum and a quotient), each of which rounds.

Source: Parker, "Monte Carlo arithmetic", UCLA CSD-970002, 1997; Vignes, "A stochastic arithmetic
for reliable scientific computation", Mathematics and Computers in Simulation 35, 1993; Steele, Lea
and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import count
from typing import NamedTuple

import numpy as np

from frameworks.agreement.distances import distinct
from frameworks.agreement.nudged_programs import nudged_in_place
from frameworks.program import Parts, Program, ProgramBuilder
from frameworks.scratch.walking import leaves
from frameworks.spec import Spec
from scratch import Dropout, Layer, Loss, Sequential, TrainOnly
from scratch.optimizers.optimizer import Learner, Wrapper

__all__ = ["Nudge", "NudgedNumber", "Ties", "nudged"]


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


@dataclass
class Ties:
    """Whether equal numbers part by their place in the last axis: where units begin equal."""

    layers: Sequence[Layer] = ()
    breaking: bool | None = None  # None: not known before the training begins

    def look(self) -> None:
        """Look at the layers, if their training begins now."""
        if self.breaking is None:
            self.breaking = any(map(_has_equal_units, self.layers))


class Nudge:
    """Moves floats in place, at random, by up to ε of their magnitude; zeros stay zeros.

    u is a hash of a number's bits and of a key, which the seed determines; where `ties` break, also
    of its place in the last axis.

    >>> Nudge(seed=0)(np.array([1.0, 0.0, -1.0, 1.0], np.float32)).tolist()
    [1.0000001192092896, 0.0, -0.9999999403953552, 1.0000001192092896]
    """

    def __init__(self, seed: int | Sequence[int], ties: Ties | None = None) -> None:
        self.ties = Ties(breaking=False) if ties is None else ties
        bits = np.random.SFC64(seed)
        self._key = int(bits.random_raw())
        self._generator = np.random.Generator(bits)
        self._orders: dict[int, np.ndarray] = {}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Nudge an array, and return it."""
        if not x.ndim:  # its bits would be a scalar, whose products overflow
            return self(x.reshape(1)).reshape(())
        word, first, second, shift, drop = _HASHES[x.dtype]
        bits, eps = 8 * x.itemsize, np.finfo(x.dtype).eps
        h = x.view(word) ^ word(self._key >> (64 - bits))
        if self.ties.breaking:
            h ^= np.arange(x.shape[-1], dtype=word) * word(second)
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

    def order(self, rows: int) -> np.ndarray:
        """Return the order in which that many rows are added up: always the same one."""
        if rows not in self._orders:
            self._orders[rows] = self._generator.permutation(rows)
        return self._orders[rows]


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
    """A layer whose output, and the gradient it passes back, are nudged, and its sums reordered."""

    def __init__(self, layer: Layer, output: Nudge, gradient: Nudge) -> None:
        self.layer, self.output, self.gradient = layer, output, gradient
        self._tied: bool | None = None  # whether ties break in it; None until it is trained
        super().__init__(layer.params)

    def attach(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Keep the layer's parameters and gradients in the given arrays from now on."""
        super().attach(params, grads)
        self.layer.attach(params, grads)
        self.state = self.layer.state  # which `attach` may have replaced

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the layer's output, nudged unless it is whole numbers, which are exact.

        Words of a vocabulary, passed on by a layer that rearranges them, would become other words.
        """
        self.rows = self.output.order(len(x))
        if training and self._tied is None:
            self.output.ties.look()
            self._tied = bool(self.output.ties.breaking) and _has_equal_units(self.layer)
        with self._rounding_by_itself(self.output):
            a = self._in_order(self.layer.forward(x[self.rows], training))
        return a if np.array_equal(a, np.rint(a)) else self.output(a)

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients of the parameters; return dx, nudged."""
        with self._rounding_by_itself(self.gradient):
            dx = self.layer.backward(da[self.rows])
        return self.gradient(self._in_order(dx))

    def backward_params(self, da: np.ndarray) -> None:
        """Set the gradients of the parameters; the optimizer's wrapper nudges them."""
        self.layer.backward_params(da[self.rows])

    @contextmanager
    def _rounding_by_itself(self, nudge: Nudge) -> Iterator[None]:
        """Nudge the parameters meanwhile, where ties break: each sum of products rounds by itself.

        Where its terms cancel, as the gradients of a row do beside a constant kernel, that is far
        more than the last place of the sum.
        """
        kept = [(p, p.copy()) for p in self.layer.params] if self._tied else ()
        for p, _ in kept:
            nudge(p.reshape(-1))
        try:
            yield
        finally:
            for p, own in kept:
                p[...] = own

    def _in_order(self, shuffled: np.ndarray) -> np.ndarray:
        """Return a copy of what the layer made of its rows, in the batch's own order."""
        values = np.empty_like(shuffled)
        values[self.rows] = shuffled
        return values


def _has_equal_units(layer: Layer) -> bool:
    """Return whether two columns of one of a layer's kernels, or two rows, are equal."""
    kernels = (p for p in layer.params if p.ndim > 1)
    return any(distinct(p, axis) < p.shape[axis] for p in kernels for axis in (-1, -2))


class NudgedLoss(Loss):
    """A loss whose value and gradient are nudged."""

    def __init__(self, loss: Loss, value: Nudge, gradient: Nudge) -> None:
        self.loss, self.value, self.gradient = loss, value, gradient
        self.threshold = loss.threshold

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L, nudged, as a number whose sums are nudged, too."""
        return NudgedNumber(self.loss.forward(z, y, w), z.dtype, self.value)

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError where the loss does."""
        self.loss.require(z, y)

    def backward(self) -> np.ndarray:
        """Return dz, nudged."""
        return self.gradient(self.loss.backward().copy())


class NudgedOptimizer(Wrapper):
    """An optimizer with nudged gradients and nudged new parameters."""

    def __init__(self, optimizer: Learner, gradient: Nudge, value: Nudge) -> None:
        super().__init__(optimizer)
        self.gradient, self.value = gradient, value

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        self.optimizer.step(theta, self.gradient(g))
        self.value(theta)


def nudged(
    build: ProgramBuilder, seed: int | Sequence[int], breaking_ties: bool = False
) -> ProgramBuilder:
    """Return a builder of the same network in NumPy whose training is nudged throughout.

    With `breaking_ties`, ties break in it where units begin equal.
    """

    @wraps(build)
    def build_nudged(spec: Spec) -> Parts | Program:
        parts: Parts | Program = build(spec=spec)
        layers = [layer for network in parts.networks for layer in leaves(network)]
        ties = Ties(layers, None if breaking_ties else False)
        places = (Nudge([*np.ravel(seed), i], ties) for i in count())
        if isinstance(parts, Program):
            return nudged_in_place(parts, places, ties)
        nudged_layers = [  # a Dropout takes masks, and the next layer nudges
            layer if isinstance(layer, Dropout) else NudgedLayer(layer, next(places), next(places))
            for layer in parts.network.layers
        ]
        loss = NudgedLoss(parts.loss, next(places), next(places))
        optimizer, nudges = parts.optimizer, (next(places), next(places))
        if isinstance(optimizer, TrainOnly):  # nobody rounds a weight that stays as it is
            optimizer.optimizer = NudgedOptimizer(optimizer.optimizer, *nudges)
        else:
            optimizer = NudgedOptimizer(optimizer, *nudges)
        return parts._replace(network=Sequential(*nudged_layers), loss=loss, optimizer=optimizer)

    return build_nudged
