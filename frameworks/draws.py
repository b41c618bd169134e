"""Everything random in a training, drawn once and handed to every implementation."""

import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from scratch.checks import require_fraction

__all__ = ["Draws", "Dropped", "StepDraws", "StepStream"]

_BYTES_AHEAD = 2**25


class Draws:
    """The random numbers of one training, in a stream for each purpose.

    What one stream is asked for does not move another: a network with more weights still sees the
    same batches, and one with dropout as well.
    """

    def __init__(self, random_state: Any) -> None:
        streams = np.random.SeedSequence(_seed(random_state)).spawn(3)
        self.weights, self._orders, self.steps = map(np.random.default_rng, streams)
        self.orders_sha256 = ""  # of its previous value and the latest order
        self.draws_sha256 = ""  # of its previous value and the latest step's draws

    def orders(
        self, n: int, batch_size: int, epochs: int, shuffle: bool = True
    ) -> Iterator[np.ndarray | None]:
        """Yield the order (n,) of the rows for each epoch, or None for the order they are in.

        That is so without `shuffle`, and where a single batch holds all rows.

        >>> [order.tolist() for order in Draws(0).orders(n=4, batch_size=2, epochs=2)]
        [[2, 0, 3, 1], [1, 3, 0, 2]]
        """
        for _ in range(epochs):
            if n <= batch_size or not shuffle:
                yield None
                continue
            order = self._orders.permutation(n)
            self.orders_sha256 = sha256(self.orders_sha256.encode() + order.tobytes()).hexdigest()
            yield order


class Dropped(NamedTuple):
    """What one dropout layer drops: each of a row's activations with probability `rate`."""

    rate: float
    shape: tuple[int, ...]  # of one row of its activations: (d,), or (h, w, c) for images


class StepDraws(NamedTuple):
    """The random numbers of one step of n rows, in the network's dtype."""

    masks: tuple[np.ndarray, ...] = ()  # (n, *shape) for each dropout layer: 0 or 1/(1 − rate)


class StepStream:
    """Draws for one step after the other, as many rows as it has.

    >>> draw = StepStream(Draws(0), [Dropped(0.5, (4,))], "float64")
    >>> draw(2).masks
    (array([[2., 0., 0., 2.],
           [2., 2., 0., 2.]]),)
    """

    def __init__(self, draws: Draws, dropped: Sequence[Dropped], dtype: str) -> None:
        for each in dropped:
            require_fraction("rate of a dropout layer", each.rate)
        self.draws, self.dropped, self.dtype = draws, tuple(dropped), dtype

    def __bool__(self) -> bool:
        return bool(self.dropped)

    def __call__(self, rows: int) -> StepDraws:
        """Draw for the next step, of so many rows."""
        if not self:
            return StepDraws()
        kept = self._draw(self.draws.steps, rows)
        digest = sha256(self.draws.draws_sha256.encode())
        for array in kept:
            digest.update(f"{array.shape}".encode() + array.tobytes())
        self.draws.draws_sha256 = digest.hexdigest()
        return self._scaled(kept)

    def peek(self, rows: int) -> StepDraws:
        """Return what the next step of so many rows would be given, and leave it to be drawn."""
        return self._scaled(self._draw(deepcopy(self.draws.steps), rows))

    def ahead(self, orders: np.ndarray, batch_size: int) -> StepDraws:
        """Draw for all steps of orders (epochs, rows): masks (epochs, rows, *shape)."""
        if not self:
            return StepDraws()
        rows = orders.shape[1]
        sizes = [min(batch_size, rows - start) for start in range(0, rows, batch_size)]
        steps = [self(size) for _ in orders for size in sizes]
        joined = (
            np.concatenate(each) for each in zip(*(step.masks for step in steps), strict=True)
        )
        return StepDraws(tuple(a.reshape(*orders.shape, *a.shape[1:]) for a in joined))

    def rows_ahead(self, batch_size: int) -> int:
        """Return how many rows, in whole batches, may be drawn for ahead without much memory."""
        row = sum(mask.nbytes for mask in self.peek(1).masks)
        return max(1, _BYTES_AHEAD // (row * batch_size)) * batch_size if row else sys.maxsize

    def _draw(self, rng: np.random.Generator, rows: int) -> list[np.ndarray]:
        return [rng.random((rows, *shape)) >= rate for rate, shape in self.dropped]

    def _scaled(self, kept: list[np.ndarray]) -> StepDraws:
        scales = [1 / (1 - rate) for rate, _ in self.dropped]
        pairs = zip(kept, scales, strict=True)
        return StepDraws(tuple(np.multiply(k, s, dtype=self.dtype) for k, s in pairs))


def _seed(random_state: Any) -> int | None:
    """Return the seed that a scikit-learn `random_state` stands for."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if random_state is None:
        return None
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    raise ValueError(
        f"random_state must be an integer of at least 0, None, or a generator, got {random_state!r}"
    )
