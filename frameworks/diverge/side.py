"""One of the two implementations that are held against each other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from datasets import Dataset
from frameworks.backends import IMPLEMENTATIONS
from frameworks.errors import RequestError
from frameworks.probe import LayerOutput, Opened, open_training, undisturbed
from scratch import Batch, EpochResult

__all__ = [
    "First",
    "Report",
    "Side",
    "Step",
    "batches",
    "own_gradients",
    "shorten",
    "take_step",
    "train",
]

Report = Callable[[str, int, int], None]  # what is done, how far, of how many


@dataclass(frozen=True)
class Side:
    """An experiment in one implementation, with its data: all that a training needs."""

    page: ModuleType
    implementation: str
    data: Dataset
    dtype: str = "float64"
    seed: int = 0
    epochs: int | None = None
    limit: int | None = None
    initial_weights: list[np.ndarray] | None = None  # instead of those that the seed draws

    @property
    def batch_size(self) -> int:
        """The rows of a step."""
        return self.page.SPEC.batch_size

    def open(self) -> tuple[Any, Opened]:
        """Set a training up, from its beginning: the classifier, and what it would train on."""
        classifier = IMPLEMENTATIONS[self.implementation].make(
            self.page,
            epochs=self.epochs or self.page.SPEC.epochs,
            batch_size=self.batch_size,
            dtype=self.dtype,
            random_state=self.seed,
        )
        X, y = self.data.X_train[: self.limit], self.data.y_train[: self.limit]
        classes = np.arange(len(self.data.class_names))
        try:
            weights = self.initial_weights
            return classifier, open_training(
                classifier, X, y, classes=classes, initial_weights=weights
            )
        except (TypeError, ValueError) as error:
            raise RequestError(
                f"build_{self.implementation} of {self.page.__name__.rpartition('.')[2]} "
                f"cannot be trained: {error}"
            ) from error

    def in_float64(self, opened: Opened) -> "Side":
        """Return the same in float64, from the very numbers that float32 starts from."""
        rows = {
            name: getattr(self.data, name).astype(self.dtype).astype(np.float64)
            for name in ("X_train", "X_test")
        }
        weights = [w.astype(np.float64) for w in opened.initial_weights]
        data = replace(self.data, **rows)
        return replace(self, data=data, dtype="float64", initial_weights=weights)


class First:
    """What one side computes on its first batch; each thing once, when it is first asked for."""

    def __init__(self, side: Side, opened: Opened | None = None) -> None:
        self.side = side
        self.opened = opened or side.open()[1]
        self.batch = take(self.opened.batch, self.opened.orders[0], 0, side.batch_size)

    @cached_property
    def layers(self) -> list[LayerOutput]:
        """The layers' outputs in evaluation mode."""
        return self.opened.adapter.layer_outputs(self.batch.X)

    @cached_property
    def training_layers(self) -> list[LayerOutput]:
        """The layers' outputs in training mode."""
        with undisturbed(self.opened.adapter):
            return self.opened.adapter.layer_outputs(self.batch.X, training=True)

    @cached_property
    def outputs(self) -> np.ndarray:
        """The network's outputs (n, k), as predictions are made from them."""
        adapter, weights = self.opened.adapter, self.opened.initial_weights
        outputs = adapter.outputs(self.batch.X)
        adapter.set_weights(weights)  # should the evaluation change them: `result` says so
        return outputs

    @cached_property
    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        """The loss, and its gradient for every weight."""
        with undisturbed(self.opened.adapter):
            return self.opened.adapter.loss_and_gradients(self.batch)

    @cached_property
    def gradient_terms(self) -> list[float]:
        """For each weight, the largest element of Σᵢ |gᵢ| where its gradient is Σᵢ gᵢ over rows.

        Where the terms cancel, rounding is relative to them and not to what is left. Zeros where a
        row's gradient depends on the other rows, or on chance.
        """
        if {layer.kind for layer in self.layers} & {"batch normalization", "dropout"}:
            return [0.0] * len(self.opened.initial_weights)
        rows = [take(self.batch, None, i, 1) for i in range(len(self.batch.X))]
        each = [self.opened.adapter.loss_and_gradients(row)[1] for row in rows]
        sums = [sum(of_rows) for of_rows in zip(*each, strict=True)]
        own = self.loss_and_gradients[1]
        square = sum(float(np.vdot(s, s)) for s in sums)
        share = sum(float(np.vdot(g, s)) for g, s in zip(own, sums, strict=True)) / (square or 1.0)
        terms = (sum(np.abs(g) for g in of_rows) for of_rows in zip(*each, strict=True))
        return [abs(share) * float(np.max(t)) for t in terms]  # 1/n of it, if the loss is a mean

    @cached_property
    def step(self) -> "Step":
        """The first optimizer step."""
        _, opened = self.side.open()  # another one: this one stays where it is
        return take_step(opened, self.batch, self.side.batch_size)


@dataclass(frozen=True)
class Step:
    """One optimizer step: what went in, and what came out."""

    loss: float  # as the training reports it
    before: list[np.ndarray]
    after: list[np.ndarray]


def take_step(opened: Opened, batch: Batch, batch_size: int) -> Step:
    """Take one step through the very code that trains."""
    before = opened.adapter.get_weights()
    (result,) = opened.adapter.train(batch, [None], batch_size)
    return Step(result.loss, before, opened.adapter.get_weights())


def shorten(opened: Opened, steps: int | None, batch_size: int) -> Opened:
    """Leave so many steps of a training; None leaves all."""
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


def own_gradients(opened: Opened, weights: list[np.ndarray], batch: Batch) -> list[np.ndarray]:
    """Return the gradients of a batch at other weights; the training stays where it is."""
    adapter = opened.adapter
    kept = adapter.get_weights()
    adapter.set_weights(weights)
    with undisturbed(adapter):
        gradients = adapter.loss_and_gradients(batch)[1]
    adapter.set_weights(kept)
    return gradients


def train(opened: Opened, batch_size: int) -> Iterator[EpochResult]:
    """Train every epoch in the one call that `fit` makes; what was cut short, in one of its own."""
    whole, n = [], len(opened.batch.X)
    for order in opened.orders:
        if order is None or len(order) == n:
            whole.append(order)
    if whole:
        yield from opened.adapter.train(opened.batch, whole, batch_size)
    for order in opened.orders[len(whole) :]:
        rows = take(opened.batch, order, 0, n if order is None else len(order))
        yield from opened.adapter.train(rows, [None], batch_size)


def take(data: Batch, order: np.ndarray | None, start: int, count: int) -> Batch:
    """Return `count` rows from `start` on, in an epoch's order."""
    rows = np.arange(len(data.X)) if order is None else order
    i = rows[start : start + count]
    return Batch(data.X[i], data.y[i], None if data.w is None else data.w[i])


def batches(data: Batch, order: np.ndarray | None, batch_size: int) -> Iterator[Batch]:
    """Yield an epoch's batches, the last with the rows that are left over."""
    n = len(data.X) if order is None else len(order)
    for start in range(0, n, batch_size):
        yield take(data, order, start, batch_size)
