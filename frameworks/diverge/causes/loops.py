"""How a loop's batches may differ, if single steps agree and the epochs do not."""

from collections.abc import Callable, Iterator

import numpy as np

from frameworks.agreement.distances import relative_error
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.side import batches, take_step
from scratch import Batch

__all__ = ["other_batches"]

Orders = list[np.ndarray]
Epoch = tuple[Batch, np.ndarray, int]  # rows, their order, batch size


def other_batches(evidence: Evidence) -> str | None:
    """Side a, trained on the batches of a faulty loop, reproduces the numbers of side b.

    Numbers that side a reproduces on its own batches, too, are no evidence.
    """
    if evidence.history or evidence.epochs is None or not _follows_its_batches(evidence):
        return None
    own = _reproduced(evidence, *_train(evidence, _reordered(lambda orders, e, size: orders[e])))
    for words, way in _WAYS.items():
        losses, weights = _train(evidence, way)
        if losses and _reproduced(evidence, losses, weights) - own:
            return f"{evidence.names[1]} {words}"
    return None


def _reproduced(evidence: Evidence, losses: list[float], weights: list[np.ndarray]) -> set[str]:
    """Return which numbers of side b are reproduced; in float32, within the noise floor."""
    epochs = evidence.epochs
    assert epochs is not None
    return _same(evidence, losses, weights, epochs.losses[1], epochs.weights[1])


def _follows_its_batches(evidence: Evidence) -> bool:
    """Return whether side a, given one batch at a time, trains as it does in one call."""
    assert evidence.epochs is not None
    _, opened = evidence.a.side.open()
    for order in opened.orders[: evidence.epochs.epoch]:
        for batch in batches(opened.batch, order, evidence.a.side.batch_size):
            take_step(opened, batch, evidence.a.side.batch_size)
    known = evidence.epochs.losses[0], evidence.epochs.weights[0]
    return "weights" in _same(evidence, [known[0]], opened.adapter.get_weights(), *known)


def _same(
    evidence: Evidence,
    losses: list[float],
    weights: list[np.ndarray],
    of_loss: float,
    of_weights: list[np.ndarray],
) -> set[str]:
    """Return which of weights and loss are the same."""
    floor = evidence.floor
    if floor is None or evidence.a.side.dtype == "float64":
        same = all(map(evidence.matches, weights, of_weights))
        loss = evidence.matches(losses[-1], of_loss)
    else:
        same = max(map(relative_error, weights, of_weights)) <= floor.noise.weight
        loss = relative_error(losses[-1], of_loss) <= floor.noise.loss
    return {name for name, found in (("weights", same), ("loss", loss)) if found}


def _train(evidence: Evidence, way: "Way") -> tuple[list[float], list[np.ndarray]]:
    assert evidence.epochs is not None
    _, opened = evidence.a.side.open()
    rows = np.arange(len(opened.batch.X))
    orders = [rows if o is None else o for o in opened.orders[: evidence.epochs.epoch]]
    losses = []
    for batch, order, size in way(opened.batch, orders, evidence.a.side.batch_size):
        if not len(order) or size < 1:
            return [], []
        taken = Batch(batch.X[order], batch.y[order])
        losses += [result.loss for result in opened.adapter.train(taken, [None], size)]
    return losses, opened.adapter.get_weights()


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
