"""One of the two implementations being compared, and how it trains."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from frameworks.adapter import Adapter
from frameworks.agreement.variants import change
from frameworks.backends import BACKENDS
from frameworks.blueprint import Blueprint
from frameworks.errors import RequestError, first_line
from frameworks.held_out import HeldOut
from frameworks.probe import Opened, open_training, undisturbed
from frameworks.validation import check_validation_data
from scratch import Batch, EpochResult

__all__ = [
    *("Side", "Split", "Step", "at_weights", "batches", "in_float64", "shorten", "take"),
    *("take_step", "train"),
]

_MOST_STEPS = 1_000_000  # of a training, whose batches are all drawn before the first


@dataclass(frozen=True)
class Split:
    """Training and test rows X (n, ...) with their targets y (n, ...)."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    classes: np.ndarray | None = None  # all labels; None where the task has none
    name: str = ""
    source: str = ""

    def rounded(self, dtype: str) -> "Split":
        """Return the split with its numbers rounded to `dtype`, stored in float64."""
        names = ("X_train", "y_train", "X_test", "y_test")
        found = {name: getattr(self, name) for name in names}
        floats = {name: a for name, a in found.items() if a.dtype.kind == "f"}
        rounded: Any = {name: a.astype(dtype).astype(np.float64) for name, a in floats.items()}
        return replace(self, **rounded)


@dataclass(frozen=True)
class Side:
    """A network in one implementation, with its data: everything a training needs."""

    blueprint: Blueprint
    implementation: str
    data: Split
    dtype: str = "float64"
    seed: int = 0
    epochs: int | None = None  # None: the blueprint's own
    limit: int | None = None  # the number of training rows used, from the first; None: all
    mode: str = "lockstep"  # or a variant of scratch: see `agreement.variants`
    initial_weights: list[np.ndarray] | None = None  # instead of those drawn from the seed
    anew: Callable[[], Blueprint] | None = None  # returns that of one training; None: one for all
    held_out: tuple[np.ndarray, np.ndarray] | None = None  # rows to measure after every epoch, X, y

    @property
    def batch_size(self) -> int:
        """The number of rows per step."""
        return self.blueprint.spec.batch_size

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows to train on, X and y."""
        return self.data.X_train[: self.limit], self.data.y_train[: self.limit]

    def make(self) -> Any:
        """Return the estimator, untrained."""
        return BACKENDS[self.implementation].make(
            self.anew() if self.anew else self.blueprint,
            change(self.mode, self.seed),
            epochs=self.epochs or self.blueprint.spec.epochs,
            batch_size=self.batch_size,
            dtype=self.dtype,
            random_state=self.seed,
        )

    def open(self) -> tuple[Any, Opened]:
        """Set a training up, from its beginning: the estimator, and what it would train on."""
        backend, estimator, (X, y) = BACKENDS[self.implementation], self.make(), self.rows
        steps = estimator.epochs * -(-len(X) // self.batch_size)
        if steps > _MOST_STEPS:
            raise RequestError(
                f"{self.blueprint.name} would take {steps:,} steps in {estimator.epochs:,} epochs, "
                f"and diverge compares at most {_MOST_STEPS:,}; give fewer --epochs or --steps"
            )
        options: Any = {"classes": self.data.classes, "initial_weights": self.initial_weights}
        try:
            opened = open_training(estimator, X, y, **options)
            rows = check_validation_data(estimator, self.held_out, str(opened.batch.X.dtype))
            return estimator, opened._replace(held_out=HeldOut(estimator, rows))
        except (TypeError, ValueError) as error:
            builder = f"build_{backend.builders} of {self.blueprint.name}"
            raise RequestError(f"{builder} cannot be trained: {first_line(error)}") from error

    def in_float64(self, weights: list[np.ndarray]) -> "Side":
        """Return the side in float64, with exactly the numbers that it computes with."""
        data = self.data.rounded(self.dtype)
        weights = [w.astype(np.float64) for w in weights]
        return replace(self, data=data, dtype="float64", initial_weights=weights)


@dataclass(frozen=True)
class Step:
    """One optimizer step: its loss, and the weights before and after it."""

    loss: float  # as the training reports it
    before: list[np.ndarray]
    after: list[np.ndarray]


def take_step(opened: Opened, batch: Batch, batch_size: int) -> Step:
    """Take one step with the same code that `fit` uses."""
    before = opened.adapter.get_weights()
    (result,) = opened.adapter.epochs(batch, [None], batch_size)
    return Step(result.loss, before, opened.adapter.get_weights())


@contextmanager
def at_weights(adapter: Adapter, weights: list[np.ndarray]) -> Iterator[Adapter]:
    """Lend an adapter with other weights; restore its weights and layer states afterwards."""
    kept = adapter.get_weights()
    adapter.set_weights(weights)
    with undisturbed(adapter):
        yield adapter
    adapter.set_weights(kept)


def shorten(opened: Opened, steps: int | None, batch_size: int) -> Opened:
    """Cut a training to its first `steps` steps; None keeps all."""
    if steps is None:
        return opened
    orders: list[np.ndarray | None] = []
    for order in opened.orders:
        rows = np.arange(len(opened.batch.X)) if order is None else order
        whole = -(-len(rows) // batch_size)
        orders.append(order if steps >= whole else rows[: steps * batch_size])
        steps -= whole
        if steps <= 0:
            break
    return opened._replace(orders=orders)


def train(opened: Opened, batch_size: int) -> Iterator[EpochResult]:
    """Train as `fit` does: each epoch is measured on the rows held out, and may be the last.

    Without such rows all whole epochs are trained in one call, then a shortened one in its own.
    """
    held_out = opened.held_out
    if held_out is None or held_out.rows is None:
        yield from _uninterrupted(opened, batch_size)
        opened.adapter.finish()
        return
    for order in opened.orders:
        yield from _uninterrupted(opened._replace(orders=[order]), batch_size)
        if held_out.end():
            break
    opened.adapter.finish()
    held_out.restore_best()


def _uninterrupted(opened: Opened, batch_size: int) -> Iterator[EpochResult]:
    """Train all epochs."""
    whole, n = [], len(opened.batch.X)
    for order in opened.orders:
        if order is None or len(order) == n:
            whole.append(order)
    if whole:
        yield from opened.adapter.epochs(opened.batch, whole, batch_size)
    for order in opened.orders[len(whole) :]:
        rows = take(opened.batch, order, 0, n if order is None else len(order))
        yield from opened.adapter.epochs(rows, [None], batch_size)


def take(data: Batch, order: np.ndarray | None, start: int, count: int) -> Batch:
    """Return `count` rows from position `start` of an epoch's order."""
    rows = np.arange(len(data.X)) if order is None else order
    i = rows[start : start + count]
    return Batch(data.X[i], data.y[i], None if data.w is None else data.w[i])


def batches(data: Batch, order: np.ndarray | None, batch_size: int) -> Iterator[Batch]:
    """Yield an epoch's batches; the last holds the remaining rows."""
    n = len(data.X) if order is None else len(order)
    for start in range(0, n, batch_size):
        yield take(data, order, start, batch_size)


def in_float64(batch: Batch) -> Batch:
    """Return the same rows in float64; integer labels (n,) stay as they are."""
    y = batch.y.astype(np.float64) if batch.y.dtype.kind == "f" else batch.y
    return Batch(batch.X.astype(np.float64), y)
