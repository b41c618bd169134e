"""Arrays that are kept beside a model, one for each weight, such as averages of the weights.

A step, a hook, an optimizer or the model itself may keep them, in a list, a dictionary, a model of
the same kind, or in attributes of the weights. An average of weights lies within the range in which
they have been; what is kept elsewhere, such as a velocity, is the optimizer's own business.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np

from frameworks.live.model import LiveModel
from frameworks.live.own_steps import SHARED, held_by
from frameworks.recordings.trace import Kept

__all__ = ["Family", "Keeper", "KeptBeside", "others_moved"]

_ROUNDINGS = 16  # units in the last place by which an average may leave the range


@dataclass(frozen=True)
class Family:
    """What is kept for the weights of a model, by the identity of each."""

    name: str
    arrays: Mapping[int, Any]
    holder: Any = None  # the list, the dictionary or the object that holds them


@dataclass(frozen=True)
class Keeper:
    """Finds what is kept beside a model.

    `named` are its weights by name, `orders` the orders in which an array of each may stand.
    Objects of the framework have `parts`, arrays by name, or `inner` ones, with names; None for
    others.
    """

    named: Mapping[str, Any]
    orders: Sequence[Sequence[Any]]
    own: frozenset[int]  # the identities of the model's parts
    is_array: Callable[[Any], bool]
    parts: Callable[[Any], Mapping[str, Any] | None]
    inner: Callable[[Any], list[tuple[str, Any]] | None] = lambda x: None

    def find(self, roots: Iterable[tuple[str, Any]]) -> list[Family]:
        """Return what is reached from some objects; what is nearest first."""
        found, seen, ahead = dict[str, Family](), dict[int, Any](), deque(roots)
        while ahead:
            name, x = ahead.popleft()
            if id(x) in seen or isinstance(x, SHARED):
                continue
            seen[id(x)] = x  # kept, so that no other object gets its identity
            is_array = self.is_array(x)
            arrays = None if id(x) in self.own or is_array else self._family(x)
            arrays = self._in_one(x) if is_array else arrays
            if arrays is None and not is_array:
                inner = self.inner(x)
                ahead += held_by(name, x) if inner is None else inner
            elif arrays:
                found.setdefault(name, Family(name, arrays, x))
        return [*found.values()]

    def _family(self, x: Any) -> Mapping[int, Any] | None:
        """Return an array for each weight; None if an object holds none such, {} for weights."""
        held: Any = self.parts(x)
        if held is None and isinstance(x, dict | list | tuple):
            held = x
        if not held or not any(map(self.is_array, _values(held))):
            return None
        for order in [self._by_name(held), *self._by_order(held)]:
            if order and all(map(self._fits, *zip(*order, strict=True))):
                arrays = {id(own): kept for own, kept in order if kept is not own}
                known = {id(each) for each in self.named.values()}
                return {} if known & {*map(id, arrays.values())} else arrays
        return None

    def _in_one(self, x: Any) -> Mapping[int, Any]:
        """Return the parts of a vector that has all weights, one after another."""
        own, sizes = self.orders[0], [math.prod(each.shape) for each in self.orders[0]]
        if len(own) < 2 or tuple(x.shape) != (sum(sizes),) or not hasattr(x, "reshape"):
            return {}
        ends = [*accumulate(sizes)]
        parts = zip(own, sizes, ends, strict=True)
        return {id(p): x[end - size : end].reshape(tuple(p.shape)) for p, size, end in parts}

    def _by_name(self, held: Any) -> list[tuple[Any, Any]]:
        names = held.keys() & self.named.keys() if isinstance(held, Mapping) else set()
        return [(self.named[name], held[name]) for name in self.named if name in names]

    def _by_order(self, held: Any) -> Iterator[list[tuple[Any, Any]]]:
        for order in self.orders:
            if len(order) == len(held):
                yield [*zip(order, _values(held), strict=True)]

    def _fits(self, own: Any, kept: Any) -> bool:
        return self.is_array(kept) and tuple(own.shape) == tuple(kept.shape)


@dataclass
class Range:
    """The smallest and largest numbers that arrays have had."""

    least: list[np.ndarray] = field(default_factory=list)
    most: list[np.ndarray] = field(default_factory=list)

    def note(self, arrays: Sequence[np.ndarray]) -> None:
        """Take note of the arrays as they are now."""
        if not self.least:
            self.least, self.most = [a.copy() for a in arrays], [a.copy() for a in arrays]
            return
        for least, most, a in zip(self.least, self.most, arrays, strict=True):
            np.minimum(least, a, out=least)
            np.maximum(most, a, out=most)

    def holds(self, kept: Sequence[np.ndarray]) -> bool:
        """Return whether all arrays lie within."""
        return len(kept) == len(self.least) and all(map(_within, self.least, self.most, kept))


class KeptBeside:
    """What is kept beside a model while it is trained."""

    def __init__(self, model: LiveModel) -> None:
        self._model, self._weights, self._states = model, Range(), Range()
        self._before = {each.name: each.weights for each in model.kept()}
        self.note()

    def note(self) -> None:
        """Take note of where the model is now."""
        self._weights.note([each.values for each in self._model.weights()])
        self._states.note([each.values for each in self._model.states()])

    def judged(self) -> tuple[Kept, ...]:
        """Return what is kept, told whether it is an average, and whether it has moved.

        What is kept in less precision is none that can be compared. States that lie elsewhere than
        those of the model, as of a teacher, are left out.
        """
        return tuple(
            replace(
                each,
                average=each.average and self._weights.holds(each.weights),
                moved=_moved(self._before.get(each.name), each.weights),
                states=each.states if self._states.holds(each.states) else [],
            )
            for each in self._model.kept()
        )


def _moved(before: Sequence[np.ndarray] | None, after: Sequence[np.ndarray]) -> bool:
    return before is None or not all(map(np.array_equal, before, after))


def others_moved(kept: Sequence[Kept]) -> list[str]:
    """Name what changes in training, is kept beside the model, and is no average of the weights."""
    which = ", ".join(each.name for each in kept if each.moved and not each.average)
    return [f"what is kept beside the model in {which} is not compared"] if which else []


def _within(least: np.ndarray, most: np.ndarray, a: np.ndarray) -> bool:
    if not a.size:
        return True
    size = max(float(np.abs(least).max()), float(np.abs(most).max()))
    slack = _ROUNDINGS * float(np.finfo(a.dtype).eps) * size
    return bool(((a >= least - slack) & (a <= most + slack)).all())


def _values(held: Any) -> list[Any]:
    return [*held.values()] if isinstance(held, Mapping) else [*held]
