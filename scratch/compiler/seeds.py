"""Many trainings of one network at once: the same steps from other weights, in other orders.

NumPy's calls cost more than the arithmetic of a small network. Here every call works on arrays with
a first axis of seeds: all trainings share its cost. Each is, bit for bit, what it would be alone.
"""

from collections.abc import Sequence
from copy import deepcopy
from operator import itemgetter
from typing import Any

import numpy as np

from scratch.batches import Batch, Order
from scratch.compiler.program import Program, aligned
from scratch.compiler.step import Parts, Step
from scratch.compiler.tables import has_ones, to_tables
from scratch.compiler.tracing import CannotFollow
from scratch.compiler.training import Measured, compile_losses, mean_losses, measure
from scratch.optimizers.optimizer import State

__all__ = ["StackedEpochs"]


class StackedEpochs:
    """Trainings on the same rows, one for each of the parts, which differ in their weights only.

    After each epoch, each network and optimizer is what its training alone would leave. Raises
    CannotFollow for parts that cannot be stacked, such as a layer that draws numbers, and where the
    first step on batches of a size is not bit for bit the plain one of each.
    """

    def __init__(self, seeds: Sequence[Parts], data: Batch, batch_size: int) -> None:
        self.seeds, self.data, self.in_order = seeds, data, np.arange(len(data.X))
        self.master = deepcopy(seeds[0])  # its optimizer counts the steps of all
        network = self.master.network  # a layer in two places has a gradient outside of `grad`
        alone = self.master.drawing() or network.twins or self.master.penalty is not None
        if alone or not self.master.are_own():
            raise CannotFollow("these parts cannot be stacked: train them one by one")
        size = min(batch_size, len(data.X))
        count, rest = divmod(len(data.X), size)
        cuts = [(0, size, count), (count * size, rest, 1)]
        self.batches = [_StackedBatches(self, *cut) for cut in cuts if cut[1]]
        self.begun = False
        self._take_over()

    def train(self, orders: Sequence[Order]) -> Measured:
        """Train an epoch; order s of the rows is that of training s."""
        rows = np.stack([self.in_order if order is None else order for order in orders])
        for batches in self.batches:
            batches.take_steps(rows)
        self.hand_back()
        return measure(self.batches, len(self.seeds), self.mean_losses())

    def mean_losses(self) -> list[float]:
        """Return the mean loss of each training over the rows of an epoch."""
        return mean_losses(self.batches, len(self.seeds))

    def advance(self) -> list[tuple[float, ...]]:
        """Count a step, and return the numbers that belong to it: they are the same for all."""
        self.begun = True
        return [each.advance(self.grad) for each in self.master.optimizers()]

    def copy(self, s: int) -> Parts:
        """Return what takes the next step of a training, in its place."""
        return deepcopy(self.seeds[s])

    def note_step(self, rows: Any) -> Step:
        """Note a step of the first training, on a copy of it."""
        return Step(self.copy(0), self.data.map(itemgetter(rows)), in_stack=True)

    def outer(self, parts: Parts) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the arrays that a step of these parts changes, beside those of all trainings."""
        return list(zip(_changed_by_a_step(parts), self._stacked(), strict=True))

    def take_alone(self, batches: Sequence[Batch]) -> list[list[np.ndarray]]:
        """Take a step of each training by the plain code, on copies; return what it leaves."""
        if self.begun:
            self.hand_back()
        left = []
        for s, batch in enumerate(batches):
            parts = self.copy(s)
            outputs = parts.take(batch, parts.network.theta, parts.network.grad)[0]
            left.append([outputs, *_changed_by_a_step(parts)])
        return left

    def require_equal(self, alone: Sequence[list[np.ndarray]], outputs: np.ndarray) -> None:
        """Raise CannotFollow unless the step of all has left what each left alone, bit for bit."""
        stacked = [outputs, *self._stacked()]
        for s, arrays in enumerate(alone):
            pairs = zip(arrays, stacked, strict=True)
            if any(own.tobytes() != all_[s].tobytes() for own, all_ in pairs):
                raise CannotFollow("stacked, a step is not what it is alone: train one by one")

    def _stacked(self) -> list[np.ndarray]:
        """Return the arrays of all trainings that a step changes."""
        states = self.master.optimizers()[-1].state.values()
        return [self.theta, self.grad, *(a for a in states if a.ndim), *self.states.values()]

    def _take_over(self) -> None:
        """Stack what the trainings start from."""
        networks = [each.network for each in self.seeds]
        self.theta = _stack([network.theta for network in networks])
        self.grad = _stack([network.grad for network in networks])
        names = networks[0].state
        self.states = {name: _stack([each.state[name] for each in networks]) for name in names}
        states = [each.optimizer.state for each in self.seeds]
        self.master.optimizer.state = {
            name: _stack([each[name] for each in states]) if a.ndim else a.copy()
            for name, a in states[0].items()
        }
        self.own: list[State] = []  # the optimizers' vectors, and all that is handed back in place
        self.pairs: list[tuple[np.ndarray, np.ndarray]] = []

    def hand_back(self) -> None:
        """Put what the trainings have come to into their own networks and optimizers."""
        state = self.master.optimizer.state
        if not self.own:
            seeds = range(len(self.seeds))
            self.own = [{name: a[s].copy() for name, a in state.items() if a.ndim} for s in seeds]
            self.pairs = [pair for s in seeds for pair in self._pairs(s, state)]
        for array, stacked in self.pairs:
            array[...] = stacked
        for parts, own in zip(self.seeds, self.own, strict=True):
            parts.optimizer.state = {
                name: own[name] if a.ndim else a.copy() for name, a in state.items()
            }

    def _pairs(self, s: int, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the arrays of a training, beside their part of the stacked ones."""
        network = self.seeds[s].network
        states = [(a, self.states[name][s]) for name, a in network.state.items()]
        vectors = [(a, state[name][s]) for name, a in self.own[s].items()]
        return [(network.theta, self.theta[s]), (network.grad, self.grad[s]), *states, *vectors]


class _StackedBatches:
    """So many batches of n rows in every training."""

    def __init__(self, epochs: StackedEpochs, first: int, n: int, count: int) -> None:
        self.epochs, self.first, self.n, self.count = epochs, first, n, count
        self.seeds, self.data = len(epochs.seeds), epochs.data
        self.has_ones = has_ones(epochs.master.network.layers[0], epochs.data, n)
        self.program: Program | None = None
        self.losses_program: Program | None = None

    def take_steps(self, orders: np.ndarray) -> None:
        """Take a step on each batch, for orders (seeds, rows)."""
        rows = orders[:, self.first : self.first + self.count * self.n]
        rows = rows.reshape(self.seeds, self.count, self.n).swapaxes(0, 1)
        tables = to_tables(self.data, self.has_ones)
        for k, i in enumerate(rows.copy()):
            alone = None
            if self.program is None:
                alone = self.epochs.take_alone([self.data.map(itemgetter(own)) for own in i])
            numbers = self.epochs.advance()
            if self.program is None:
                self._compile(i[0])
            self._fill(numbers)
            for table, room in zip(tables, self.rooms, strict=True):
                table.take(i, 0, room, "clip")
            self.program.run()  # type: ignore[union-attr]
            if alone is not None:
                self.epochs.require_equal(alone, self._measured()[0])
            for kept, a in zip(self.kept, self._measured(), strict=True):
                kept[k] = a

    def losses(self, m: int) -> np.ndarray:
        """Return the loss (seeds, count) of every batch of every training."""
        if self.losses_program is None:
            arrays = [a.reshape(-1, *a.shape[2:]) for a in self.kept]
            self.losses_program = compile_losses(self.epochs.master, arrays)
        self.losses_program.run()
        return self.losses_program.results[0].reshape(self.count, m).T

    def rows(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs and the targets (seeds, rows, ...)."""
        outputs, y = (a.swapaxes(0, 1) for a in self.kept[:2])
        return tuple(a.reshape(m, -1, *a.shape[3:]) for a in (outputs, y))  # type: ignore[return-value]

    def _measured(self) -> list[np.ndarray]:
        """Return the outputs of the latest step, its targets, and perhaps weights."""
        return [self.program.results[0], *self.rooms[1:]]  # type: ignore[union-attr]

    def _compile(self, i: np.ndarray) -> None:
        """Make a step of one training one of all."""
        step = self.epochs.note_step(i)
        self.cells = [each.cells for each in step.numbers]
        self.values: list[tuple[float, ...]] = [() for _ in self.cells]
        self.rooms = [_stack([a] * self.seeds) for a in step.tables]
        rooms = zip(step.tables, self.rooms, strict=True)
        self.program = step.stacked(self.seeds, [*rooms, *self.epochs.outer(step.parts)])
        self.kept = [np.empty((self.count, *a.shape), a.dtype) for a in self._measured()]

    def _fill(self, numbers: list[tuple[float, ...]]) -> None:
        """Put the numbers of a step, where they are not those of the one before, into cells."""
        for cells, values, before in zip(self.cells, numbers, self.values, strict=True):
            if values != before:
                for cell, value in zip(cells, values, strict=True):
                    cell.fill(value)
        self.values = numbers


def _changed_by_a_step(parts: Parts) -> list[np.ndarray]:
    """Return the parameters, the gradients, and what the optimizer and the layers keep."""
    network, states = parts.network, parts.optimizers()[-1].state.values()
    vectors = [a for a in states if a.ndim]
    return [network.theta, network.grad, *vectors, *network.state.values()]


def _stack(arrays: Sequence[np.ndarray]) -> np.ndarray:
    stacked = aligned((len(arrays), *arrays[0].shape), arrays[0].dtype)
    stacked[...] = arrays
    return stacked
