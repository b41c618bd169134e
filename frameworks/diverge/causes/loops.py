"""How a loop's batches may differ, if single steps agree and the epochs do not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from frameworks.agreement.distances import relative_error
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import First
from frameworks.diverge.side import batches, take_step
from scratch import Batch

__all__ = ["other_batches", "other_rows"]

Orders = list[np.ndarray]
Epoch = tuple[Batch, np.ndarray, int]  # rows, their order, batch size


@dataclass(frozen=True)
class _Trained:
    """The losses of the epochs, of which the last is compared, and the weights after them."""

    losses: list[float]
    weights: list[np.ndarray]


def other_batches(evidence: Evidence) -> str | None:
    """Side a, trained on the batches of a faulty loop, reproduces the numbers of side b.

    Side a must follow its batches: given one at a time, it trains as it does in one call. Numbers
    that it reproduces on its own batches, too, are no evidence.
    """
    if evidence.history or evidence.epochs is None:
        return None
    ours, theirs = _as_fit(evidence.a, evidence), _as_fit(evidence.b, evidence)
    alone = _one_by_one(evidence)
    if "weights" not in _same(evidence, alone, ours):
        return None
    last = -(-len(evidence.a.opened.batch.X) // evidence.a.side.batch_size)
    mean = _Trained([float(np.mean(alone.losses[-last:]))], ours.weights)
    if _same(evidence, mean, theirs) == {"weights", "loss"}:
        return f"{evidence.names[1]} averages the batches' losses, whatever their numbers of rows"
    own = _same(evidence, _train(evidence, _reordered(lambda orders, e, size: orders[e])), theirs)
    for words, way in _WAYS.items():
        trained = _train(evidence, way)
        if trained.losses and _same(evidence, trained, theirs) - own:
            return f"{evidence.names[1]} {words}"
    return None


def other_rows(evidence: Evidence) -> str | None:
    """Side a's first step, on some of the batch's rows, is side b's."""
    if evidence.level != "step" or not evidence.history:
        return None
    pair, size = evidence.history[0], evidence.a.side.batch_size
    for words, rows in {
        "leaves the last row out of every batch": slice(0, -1),
        "leaves the first row out of every batch": slice(1, None),
        "takes the first row of every batch only": slice(0, 1),
    }.items():
        batch = Batch(pair.batch.X[rows], pair.batch.y[rows])
        if not len(batch.X):
            continue
        step = take_step(evidence.a.side.open()[1], batch, size)
        if all(map(evidence.matches, step.after, pair.b.after)):
            return f"{evidence.names[1]} {words}"
    return None


def _as_fit(first: First, evidence: Evidence) -> _Trained:
    """Train a side up to the epoch that differs in one call, as `fit` does."""
    assert evidence.epochs is not None
    (_, opened), size = first.side.open(), first.side.batch_size
    orders = opened.orders[: evidence.epochs.epoch]
    losses = [result.loss for result in opened.adapter.train(opened.batch, orders, size)]
    return _Trained(losses, opened.adapter.get_weights())


def _one_by_one(evidence: Evidence) -> _Trained:
    """Train side a up to that epoch, one batch at a time."""
    assert evidence.epochs is not None
    (_, opened), size = evidence.a.side.open(), evidence.a.side.batch_size
    losses = []
    for order in opened.orders[: evidence.epochs.epoch]:
        for batch in batches(opened.batch, order, size):
            losses.append(take_step(opened, batch, size).loss)
    return _Trained(losses, opened.adapter.get_weights())


def _same(evidence: Evidence, one: _Trained, other: _Trained) -> set[str]:
    """Return which of weights and loss are the same; in float32, within the noise floor."""
    floor = evidence.floor
    if floor is None or evidence.a.side.dtype == "float64":
        weights = all(map(evidence.matches, one.weights, other.weights))
        loss = evidence.matches(one.losses[-1], other.losses[-1])
    else:
        worst = max(map(relative_error, one.weights, other.weights))
        weights = worst <= floor.noise.weight
        loss = relative_error(one.losses[-1], other.losses[-1]) <= floor.noise.loss
    return {name for name, found in (("weights", weights), ("loss", loss)) if found}


def _train(evidence: Evidence, way: "Way") -> _Trained:
    assert evidence.epochs is not None
    _, opened = evidence.a.side.open()
    rows = np.arange(len(opened.batch.X))
    orders = [rows if o is None else o for o in opened.orders[: evidence.epochs.epoch]]
    losses = []
    for batch, order, size in way(opened.batch, orders, evidence.a.side.batch_size):
        if not len(order) or size < 1:
            return _Trained([], [])
        taken = Batch(batch.X[order], batch.y[order])
        losses += [result.loss for result in opened.adapter.train(taken, [None], size)]
    return _Trained(losses, opened.adapter.get_weights())


Way = Callable[[Batch, Orders, int], Iterator[Epoch]]


def _reordered(change: Callable[[Orders, int, int], np.ndarray]) -> Way:
    """Return a way that changes orders, from a function of (orders, epoch, batch size)."""

    def way(batch: Batch, orders: Orders, size: int) -> Iterator[Epoch]:
        for epoch in range(len(orders)):
            yield batch, change(orders, epoch, size), size

    return way


def _resized(change: Callable[[int], int]) -> Way:
    def way(batch: Batch, orders: Orders, size: int) -> Iterator[Epoch]:
        for order in orders:
            yield batch, order, change(size)

    return way


def _short_batches(batch: Batch, orders: Orders, size: int) -> Iterator[Epoch]:
    for order in orders:
        yield batch, order[np.arange(len(order)) % size != size - 1], size - 1


def _labels_stay(batch: Batch, orders: Orders, size: int) -> Iterator[Epoch]:
    for order in orders:
        yield Batch(batch.X[order], batch.y, batch.w), np.arange(len(order)), size


def _labels_lag(batch: Batch, orders: Orders, size: int) -> Iterator[Epoch]:
    for order in orders:
        rows = np.arange(len(order))
        yield Batch(batch.X[order], np.roll(batch.y[order], 1, axis=0), batch.w), rows, size


def _cumulative(batch: Batch, orders: Orders, size: int) -> Iterator[Epoch]:
    rows = np.arange(len(orders[0]))
    for order in orders:
        rows = rows[order]
        yield batch, rows, size


_WAYS: dict[str, Way] = {
    "drops the last, incomplete batch of every epoch": _reordered(
        lambda orders, e, size: orders[e][: len(orders[e]) // size * size]
    ),
    "drops the first batch of every epoch": _reordered(lambda orders, e, size: orders[e][size:]),
    "drops the last row of every epoch": _reordered(lambda orders, e, size: orders[e][:-1]),
    "drops the first row of every epoch": _reordered(lambda orders, e, size: orders[e][1:]),
    "repeats the first epoch's order in every epoch": _reordered(lambda orders, e, size: orders[0]),
    "does not shuffle": _reordered(lambda orders, e, size: np.arange(len(orders[e]))),
    "takes the rows in reverse order": _reordered(lambda o, e, size: o[e][::-1]),
    "takes the rows shifted by one": _reordered(lambda orders, e, size: np.roll(orders[e], 1)),
    "takes the rows shifted by one in the other direction": _reordered(
        lambda orders, e, size: np.roll(orders[e], -1)
    ),
    "puts one more row into every batch": _resized(lambda size: size + 1),
    "puts one row fewer into every batch": _resized(lambda size: size - 1),
    "leaves the last row out of every batch": _short_batches,
    "shuffles the rows but not the labels": _labels_stay,
    "gives every row the label of the previous row": _labels_lag,
    "shuffles the previous epoch's order again": _cumulative,
}
