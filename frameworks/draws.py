"""Everything random in a training, drawn once and handed to every implementation."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from scratch.checks import require_fraction

__all__ = ["Dealt", "Draws", "Dropped", "StepDraws", "StepStream", "step_masks"]

_BYTES_AHEAD = 2**25


class Draws:
    """The random numbers of one training, in a separate stream for each purpose.

    Drawing from one stream does not advance another: a network with more weights, or with dropout,
    still sees the same batches.
    """

    def __init__(self, random_state: Any) -> None:
        streams = np.random.SeedSequence(_seed(random_state)).spawn(4)
        self.weights, self._orders, self.steps, split = map(np.random.default_rng, streams)
        self.split_seed = int(split.integers(2**31))  # of the rows held out for validation
        self.orders_sha256 = ""  # of its previous value and the latest order
        self.draws_sha256 = ""  # of its previous value and the latest step's draws

    def orders(
        self, n: int, batch_size: int, epochs: int, shuffle: bool = True
    ) -> Iterator[np.ndarray | None]:
        """Yield the order (n,) of the rows for each epoch; None keeps them in their order.

        It is None without `shuffle`, and if a single batch holds all rows.

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
    """What one dropout layer drops: each activation of a row, with probability `rate`.

    Or what numbers a layer of Gaussian noise draws instead, of which `rate` is the strength.
    """

    rate: float
    shape: tuple[int, ...]  # of one row: (d,), (h, w, c) for images, (1, 1, c) for whole channels
    normal: bool = False  # z ~ N(0, 1) instead of masks


class Dealt(NamedTuple):
    """Which mask a call of dropout takes: that of a call with this number.

    Or one of its steps, if a loop drops in `steps` calls what the other drops in one.
    """

    number: int
    step: int = 0
    steps: int = 1

    def draw(self, seed: int, step: int, rows: int, drawn: Dropped) -> np.ndarray:
        """Draw u ~ U[0, 1), or z ~ N(0, 1), (rows, *shape) for a step of a training."""
        rng, shape = np.random.default_rng([seed, step, self.number]), drawn.shape
        numbers = rng.standard_normal if drawn.normal else rng.random
        if self.steps == 1:
            return numbers((rows, *shape))
        own = shape[1:] if shape[:1] == (1,) and len(shape) > 1 else shape
        return numbers((rows, self.steps, *own))[:, self.step].reshape(rows, *shape)


class StepDraws(NamedTuple):
    """The random numbers of one step of n rows, in the network's dtype."""

    masks: tuple[np.ndarray, ...]  # (n, *shape) for each dropout layer: 0 or 1/(1 − rate)
    named: dict[str, np.ndarray]  # what a program draws


class StepStream:
    """Draws the random numbers of one step after another.

    First come the masks, layer by layer, as u ≥ rate for u ~ U[0, 1), then the program's draws.

    >>> draw = StepStream(Draws(0), "float64", [Dropped(0.5, (4,))])
    >>> draw(2).masks
    (array([[2., 0., 2., 2.],
           [0., 0., 2., 2.]]),)
    """

    def __init__(
        self,
        draws: Draws,
        dtype: str,
        dropped: Sequence[Dropped] = (),
        own: Callable[[np.random.Generator, int], dict[str, np.ndarray]] | None = None,
    ) -> None:
        for each in dropped:
            require_fraction("rate of a dropout layer", each.rate)
        self.draws, self.dtype, self.dropped, self._own = draws, dtype, tuple(dropped), own

    def __bool__(self) -> bool:
        return bool(self.dropped) or self._own is not None

    def __call__(self, rows: int) -> StepDraws:
        """Draw for the next step, of `rows` rows."""
        if not self:
            return StepDraws((), {})
        drawn = self._draw(self.draws.steps, rows)
        digest = sha256(self.draws.draws_sha256.encode())
        masks = (mask.reshape(rows, -1) for mask in drawn.masks)  # before a flatten or behind it
        for name, array in (*enumerate(masks), *drawn.named.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        self.draws.draws_sha256 = digest.hexdigest()
        return self._in_dtype(drawn)

    def augmented(
        self, augment: Callable[[np.random.Generator, np.ndarray], np.ndarray], X: np.ndarray
    ) -> np.ndarray:
        """Return rows X (n, ...) that augment(rng, X) has changed at random, in the same dtype."""
        returned = np.asarray(augment(self.draws.steps, X.copy()))  # which may write into its rows
        if returned.shape != X.shape or returned.dtype.kind not in "biuf":
            raise ValueError(
                f"augment must return real numbers of shape {X.shape}, as it was given; "
                f"got {returned.dtype} of shape {returned.shape}"
            )
        changed = np.ascontiguousarray(returned, dtype=X.dtype)
        digest = sha256(self.draws.draws_sha256.encode() + changed.tobytes())
        self.draws.draws_sha256 = digest.hexdigest()
        return changed

    def peek(self, rows: int) -> StepDraws:
        """Return the draws of the next step of `rows` rows without consuming them."""
        return self._in_dtype(self._draw(deepcopy(self.draws.steps), rows))

    def masks_ahead(self, orders: np.ndarray, batch_size: int) -> list[np.ndarray]:
        """Draw the masks (epochs, rows, *shape) for all steps of orders (epochs, rows)."""
        if not self:
            return []
        rows = orders.shape[1]
        sizes = [min(batch_size, rows - start) for start in range(0, rows, batch_size)]
        steps = [self(size).masks for _ in orders for size in sizes]
        joined = [np.concatenate(masks) for masks in zip(*steps, strict=True)]
        return [masks.reshape(*orders.shape, *masks.shape[1:]) for masks in joined]

    def rows_ahead(self, batch_size: int) -> int:
        """Return the number of rows, in whole batches, whose masks fit into limited memory."""
        row = sum(mask.nbytes for mask in self.peek(1).masks)
        return max(1, _BYTES_AHEAD // (row * batch_size)) * batch_size if row else sys.maxsize

    def _draw(self, rng: np.random.Generator, rows: int) -> StepDraws:
        """Return boolean masks of what is kept, and the program's draws before any cast."""
        kept = [rng.random((rows, *each.shape)) >= each.rate for each in self.dropped]
        own = {} if self._own is None else self._own(rng, rows)
        if not isinstance(own, Mapping):
            raise TypeError(f"draws must return arrays by name, got {type(own).__name__}")
        named = {name: np.asarray(a) for name, a in own.items()}
        for name, array in named.items():
            if array.dtype.kind not in "biuf":
                raise TypeError(f"draws must return real numbers, got {array.dtype} for {name!r}")
        return StepDraws(tuple(kept), named)

    def _in_dtype(self, drawn: StepDraws) -> StepDraws:
        masks = [
            np.multiply(kept, 1 / (1 - each.rate), dtype=self.dtype)
            for kept, each in zip(drawn.masks, self.dropped, strict=True)
        ]
        own = drawn.named.items()
        named = {name: a.astype(self.dtype) if a.dtype.kind == "f" else a for name, a in own}
        return StepDraws(tuple(masks), named)


def step_masks(
    seed: int,
    step: int,
    rows: int,
    dropped: Sequence[Dropped],
    dtype: str,
    dealt: Sequence[Dealt] | None = None,
) -> list[np.ndarray]:
    """Return the masks (rows, *shape), 0 or 1/(1 − rate), of one step's calls of dropout layers.

    Call i of step k draws u ~ U[0, 1) from a stream of its own, default_rng([seed, k, i]), so that
    another number of calls, or another rate, changes no other mask; u ≥ rate is kept. What draws
    z ~ N(0, 1) instead gets z itself. `dealt`, if given, says otherwise which number each call has.

    >>> step_masks(0, step=0, rows=2, dropped=[Dropped(0.5, (3,))], dtype="float64")
    [array([[2., 0., 0.],
           [0., 2., 2.]])]
    """
    masks = []
    for call, each in enumerate(dropped):
        own = dealt[call] if dealt is not None else Dealt(call)
        numbers = own.draw(seed, step, rows, each)
        if each.normal:
            masks.append(numbers.astype(dtype))
            continue
        scale = 1 / (1 - each.rate) if each.rate < 1 else 0.0
        masks.append(np.multiply(numbers >= each.rate, scale, dtype=dtype))
    return masks


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
