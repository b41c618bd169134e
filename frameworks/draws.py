"""Everything random in a training, drawn once and handed to every implementation."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np

__all__ = ["Draws"]


class Draws:
    """The random numbers of one training, in a stream for each purpose.

    What one stream is asked for does not move another: a network with more weights still sees the
    same batches.
    """

    def __init__(self, random_state: Any) -> None:
        streams = np.random.SeedSequence(_seed(random_state)).spawn(2)
        self.weights, self._orders = map(np.random.default_rng, streams)
        self.orders_sha256 = ""  # of its previous value and the latest order

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
