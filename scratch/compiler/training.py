"""Epochs of compiled steps: the numbers of `scratch.training.train_epoch`, bit for bit.

The outputs of all steps of an epoch are kept, and measured at its end, all batches at once.
"""

from collections.abc import Callable

import numpy as np

from scratch.batches import Batch, Order
from scratch.compiler.program import Program
from scratch.compiler.step import Parts, Step, replaced
from scratch.compiler.tracing import Trace, plain

__all__ = ["CompiledEpochs"]

Augment = Callable[[np.ndarray], np.ndarray]


class CompiledEpochs:
    """A training on the same rows, in batches of one size, and one of the rows left over."""

    def __init__(
        self, parts: Parts, data: Batch, batch_size: int, augment: Augment | None = None
    ) -> None:
        self.parts, self.data, self.augment = parts, data, augment
        self.batch_size = min(batch_size, len(data.X))
        self.theta: np.ndarray | None = None  # nothing is compiled yet

    def train_epoch(self, order: Order) -> tuple[float, list[tuple[np.ndarray, np.ndarray]]]:
        """Take one step on each batch, the rows in the given order.

        Return Σ loss · rows, and outputs (n, k) from before each step beside their targets.
        """
        if self.theta is not self.parts.network.theta or self.state is not self._state():
            self._start()  # `bind` has moved the parameters, or the state is another training's
        if order is None:
            order = np.arange(len(self.data.X))
        total, start = 0.0, 0
        for batches in self.batches:
            rows = order[start : start + batches.count * batches.n]
            start += len(rows)
            for value in batches.train(rows.reshape(batches.count, batches.n), self.augment):
                total += value * batches.n
        self.state = self._state()
        return total, [(each.outputs, each.y) for each in self.batches]

    def _start(self) -> None:
        self.theta, self.state = self.parts.network.theta, self._state()
        count, rest = divmod(len(self.data.X), self.batch_size)
        self.batches = [_Batches(self.parts, self.data, self.batch_size, count)]
        if rest:
            self.batches.append(_Batches(self.parts, self.data, rest, 1))

    def _state(self) -> object:
        """Return what stands for the optimizer's state: another one begins a training anew."""
        return self.parts.optimizers()[-1].state


class _Batches:
    """So many batches of n rows: their step, and what an epoch's steps have returned."""

    def __init__(self, parts: Parts, data: Batch, n: int, count: int) -> None:
        self.parts, self.data, self.n, self.count = parts, data, n, count
        self.step: Step | None = None
        self.outputs: np.ndarray | None = None
        self.penalties = np.zeros(count, parts.network.theta.dtype)
        self.y = np.empty((count, n, *data.y.shape[1:]), data.y.dtype)
        self.w = None if data.w is None else np.empty((count, n), data.w.dtype)
        self.losses: Program | None = None

    def train(self, rows: np.ndarray, augment: Augment | None) -> list[float]:
        """Take a step on each of the rows (count, n); return the losses, penalties included."""
        for k, i in enumerate(rows):
            if self.step is None:
                results = self._begin(i, augment)
            else:
                self._gather(i, augment)
                self.step.run()
                results = self.step.results
            if self.outputs is None:
                self.outputs = np.empty((self.count, *results[0].shape), results[0].dtype)
            self.outputs[k] = results[0]
            if self.parts.penalty is not None:
                self.penalties[k] = results[1]
        self.data.y.take(rows, 0, self.y, "clip")
        if self.w is not None:
            self.data.w.take(rows, 0, self.w, "clip")  # type: ignore[union-attr]
        if self.losses is None:
            self.losses = self._compile_loss()
        self.losses.run()
        (values,) = self.losses.results
        return (values + self.penalties).tolist() if self.parts.penalty else values.tolist()

    def _begin(self, i: np.ndarray, augment: Augment | None) -> list[np.ndarray]:
        """Take the first step by the plain code, and the second one noting it."""
        batch = Batch(*(None if a is None else a[i] for a in self.data))
        if augment is not None:
            batch = batch._replace(X=augment(batch.X))
        if self.outputs is None:
            network = self.parts.network
            return self.parts.take(batch, network.theta, network.grad)
        self.step = Step(self.parts, batch)
        return self.step.first_results

    def _gather(self, i: np.ndarray, augment: Augment | None) -> None:
        """Put the rows into the arrays that the step works on."""
        X, y, w = self.step.batch  # type: ignore[union-attr]
        if augment is None:
            self.data.X.take(i, 0, X, "clip")  # the other modes would copy X first
        else:
            X[...] = augment(self.data.X[i])
        self.data.y.take(i, 0, y, "clip")
        if w is not None:
            self.data.w.take(i, 0, w, "clip")  # type: ignore[union-attr]

    def _compile_loss(self) -> Program:
        """Note the loss of one batch, and return a program for that of all of them."""
        all_of = self.outputs, self.y, self.w
        one = [None if a is None else a[0].copy() for a in all_of]
        trace = Trace()
        with replaced(self.parts, trace.watch):
            value = self.parts.loss.forward(*(None if a is None else trace.watch(a) for a in one))
        outer = [(a, b) for a, b in zip(one, all_of, strict=True) if a is not None]
        return Program(trace, [plain(value)], stack=self.count, outer=outer)
