"""The training loop: a step, an epoch, a whole training; and the same without learning.

What else a training may need is put together outside of it. Decay, clipping, schedules and frozen
parameters come with the optimizer (`scratch.optimizers`). `iter_epochs` yields after each epoch, so
that the caller may stop early (`scratch.stopping`), or set the optimizer's `eta`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from scratch.batches import Batch, Order, take_batches
from scratch.compiler import CompiledEpochs, Measured, Parts, StackedEpochs
from scratch.losses import Loss
from scratch.network import Sequential, evaluated
from scratch.optimizers import Optimizer
from scratch.penalties import L2

__all__ = [
    "EpochResult",
    "count_correct",
    "evaluate",
    "iter_epochs",
    "iter_seeds",
    "train",
    "train_epoch",
    "train_step",
]


Masks = Callable[[int], Sequence[np.ndarray]]


class EpochResult(NamedTuple):
    """Means over the rows of an epoch, each batch measured before its update."""

    loss: float
    accuracy: float | None  # None where nothing was counted


def train_step(
    network: Sequential,
    loss: Loss,
    optimizer: Optimizer,
    batch: Batch,
    penalty: L2 | None = None,
) -> tuple[float, np.ndarray]:
    """Take one optimizer step on a batch; return its loss and outputs (n, k) before the step.

    A penalty on the parameters counts in the loss and in the gradient.
    """
    X, y, w = batch
    outputs = network.forward(X, training=True)
    value = loss.forward(outputs, y, w)
    network.backward_params(loss.backward())
    if penalty is not None:
        value += penalty.forward(network.theta, len(X) if w is None else w.sum())
        network.grad += penalty.backward()
    optimizer.step(network.theta, network.grad)
    return value if isinstance(value, float) else float(value), outputs


def train_epoch(
    network: Sequential,
    loss: Loss,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    penalty: L2 | None = None,
    masks: Masks | None = None,
    count: bool = True,
) -> EpochResult:
    """Take one step on each batch; `penalty` as in `train_step`, the others as in `iter_epochs`."""
    total, correct, rows = 0.0, 0, 0
    for batch in batches:
        if masks is not None:
            network.use_masks(masks(len(batch.X)))
        value, outputs = train_step(network, loss, optimizer, batch, penalty)
        total += value * len(batch.X)
        correct += count_correct(outputs, batch.y, loss.threshold) if count else 0
        rows += len(batch.X)
    return EpochResult(float(total / rows), correct / rows if count else None)


def iter_epochs(
    network: Sequential,
    loss: Loss,
    optimizer: Optimizer,
    data: Batch,
    orders: Iterable[Order],
    batch_size: int,
    *,
    penalty: L2 | None = None,
    augment: Callable[[np.ndarray], np.ndarray] | None = None,
    masks: Masks | None = None,
    count: bool = True,
    ahead: int = 1,
) -> Iterator[EpochResult]:
    """Train one epoch on `data` for every order of its rows, and yield its result.

    The last batch of an epoch holds the rows that are left over; none is dropped. `augment` is
    given the inputs X of each batch and returns the ones to train on (see `random_shift`). `masks`
    is given each batch's number of rows n and returns a mask (n, ...) for every `Dropout`, in
    order; without it they draw their own. `count=False` where the targets are no classes to be
    counted. Up to `ahead` epochs may be trained before the first of them is yielded, which is
    faster where an epoch is a few small steps.
    Raises ValueError for a batch size below 1, for data without rows, and for targets that do not
    fit.

    >>> from scratch import Dense, MeanSquaredError, SGD
    >>> X = y = np.array([[1.0], [2.0]])
    >>> parts = Sequential(Dense(1, 1)), MeanSquaredError(), SGD(0.1)
    >>> for epoch in iter_epochs(*parts, Batch(X, y), [None] * 3, batch_size=2):
    ...     print(round(epoch.loss, 4))
    2.5
    0.265
    0.0433
    """
    _require_trainable(network, loss, data, batch_size)
    parts = Parts(network, loss, optimizer, penalty)
    if parts.can_be_compiled(data.map(itemgetter(slice(batch_size)))):
        compiled = CompiledEpochs(parts, data, batch_size, augment, masks, ahead)
        orders, n = iter(orders), len(data.X)
        while some := list(islice(orders, compiled.next)):
            yield from _results(compiled.train(some), n, loss.threshold if count else None)
        return
    for order in orders:
        batches = take_batches(data, order, batch_size)
        if augment is not None:
            batches = (batch._replace(X=augment(batch.X)) for batch in batches)
        yield train_epoch(network, loss, optimizer, batches, penalty, masks, count)


def train(
    network: Sequential,
    loss: Loss,
    optimizer: Optimizer,
    data: Batch,
    orders: Iterable[Order],
    batch_size: int,
    *,
    penalty: L2 | None = None,
    augment: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[EpochResult]:
    """Train one epoch for every order, and return their results; arguments as in `iter_epochs`."""
    options = {"penalty": penalty, "augment": augment, "ahead": 16}
    return list(iter_epochs(network, loss, optimizer, data, orders, batch_size, **options))  # type: ignore[arg-type]


def iter_seeds(
    networks: Sequence[Sequential],
    loss: Loss,
    optimizers: Sequence[Optimizer],
    data: Batch,
    orders: Iterable[Sequence[Order]],
    batch_size: int,
    *,
    count: bool = True,
) -> Iterator[list[EpochResult]]:
    """Train equal networks from different weights at once; yield their results epoch by epoch.

    `orders` holds one order of the rows for each network and epoch. Each network is trained as
    `iter_epochs` would train it, with the same numbers; many small ones take little longer than
    one. Raises CannotFollow where they have to be trained one by one, with dropout, for example: at
    once, or in the first epoch, which then counts for nothing.

    >>> from scratch import Dense, MeanSquaredError, SGD
    >>> X = y = np.array([[1.0], [2.0]])
    >>> networks, sgd = [Sequential(Dense(1, 1)), Sequential(Dense(1, 1))], [SGD(0.1), SGD(0.1)]
    >>> networks[1].theta = np.array([2.0, 0.0])
    >>> for both in iter_seeds(networks, MeanSquaredError(), sgd, Batch(X, y), [[None] * 2] * 2, 2):
    ...     print([round(epoch.loss, 3) for epoch in both])
    [2.5, 2.5]
    [0.265, 0.265]
    """
    for network in networks:
        _require_trainable(network, loss, data, batch_size)
    seeds = [
        Parts(*each) for each in zip(networks, [loss] * len(networks), optimizers, strict=True)
    ]
    stacked, n = StackedEpochs(seeds, data, batch_size), len(data.X)
    for each in orders:
        yield _results(stacked.train(each), n, loss.threshold if count else None)


def _results(measured: Measured, n: int, threshold: float | None) -> list[EpochResult]:
    """Return the means over n rows of each epoch; without a threshold nothing is counted."""
    losses, outputs, targets = measured
    if threshold is None:
        return [EpochResult(loss, None) for loss in losses]
    right = np.zeros(len(losses), int)
    for z, y in zip(outputs, targets, strict=True):
        z, y = (a.reshape(-1, *a.shape[2:]) for a in (z, y))
        right += np.count_nonzero(_are_right(z, y, threshold).reshape(len(right), -1), axis=1)
    return [EpochResult(loss, r / n) for loss, r in zip(losses, right.tolist(), strict=True)]


def evaluate(network: Sequential, loss: Loss, batch: Batch, *, count: bool = True) -> EpochResult:
    """Measure loss and accuracy, without learning and without a penalty.

    What the next `backward`, also that of the loss, reads stays as it is.
    """
    outputs, loss = evaluated(network, batch.X, loss)
    loss.require(outputs, batch.y)
    value = float(loss.forward(outputs, batch.y, batch.w))
    if not count:
        return EpochResult(value, None)
    return EpochResult(value, count_correct(outputs, batch.y, loss.threshold) / len(batch.X))


def count_correct(outputs: np.ndarray, y: np.ndarray, threshold: float = 0.0) -> int:
    """Count the rows whose class is right.

    Several outputs (n, k): the class is the first largest one, y (n,) holds integers. One output
    (n, 1): class 1 if it lies above `threshold` (0 for a logit, 0.5 for a probability), y (n, 1)
    holds 0.0 and 1.0. Raises ValueError for a y of another shape.

    >>> count_correct(np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0]))
    2
    >>> count_correct(np.array([[0.0], [0.1]]), np.array([[1.0], [1.0]]))
    1
    """
    return int(np.count_nonzero(_are_right(outputs, y, threshold)))


def _are_right(outputs: np.ndarray, y: np.ndarray, threshold: float) -> np.ndarray:
    single = outputs.shape[1] == 1
    answers = outputs > threshold if single else outputs.argmax(axis=1)
    if np.shape(y) != answers.shape:
        raise ValueError(f"y must have the shape {answers.shape}, got {np.shape(y)}")
    return answers == y


def _require_trainable(network: Sequential, loss: Loss, data: Batch, batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if not len(data.X):
        raise ValueError("data must hold at least one row, got none")
    outputs = network.predict(data.X[:1])
    loss.require(np.broadcast_to(outputs, (len(data.X), *outputs.shape[1:])), data.y)
