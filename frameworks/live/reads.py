"""Which layers of two models are given the same numbers, once both have the same weights."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from frameworks.live.correspondence import Network
from frameworks.live.outlines import JOINING, Outline, outline
from frameworks.live.outputs import with_classes_alike
from frameworks.recordings.trace import Arrays

__all__ = ["Reads"]

Pairs = Sequence[tuple[int, int]]

_SAMPLE = 4096  # numbers of an array by which it is told from others


@dataclass(frozen=True)
class _Sample:
    """Some numbers of an array, row by row, with its size and a sum of all."""

    rows: int
    size: int
    numbers: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> "_Sample":
        flat = np.ravel(x if x.dtype.kind == "c" else x.astype(float))
        some = flat[:: flat.size // _SAMPLE | 1]
        with np.errstate(over="ignore"):
            mean = np.sum(flat, where=np.isfinite(flat)) / max(1, flat.size)
        return cls(len(x) if x.ndim else 1, flat.size, np.append(some, mean))

    def is_like(self, other: "_Sample", alike: float) -> bool:
        if (self.rows, self.size) != (other.rows, other.size):
            return False
        other_than = self.numbers != other.numbers  # infinities may be equal, too
        x, y = self.numbers[other_than], other.numbers[other_than]
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return False
        largest = np.abs(self.numbers[np.isfinite(self.numbers)]).max(initial=0)
        return bool(np.abs(x - y).max(initial=0) <= alike * largest)


class Reads:
    """What the layers of two networks read, and what these return, as far as it is the same.

    Numbers are the same if they differ by less than `alike`, relative to the largest.
    """

    def __init__(self, a: Network, b: Network, alike: float) -> None:
        self._networks, self._alike = (a, b), alike

    @cached_property
    def _samples(self) -> tuple[list[list[_Sample]], list[list[_Sample]]]:
        a, b = ([_samples(layer.inputs) for layer in x.layers] for x in self._networks)
        return a, b

    def same(self, i: int, j: int) -> bool:
        """Return whether the i-th layer of one is given all that the j-th of the other is.

        Or the other way round, as a first state that is zero is given or left out. Of three that
        are joined at once or by two and two, what is returned tells.
        """
        x, y = self._samples[0][i], self._samples[1][j]
        if self._networks[0].layers[i].facts.kind in JOINING:
            if self._return_alike(i, j) or len(x) != len(y):
                return self._return_alike(i, j)
        if len(x) > len(y):
            x, y = y, x
        return bool(x) and all(any(s.is_like(t, self._alike) for t in y) for s in x)

    def _return_alike(self, i: int, j: int) -> bool:
        x, y = self._returned[0][i], self._returned[1][j]
        return bool(x and y) and x[0].is_like(y[0], self._alike)

    @cached_property
    def _returned(self) -> tuple[list[list[_Sample]], list[list[_Sample]]]:
        a, b = (
            [_samples([layer.output] if layer.output is not None else []) for layer in x.layers]
            for x in self._networks
        )
        return a, b

    @cached_property
    def alike(self) -> list[tuple[list[int], list[int]]]:
        """The layers of both sides, of one kind and shape, that read the same numbers."""
        found = []
        for own, others in self._groups():
            readers: dict[tuple[int, ...], list[int]] = {}
            for i in own:
                readers.setdefault(tuple(j for j in others if self.same(i, j)), []).append(i)
            found += [(ours, list(theirs)) for theirs, ours in readers.items() if theirs]
        return found

    def followed(self, side: int, position: int) -> frozenset[int]:
        """Return the first layers that learn from what a layer returns in training, on any way.

        There dropout tells branches apart that are given the same numbers in evaluation.
        """
        made, readers = self._passing[side]
        found, left, met = set[int](), [position], set[int]()
        while left:
            for k in readers.get(made[left.pop()] or -1, []):
                if self._networks[side].layers[k].weights:
                    found.add(k)
                elif k not in met:
                    met.add(k)
                    left.append(k)
        return frozenset(found)

    @cached_property
    def _passing(self) -> list[tuple[list[int | None], dict[int, list[int]]]]:
        """Digests of what every layer returns in training, and the layers that read each."""
        both = []
        for x in self._networks:
            readers: dict[int, list[int]] = {}
            for k, layer in enumerate(x.layers):
                for each in {*map(_digest, layer.training_inputs)}:
                    readers.setdefault(each, []).append(k)
            outputs = (layer.training_output for layer in x.layers)
            both.append(([None if z is None else _digest(z) for z in outputs], readers))
        return both

    def _groups(self) -> Iterator[tuple[list[int], list[int]]]:
        groups: dict[Outline, tuple[list[int], list[int]]] = {}
        for side, x in enumerate(self._networks):
            for k, layer in enumerate(x.layers):
                if layer.weights or not layer.rearranges:
                    groups.setdefault(outline(x, k), ([], []))[side].append(k)
        yield from groups.values()

    def count(self, pairs: Pairs) -> int:
        """Return how many pairs of layers read the same, and how many outputs are."""
        outputs = zip(*(x.outputs for x in self._networks), strict=False)
        same = [self._lead_to_one(x, y) for x, y in outputs]
        return sum(self.same(i, j) for i, j in pairs) + sum(same)

    def _lead_to_one(self, x: np.ndarray, y: np.ndarray) -> bool:
        """Return whether two outputs are the same, or one what the other is turned into."""
        ours, theirs = (_samples(_forms(z)) for z in with_classes_alike(x, y))
        return any(s.is_like(theirs[0], self._alike) for s in ours) or any(
            ours[0].is_like(t, self._alike) for t in theirs
        )

    def all_are(self, pairs: Pairs) -> bool:
        """Return whether every pair of layers reads the same, and returns the same at the end."""
        return self.count(pairs) == len(pairs) + len(self._networks[0].outputs)


def _digest(x: np.ndarray) -> int:
    return hash((x.shape, x.tobytes()))


def _forms(z: np.ndarray) -> Arrays:
    """Return outputs as they are, and the probabilities of logits and their logarithms."""
    if not z.ndim or not z.size or z.dtype.kind != "f":
        return (z,)
    with np.errstate(all="ignore"):
        logs = z - np.logaddexp.reduce(z, axis=-1, keepdims=True)
        return z, np.exp(logs), logs, 1 / (1 + np.exp(-z))


def _samples(arrays: Iterable[np.ndarray]) -> list[_Sample]:
    return [_Sample.of(x) for x in arrays]
