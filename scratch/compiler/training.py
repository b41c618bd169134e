"""Epochs of compiled steps: the numbers of `scratch.training.train_epoch`, bit for bit.

The outputs of all steps are kept, and measured at the end, all batches at once.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter

import numpy as np

from scratch.batches import Batch, Order
from scratch.compiler.program import Program
from scratch.compiler.step import Parts, Step, replaced
from scratch.compiler.tracing import Trace, plain

__all__ = ["CompiledEpochs", "MeasuredEpoch", "compile_losses"]

_BUFFER = 1024  # numbers; at NumPy's own 8192 calls on strided arrays take up to twice as long
_MOST_STEPS_AHEAD = 64  # measured together; more would only take memory

Augment = Callable[[np.ndarray], np.ndarray]
Masks = Callable[[int], Sequence[np.ndarray]]
# Σ loss · rows; and outputs (n, k), each from before the step on its batch, beside their targets
MeasuredEpoch = tuple[float, list[tuple[np.ndarray, np.ndarray]]]


class CompiledEpochs:
    """A training on the same rows, in batches of one size, and one of the rows left over.

    `ahead` epochs at most are trained at a time, and measured together.
    """

    def __init__(
        self,
        parts: Parts,
        data: Batch,
        batch_size: int,
        augment: Augment | None = None,
        masks: Masks | None = None,
        ahead: int = 1,
    ) -> None:
        self.parts, self.data, self.augment, self.masks = parts, data, augment, masks
        self.batch_size, self.innermost = min(batch_size, len(data.X)), parts.optimizers()[-1]
        steps = -(-len(data.X) // self.batch_size)
        self.ahead = min(ahead, max(_MOST_STEPS_AHEAD // steps, 1))
        self.in_order = np.arange(len(data.X))
        self._start()

    def train(self, orders: Sequence[Order]) -> list[MeasuredEpoch]:
        """Take one step on each batch of each epoch, the rows in the given orders."""
        if self.theta is not self.parts.network.flat or self.state is not self._state():
            self._start()  # `bind` has moved the parameters, or the state is another training's
        if len(self.data.X) <= self.batch_size:  # a step or two: nothing to be gained
            self._take_steps(orders)
        else:
            with np.errstate():  # which also puts the size of the buffer back
                np.setbufsize(_BUFFER)
                self._take_steps(orders)
        totals = [0.0] * len(orders)
        for batches in self.batches:
            for epoch, losses in enumerate(batches.losses()[: len(orders)]):
                for loss in losses:
                    totals[epoch] += loss * batches.n
        measured = [[each.measured(epoch) for each in self.batches] for epoch in range(len(orders))]
        return list(zip(totals, measured, strict=True))

    def _take_steps(self, orders: Sequence[Order]) -> None:
        for epoch, order in enumerate(orders):
            rows = self.in_order if order is None else order
            for batches in self.batches:
                batches.take_steps(epoch, rows)

    def _start(self) -> None:
        self.theta, self.state = self.parts.network.theta, self._state()
        count, rest = divmod(len(self.data.X), self.batch_size)
        self.batches = [_Batches(self, 0, self.batch_size, count)]
        if rest:
            self.batches.append(_Batches(self, count * self.batch_size, rest, 1))

    def _state(self) -> object:
        """Return what stands for the optimizer's state: another one begins a training anew."""
        return self.innermost.state


class _Batches:
    """So many batches of n rows: their step, and what an epoch's steps have returned."""

    def __init__(self, epochs: CompiledEpochs, first: int, n: int, count: int) -> None:
        self.parts, self.data, self.ahead = epochs.parts, epochs.data, epochs.ahead
        self.augment, self.masks = epochs.augment, epochs.masks
        self.first, self.n, self.count = first, n, count
        self.step: Step | None = None
        self.program: Program | None = None
        self.outputs: np.ndarray | None = None
        self.penalties = np.zeros((self.ahead, count), self.parts.network.theta.dtype)
        self.y = self._room_for(self.data.y)
        self.w = None if self.data.w is None else self._room_for(self.data.w)

    def take_steps(self, epoch: int, order: np.ndarray) -> None:
        """Take a step on each batch; keep the outputs, and the targets in their order."""
        rows = order[self.first : self.first + self.count * self.n].reshape(self.count, self.n)
        for k, i in enumerate(rows):
            if self.masks is not None:
                self.parts.network.use_masks(self.masks(self.n))
            if self.step is None:
                results = self._begin(i)
            else:
                self._gather(i)
                self.step.run()
                results = self.step.results
            if self.outputs is None:
                self.outputs = np.zeros(
                    (self.ahead, self.count, *results[0].shape), results[0].dtype
                )
            self.outputs[epoch, k] = results[0]
            if self.parts.penalty is not None:
                self.penalties[epoch, k] = results[1]
        self.data.y.take(rows, 0, self.y[epoch], "clip")
        if self.w is not None:
            self.data.w.take(rows, 0, self.w[epoch], "clip")  # type: ignore[union-attr]

    def losses(self) -> list[list[float]]:
        """Return the loss of every batch of every epoch, penalties included."""
        if self.program is None:
            kept = [a for a in (self.outputs, self.y, self.w) if a is not None]
            arrays = [a.reshape(self.ahead * self.count, *a.shape[2:]) for a in kept]
            self.program = compile_losses(self.parts, arrays)
        self.program.run()
        values = self.program.results[0].reshape(self.ahead, self.count)
        return (values + self.penalties if self.parts.penalty else values).tolist()

    def measured(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs and the targets of an epoch's rows."""
        rows, outputs, y = self.count * self.n, self.outputs[epoch], self.y[epoch]  # type: ignore[index]
        return outputs.reshape(rows, *outputs.shape[2:]), y.reshape(rows, *y.shape[2:])

    def _begin(self, i: np.ndarray) -> list[np.ndarray]:
        """Take the first step by the plain code, and the second one noting it."""
        batch = self.data.map(itemgetter(i))
        if self.augment is not None:
            batch = batch._replace(X=self.augment(batch.X))
        if self.outputs is None:
            network = self.parts.network
            return self.parts.take(batch, network.theta, network.grad)
        self.step = Step(self.parts, batch)
        return self.step.first_results

    def _gather(self, i: np.ndarray) -> None:
        """Put the rows into the arrays that the step works on."""
        X, y, w = self.step.batch  # type: ignore[union-attr]
        if self.augment is None:
            self.data.X.take(i, 0, X, "clip")  # the other modes would copy X first
        else:
            X[...] = self.augment(self.data.X[i])
        self.data.y.take(i, 0, y, "clip")
        if w is not None:
            self.data.w.take(i, 0, w, "clip")  # type: ignore[union-attr]

    def _room_for(self, a: np.ndarray) -> np.ndarray:
        return np.zeros((self.ahead, self.count, self.n, *a.shape[1:]), a.dtype)


def compile_losses(parts: Parts, arrays: Sequence[np.ndarray]) -> Program:
    """Return a program for the losses (m,) of m batches: outputs, targets, perhaps weights."""
    trace, one = Trace(), [a[0].copy() for a in arrays]
    with replaced(parts, trace.watch):
        value = parts.loss.forward(*map(trace.watch, one))
    outer = list(zip(one, arrays, strict=True))
    return Program(trace, [plain(value)], stack=len(arrays[0]), outer=outer)
