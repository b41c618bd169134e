"""Nudged trainings in one pass: each is, bit for bit, what it is alone.

Alone, a training draws a key for each nudge as it comes to it. How many a step takes is always the
same, so that those of an epoch are drawn before it, and handed to the stacked steps. The losses,
which are measured after the epoch, and their sum are nudged then, by the keys that are theirs.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar

import numpy as np

from frameworks.agreement.nudge import Nudge, nudge_by
from scratch import Batch
from scratch.batches import Order
from scratch.compiler import Parts, StackedEpochs
from scratch.compiler.training import Measured

__all__ = ["NudgedEpochs"]

# The last keys of a step: for its loss times its rows, and two for adding that to the sum so far
# (each of two `NudgedNumber`s nudges what is made of both), where there is any.
_OF_THE_SUM = 3
_MOST_KEYS = 10_000  # in a step, to count them


class NudgedParts(Parts):
    """Parts that are nudged."""

    own: ClassVar[tuple[str, ...]] = (*Parts.own, "frameworks.agreement.nudge")

    @classmethod
    def of(cls, parts: Parts) -> "NudgedParts":
        """Return nudged parts; the loss, which is the same for all, with their own nudge."""
        made = cls(parts.network, copy(parts.loss), parts.optimizer)
        made.loss.nudge = made.nudge  # type: ignore[attr-defined]
        return made

    @property
    def nudge(self) -> Nudge:
        """What nudges all of them."""
        return self.optimizer.nudge  # type: ignore[attr-defined]

    def objects(self) -> list[Any]:
        """Return the parts, the loss inside the nudged one, and the nudge."""
        return [*super().objects(), self.loss.loss, self.nudge]  # type: ignore[attr-defined]


class NudgedEpochs(StackedEpochs):
    """Trainings as in `StackedEpochs`, each with nudges of its own."""

    def __init__(self, seeds: Sequence[Parts], data: Batch, batch_size: int) -> None:
        nudged = [NudgedParts.of(each) for each in seeds]
        self.step, self.nudges = 0, [each.nudge for each in nudged]
        self.dtype = nudged[0].network.theta.dtype
        none = self.nudges[0].next_keys(0, self.dtype)
        self.drawn = np.zeros((len(seeds), 1, _MOST_KEYS), none.dtype)  # (seeds, steps, keys)
        super().__init__(nudged, data, batch_size)
        self.master.nudge.hand(self.drawn[0, 0])  # type: ignore[attr-defined]
        parts = self.copy(0)
        rows = data.map(lambda a: a[:batch_size])
        parts.take(rows, parts.network.theta, parts.network.grad)
        self.place = parts.loss.place  # type: ignore[attr-defined] # of the loss's key
        count = parts.nudge.taken + _OF_THE_SUM  # type: ignore[attr-defined]
        self.drawn = self.drawn[:, :, :count].repeat(sum(b.count for b in self.batches), axis=1)
        self.keys, self.last = np.zeros_like(self.drawn[:, 0]), self.drawn[:, 0, 0].copy()

    def train(self, orders: Sequence[Order]) -> Measured:
        """Draw an epoch's keys, and train it; the last one is for the mean of the losses."""
        first = self.drawn.shape[2] - 1
        for s, nudge in enumerate(self.nudges):
            keys, room = nudge.next_keys(self.drawn[s].size, self.dtype), self.drawn[s].reshape(-1)
            room[:first], room[first + 1 :], self.last[s] = keys[:first], keys[first:-1], keys[-1]
        self.step = 0
        return super().train(orders)

    def copy(self, s: int) -> Parts:
        """Return what takes the next step of a training, in its place, by the same keys."""
        parts = super().copy(s)
        step = min(self.step, len(self.drawn[s]) - 1)
        parts.nudge.hand(self.drawn[s, step].copy())  # type: ignore[attr-defined]
        return parts

    def advance(self) -> list[tuple[float, ...]]:
        """Hand over the keys of a step, and count it."""
        self.keys[...] = self.drawn[:, self.step]
        self.step += 1
        return super().advance()

    def outer(self, parts: Parts) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return, besides, the keys."""
        return [*super().outer(parts), (parts.nudge.handed, self.keys)]  # type: ignore[attr-defined]

    def mean_losses(self) -> list[float]:
        """Return the mean losses, with every loss, product and sum nudged, and the quotient.

        They are computed in float64, and rounded to the networks' type, as `NudgedNumber` does.
        """
        losses = np.hstack([np.array(b.losses(len(self.nudges)), self.dtype) for b in self.batches])
        rows = np.repeat([b.n for b in self.batches], [b.count for b in self.batches])
        of_product, first, second = (self.drawn[:, :, i] for i in range(-_OF_THE_SUM, 0))
        losses = self._nudged(losses, self.drawn[:, :, self.place])
        products = self._nudged(losses * rows, of_product)
        total = self._nudged(products[:, 0], first[:, 0])
        for k in range(1, len(rows)):
            total = self._nudged(total + products[:, k], first[:, k])
            total = self._nudged(total, second[:, k])
        return self._nudged(total / len(self.data.X), self.last).tolist()

    def _nudged(self, numbers: np.ndarray, keys: np.ndarray) -> np.ndarray:
        return nudge_by(numbers.astype(self.dtype), keys).astype(float)
