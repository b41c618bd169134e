"""The training loop: a step, an epoch, a whole training; and the same without learning.

What else a training may need is put together outside of it. Decay, clipping, schedules and frozen
parameters come with the optimizer (`scratch.optimizers`). `train` yields after each epoch, so that
the caller may stop early (`scratch.stopping`), or set the optimizer's `eta`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from scratch.batches import Batch, Order, take_batches
from scratch.losses import Loss
from scratch.network import Sequential
from scratch.optimizers import Optimizer
from scratch.penalties import L2
from scratch.replay import Replay, can_replay
from scratch.workspace import Workspace

__all__ = [
    "EpochResult",
    "count_correct",
    "evaluate",
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

    The network is in training mode for the step, and out of it afterwards. A penalty on
    the parameters counts in the loss and in the gradient.
    """
    outputs = network.train().forward(batch.X)
    value = loss.forward(outputs, batch.y, batch.w)
    network.backward(loss.backward())
    network.train(False)
    if penalty is not None:
        value += penalty.forward(network.theta, len(batch.X))
        network.grad += penalty.backward()
    optimizer.step(network.theta, network.grad)
    return value, outputs


def train_epoch(
    network: Sequential,
    loss: Loss,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    threshold: float | None = 0.0,
    penalty: L2 | None = None,
    masks: Masks | None = None,
) -> EpochResult:
    """Take one step on each batch; `threshold` and `masks` as in `train`, `penalty` as above."""
    total, correct, rows = 0.0, 0, 0
    for batch in batches:
        if masks is not None:
            network.use_masks(masks(len(batch.X)))
        value, outputs = train_step(network, loss, optimizer, batch, penalty)
        total += value * len(batch.X)
        if threshold is not None:
            correct += count_correct(outputs, batch.y, threshold)
        rows += len(batch.X)
    return EpochResult(total / rows, None if threshold is None else correct / rows)


def train(
    network: Sequential,
    loss: Loss,
    optimizer: Optimizer,
    data: Batch,
    orders: Iterable[Order],
    batch_size: int,
    threshold: float | None = 0.0,
    *,
    penalty: L2 | None = None,
    augment: Callable[[np.ndarray], np.ndarray] | None = None,
    masks: Masks | None = None,
) -> Iterator[EpochResult]:
    """Train one epoch on `data` for every order of its rows, and yield its result.

    The last batch of an epoch holds the rows that are left over; none is dropped. `augment` is
    given the inputs X of each batch and returns the ones to train on (see `random_shift`). `masks`
    is given each batch's number of rows n and returns a mask (n, ...) for every `Dropout`, in
    order; without it they draw their own. `threshold` is that of `count_correct`; None where the
    targets are no classes to be counted.
    Small networks take the very same steps faster (see `scratch.replay`).
    Raises ValueError for a batch size below 1 and for data without rows.

    >>> from scratch import Dense, MeanSquaredError, SGD
    >>> X = y = np.array([[1.0], [2.0]])
    >>> parts = Sequential(Dense(1, 1)), MeanSquaredError(), SGD(0.1)
    >>> [round(epoch.loss, 4) for epoch in train(*parts, Batch(X, y), [None] * 3, batch_size=2)]
    [2.5, 0.265, 0.0433]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if not len(data.X):
        raise ValueError("data must hold at least one row, got none")
    nothing_else = data.w is None and penalty is None and augment is None and masks is None
    if nothing_else and can_replay(network, loss, len(data.X), batch_size):
        replay = Replay(network, loss, optimizer, data, batch_size)
        for outputs, y in map(replay.train_epoch, orders):
            yield _measure(loss, outputs, Batch(data.X, y), threshold)
        return
    work = Workspace()
    for order in orders:
        batches = take_batches(data, order, batch_size, work)
        if augment is not None:
            batches = (batch._replace(X=augment(batch.X)) for batch in batches)
        yield train_epoch(network, loss, optimizer, batches, threshold, penalty, masks)


def evaluate(
    network: Sequential, loss: Loss, batch: Batch, threshold: float | None = 0.0
) -> EpochResult:
    """Measure loss and accuracy, without learning and without a penalty."""
    return _measure(loss, network.train(False).forward(batch.X), batch, threshold)


def _measure(
    loss: Loss, outputs: np.ndarray, batch: Batch, threshold: float | None
) -> EpochResult:
    value = loss.forward(outputs, batch.y, batch.w)
    if threshold is None:
        return EpochResult(value, None)
    return EpochResult(value, count_correct(outputs, batch.y, threshold) / len(batch.X))


def count_correct(outputs: np.ndarray, y: np.ndarray, threshold: float = 0.0) -> int:
    """Count the rows whose class is right.

    Several outputs (n, k): the class is the first largest one, y (n,) holds integers. One output
    (n, 1): class 1 if it lies above `threshold` (0 for a logit, 0.5 for a probability), y (n, 1)
    holds 0.0 and 1.0.

    >>> count_correct(np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0]))
    2
    >>> count_correct(np.array([[0.0], [0.1]]), np.array([[1.0], [1.0]]))
    1
    """
    if outputs.shape[1] == 1:
        return int(np.count_nonzero((outputs > threshold) == y))
    return int(np.count_nonzero(outputs.argmax(axis=1) == y))
