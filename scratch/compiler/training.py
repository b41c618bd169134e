"""Epochs of compiled steps: the numbers of `scratch.training.train_epoch`, bit for bit.

The outputs of all steps are kept, and measured at the end, all batches at once.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple, Protocol

import numpy as np

from scratch.batches import Batch, Order
from scratch.compiler.program import Program
from scratch.compiler.step import Parts, Step, replaced
from scratch.compiler.tables import has_ones, to_tables
from scratch.compiler.tracing import Trace, plain

__all__ = ["CompiledEpochs", "Measured", "compile_losses", "mean_losses", "measure"]

_BUFFER = 1024  # numbers; at NumPy's own 8192 calls on strided arrays take up to twice as long
_FIRST = 3  # steps: by the plain code, noted, and compared
_MOST_STEPS_AHEAD = 64  # measured together; more would only take memory

Augment = Callable[[np.ndarray], np.ndarray]
Masks = Callable[[int], Sequence[np.ndarray]]


class Measured(NamedTuple):
    """An epoch each of m trainings, or m epochs of one.

    `losses`: means over the rows. `outputs` (m, rows, ...), each from before the step on its batch,
    and `targets` beside them, for batches of one size, and for the rows left over.
    """

    losses: list[float]
    outputs: list[np.ndarray]
    targets: list[np.ndarray]


class Kept(Protocol):
    """What the steps of m epochs, on batches of n rows, have returned."""

    n: int

    def losses(self, m: int) -> np.ndarray:
        """Return the loss (m, count) of each batch, its penalty included."""

    def rows(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs and the targets (m, rows, ...)."""


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

    @property
    def next(self) -> int:
        """How many epochs to train next: few, as long as there is something to be compiled."""
        steps = self.batches[0].count
        return self.ahead if self.batches[0].is_compiled else min(self.ahead, -(-_FIRST // steps))

    def train(self, orders: Sequence[Order]) -> Measured:
        """Take one step on each batch of each epoch, the rows in the given orders."""
        if self.theta is not self.parts.network.flat or self.state is not self._state():
            self._start()  # `bind` has moved the parameters, or the state is another training's
        for each in self.batches:
            each.tables = to_tables(self.data, each.has_ones)  # anew: the data may have changed
        rows = [self.in_order if order is None else order for order in orders]
        if len(self.data.X) <= self.batch_size:
            self.batches[0].take_steps(0, rows)
        else:
            with np.errstate():  # which also puts the size of the buffer back
                np.setbufsize(_BUFFER)
                for epoch, order in enumerate(rows):
                    for batches in self.batches:
                        batches.take_steps(epoch * batches.count, batches.cut(order))
        m = len(orders)
        return measure(self.batches, m, mean_losses(self.batches, m))

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
    """So many batches of n rows: their step, and what the steps of some epochs have returned."""

    outputs: np.ndarray

    def __init__(self, epochs: CompiledEpochs, first: int, n: int, count: int) -> None:
        self.parts, self.data = epochs.parts, epochs.data
        self.augment, self.masks = epochs.augment, epochs.masks
        self.first, self.n, self.count, self.slots = first, n, count, epochs.ahead * count
        self.has_ones = has_ones(self.parts.network.layers[0], self.data, n)
        self.tables: list[np.ndarray] = []
        self.step: Step | None = None
        self.program: Program | None = None
        self.is_new = True
        self.penalties = np.zeros(self.slots, self.parts.network.theta.dtype)
        self.y = self._room_for(self.data.y)
        # a loss may be divided by Σ w, in the slots that are still empty as well: so 1, not 0
        self.w = None if self.data.w is None else self._room_for(self.data.w) + 1

    @property
    def is_compiled(self) -> bool:
        """Whether the step has been compiled, and compared with the plain one."""
        return self.step is not None and self.step.is_checked

    def cut(self, order: np.ndarray) -> np.ndarray:
        """Return the rows (count, n) of these batches."""
        return order[self.first : self.first + self.count * self.n].reshape(self.count, self.n)

    def take_steps(self, slot: int, rows: Sequence[np.ndarray] | np.ndarray) -> None:
        """Take a step on each batch; keep the outputs, and the targets, from a slot on."""
        k, some = 0, slice(slot, slot + len(rows))
        while k < len(rows) and self.step is None:
            self._keep(slot + k, self._begin(rows[k]))
            k += 1
        if k < len(rows):
            self._repeat(slot + k, rows[k:])
        if not isinstance(rows, np.ndarray):
            rows = rows[0] if all(each is rows[0] for each in rows) else np.stack(rows)
        self.y[some] = self.data.y[rows]
        if self.w is not None:
            self.w[some] = self.data.w[rows]  # type: ignore[index]

    def losses(self, m: int) -> np.ndarray:
        """See `Kept`."""
        if self.program is None:
            arrays = [a for a in (self.outputs, self.y, self.w) if a is not None]
            self.program = compile_losses(self.parts, arrays)
        self.program.run()
        values = self.program.results[0]
        return (values + self.penalties if self.parts.penalty else values).reshape(-1, self.count)[
            :m
        ]

    def rows(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Kept`."""
        arrays = (a[: m * self.count] for a in (self.outputs, self.y))
        return tuple(a.reshape(m, -1, *a.shape[2:]) for a in arrays)  # type: ignore[return-value]

    def _repeat(self, slot: int, rows: Sequence[np.ndarray] | np.ndarray) -> None:
        """Take compiled steps. A plain loop: what is looked up in it costs as much as a call."""
        step: Step = self.step  # type: ignore[assignment]
        is_plain = step.is_checked and not (self.masks or self.augment or self.parts.penalty)
        gathered, run, result = None, step.run, step.results[0]
        for k, (i, room) in enumerate(zip(rows, self.outputs[slot:], strict=False), slot):
            if self.masks is not None:
                self.parts.network.use_masks(self.masks(self.n))
            if i is not gathered or self.augment is not None:
                self._gather(i)
                gathered = i
            run()
            if is_plain:
                room[...] = result
            else:
                self._keep(k, step.results)

    def _keep(self, slot: int, results: Sequence[np.ndarray]) -> None:
        """Keep the outputs of a step, and the penalty if there is one."""
        if self.is_new:
            self.outputs = np.zeros((self.slots, *results[0].shape), results[0].dtype)
            self.is_new = False
        self.outputs[slot] = results[0]
        if self.parts.penalty is not None:
            self.penalties[slot] = results[1]

    def _begin(self, i: np.ndarray) -> list[np.ndarray]:
        """Take the first step by the plain code, and the second one noting it."""
        if self.masks is not None:
            self.parts.network.use_masks(self.masks(self.n))
        batch = self.data.map(itemgetter(i))
        if self.augment is not None:
            batch = batch._replace(X=self.augment(batch.X))
        if self.is_new:
            network = self.parts.network
            return self.parts.take(batch, network.theta, network.grad)
        self.step = Step(self.parts, batch)
        return self.step.first_results

    def _gather(self, i: np.ndarray) -> None:
        """Put the rows into the arrays that the step works on."""
        step: Step = self.step  # type: ignore[assignment]
        for table, room in zip(self.tables, step.tables, strict=True):
            table.take(i, 0, room, "clip")  # the other modes would copy the room first
        if self.augment is not None:
            step.batch.X[...] = self.augment(self.data.X[i])

    def _room_for(self, a: np.ndarray) -> np.ndarray:
        return np.zeros((self.slots, self.n, *a.shape[1:]), a.dtype)


def measure(batches: Sequence[Kept], m: int, losses: list[float]) -> Measured:
    """Put together what the steps of m epochs, of these mean losses, have returned."""
    outputs, targets = zip(*(each.rows(m) for each in batches), strict=True)
    return Measured(losses, list(outputs), list(targets))


def mean_losses(batches: Sequence[Kept], m: int) -> list[float]:
    """Return the mean loss over the rows of each of m epochs."""
    totals, rows = np.zeros((m, 1)), 0
    for each in batches:
        losses = each.losses(m).astype(float) * each.n
        totals = np.concatenate([totals, losses], axis=1).cumsum(axis=1)[:, -1:]  # one by one
        rows += losses.shape[1] * each.n
    return (totals[:, 0] / rows).tolist()


def compile_losses(parts: Parts, arrays: Sequence[np.ndarray]) -> Program:
    """Return a program for the losses (m,) of m batches: outputs, targets, perhaps weights."""
    trace, one = Trace(), [a[0].copy() for a in arrays]
    with replaced(parts, trace.watch):
        value = parts.loss.forward(*map(trace.watch, one))
    outer = list(zip(one, arrays, strict=True))
    return Program(trace, [plain(value)], stack=len(arrays[0]), outer=outer)
