"""Many trainings of one network at once: the same steps from other weights, in other orders.

NumPy's calls cost more than the arithmetic of a small network. Here every call works on arrays with
a first axis of seeds: all trainings share its cost. Each is, bit for bit, what it would be alone.
"""

from collections.abc import Sequence
from copy import deepcopy
from operator import itemgetter

import numpy as np

from scratch.batches import Batch, Order
from scratch.compiler.numbers import Numbers
from scratch.compiler.program import Program, aligned
from scratch.compiler.step import Parts, Step
from scratch.compiler.tables import has_ones, to_tables
from scratch.compiler.tracing import CannotFollow
from scratch.compiler.training import Measured, compile_losses, measure

__all__ = ["StackedEpochs"]


class StackedEpochs:
    """Trainings on the same rows, one for each of the parts, which differ in their weights only.

    After each epoch, each network and optimizer is what its training alone would leave. Raises
    CannotFollow for parts that cannot be stacked, such as a layer that draws numbers.
    """

    def __init__(self, seeds: Sequence[Parts], data: Batch, batch_size: int) -> None:
        self.seeds, self.data, self.in_order = seeds, data, np.arange(len(data.X))
        self.master = deepcopy(seeds[0])  # its optimizer counts the steps of all
        if not self.master.are_own() or self.master.drawing() or self.master.penalty is not None:
            raise CannotFollow("these parts cannot be stacked: train them one by one")
        size = min(batch_size, len(data.X))
        count, rest = divmod(len(data.X), size)
        cuts = [(0, size, count), (count * size, rest, 1)]
        self.batches = [_StackedBatches(self, *cut) for cut in cuts if cut[1]]
        self._take_over()

    def train(self, orders: Sequence[Order]) -> Measured:
        """Train an epoch; order s of the rows is that of training s."""
        rows = np.stack([self.in_order if order is None else order for order in orders])
        for batches in self.batches:
            batches.take_steps(rows)
        self._hand_back()
        return measure(self.batches, len(self.seeds))

    def outer(self, step: Step) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the arrays that the step works on, beside those of all trainings."""
        parts, own = step.parts, step.parts.optimizers()[-1].state
        stacked = self.master.optimizers()[-1].state
        states = [(own[name], stacked[name]) for name in own if own[name].ndim]
        layers = [(a, self.states[name]) for name, a in parts.network.state.items()]
        return [
            (parts.network.theta, self.theta),
            (parts.network.grad, self.grad),
            *states,
            *layers,
        ]

    def _take_over(self) -> None:
        """Stack what the trainings start from."""
        networks = [each.network for each in self.seeds]
        self.theta = _stack([network.theta for network in networks])
        self.grad = np.zeros_like(self.theta)
        names = networks[0].state
        self.states = {name: _stack([each.state[name] for each in networks]) for name in names}
        states = [each.optimizer.state for each in self.seeds]
        self.master.optimizer.state = {
            name: _stack([each[name] for each in states]) if a.ndim else a.copy()
            for name, a in states[0].items()
        }

    def _hand_back(self) -> None:
        """Put what the trainings have come to into their own networks and optimizers."""
        for s, parts in enumerate(self.seeds):
            parts.network.theta, parts.network.grad = self.theta[s], self.grad[s]
            for name, a in parts.network.state.items():
                a[...] = self.states[name][s]
            parts.optimizer.state = {
                name: a[s].copy() if a.ndim else a.copy()
                for name, a in self.master.optimizer.state.items()
            }


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
            if self.program is None:
                self._compile(i[0])
            else:
                for each in self.numbers:
                    each.advance()
            for table, room in zip(tables, self.rooms, strict=True):
                table.take(i, 0, room, "clip")
            self.program.run()  # type: ignore[union-attr]
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
        """Note a step of one training, on a copy of it, and make it one of all."""
        epochs = self.epochs
        self.numbers = [Numbers(each, epochs.grad) for each in epochs.master.optimizers()]
        batch = self.data.map(itemgetter(i))
        step = Step(deepcopy(epochs.seeds[0]), batch, in_stack=True)
        for numbers, noted in zip(self.numbers, step.numbers, strict=True):
            numbers.put_into(noted.cells)
        self.rooms = [_stack([a] * self.seeds) for a in step.tables]
        rooms = zip(step.tables, self.rooms, strict=True)
        self.program = step.stacked(self.seeds, [*rooms, *epochs.outer(step)])
        self.kept = [np.empty((self.count, *a.shape), a.dtype) for a in self._measured()]


def _stack(arrays: Sequence[np.ndarray]) -> np.ndarray:
    stacked = aligned((len(arrays), *arrays[0].shape), arrays[0].dtype)
    stacked[...] = arrays
    return stacked
