"""Programs in a framework: their steps, as they are run, measured, and watched for `diverge`."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from operator import itemgetter
from typing import Self

import numpy as np

from frameworks.adapter import Adapter
from frameworks.draws import Draws, StepDraws, StepStream
from frameworks.program import (
    Program,
    ProgramBuilder,
    Step,
    StepBatch,
    Watched,
    loss_of,
    name_of,
)
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["ProgramAdapter"]


class ProgramAdapter(Adapter):
    """An adapter of networks that runs programs as well: networks with a step of the page's own."""

    def __init__(self, build: ProgramBuilder, spec: Spec, dtype: str, task: Task) -> None:
        super().__init__(build, spec, dtype, task)
        self._returned: tuple[str, ...] | None = None  # the names of a step's values
        self._check_names(name_of(build))

    @property
    def program(self) -> Self | None:
        """Itself, if the builder returned a program; None for a network."""
        return self if isinstance(self.parts, Program) else None

    @property
    def has_own_figures(self) -> bool:
        """Whether the program computes figures of its own: see `evaluate`."""
        return isinstance(self.parts, Program) and self.parts.evaluate is not None

    @property
    def step(self) -> Step:
        """A program's step; TypeError if the builder returned no program."""
        if not isinstance(self.parts, Program):
            raise TypeError(f"build must return a Program, got {type(self.parts).__name__}")
        return self.parts.step

    def run(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[dict[str, float]]:
        """Run a program's step on every batch, one epoch for each order of the rows.

        Yields each epoch's means, over its rows, of the values that the steps return.
        """
        n = len(data.X)
        for order in orders:
            rows, totals = np.arange(n) if order is None else order, Counter[str]()
            first = data.map(itemgetter(rows[:batch_size]))
            with self.none_drawn(partial(self.watched, first)):
                for start in range(0, n, batch_size):
                    i = rows[start : start + batch_size]
                    batch = StepBatch(*(None if a is None else a[i] for a in data))
                    values = self.run_step(batch, self.stream(len(i)))
                    self._check_values(values)
                    totals.update({name: value * len(i) for name, value in values.items()})
            yield {name: total / n for name, total in totals.items()}

    def _check_values(self, values: dict[str, float]) -> None:
        """Raise ValueError if a step returns other values than those before: no mean has them."""
        self._returned = self._returned or (*values,)
        if {*values} != {*self._returned}:
            before, now = (", ".join(names) or "nothing" for names in (self._returned, values))
            raise ValueError(
                f"every step must return the same values; one returned {before}, a later one {now}"
            )

    @abstractmethod
    def run_step(self, batch: StepBatch, draws: StepDraws) -> dict[str, float]:
        """Run a program's step on a batch of arrays and return its values."""

    def epochs(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        """Train, or run a program: its first value stands for a loss that it does not return."""
        if not self.program:
            yield from super().epochs(data, orders, batch_size)
            return
        for means in self.run(data, orders, batch_size):
            yield EpochResult(loss_of(means), means.get("accuracy"))

    def gradients_of_step(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        """Return the loss of a program's next step, and the gradients given to its optimizers.

        They are laid out as `get_weights`, 0 where no optimizer is given any. The step is undone.
        """
        found = self.watched(batch)
        return loss_of(found.values), found.gradients

    def watched(self, batch: Batch) -> Watched:
        """Return what is seen of a program's next step, which is undone."""
        weights, states = self.get_weights(), (self.get_optimizer_state(), self.get_layer_state())
        try:
            draws = self.stream.peek(len(batch.X))
            return self.watch_step(StepBatch(*batch), draws)
        finally:
            self.set_weights(weights)
            self.set_optimizer_state(states[0])
            self.set_layer_state(states[1])

    @abstractmethod
    def watch_step(self, batch: StepBatch, draws: StepDraws) -> Watched:
        """Run a program's step; return what is seen of it."""

    def evaluate(self, batch: Batch) -> dict[str, float]:
        """Return a program's own figures of rows, with draws that are the same at every call."""
        parts = self.parts
        if not isinstance(parts, Program) or parts.evaluate is None:
            raise TypeError("build must return a Program with an `evaluate`")
        own = None if parts.draws is None else partial(parts.draws, self.spec)
        draws = StepStream(Draws(0), self.dtype, own=own)(len(batch.X))
        rows = StepBatch(*(None if a is None else a.copy() for a in batch))  # to write into
        return self.run_evaluation(parts.evaluate, rows, draws)

    @abstractmethod
    def run_evaluation(
        self, evaluate: Step, batch: StepBatch, draws: StepDraws
    ) -> dict[str, float]:
        """Call a program's `evaluate` with arrays and return its values."""

    def has_state(self, name: str) -> bool:
        """Return whether a layer of a page's own keeps a state of this name."""
        return False

    def _check_names(self, build: str) -> None:
        """Raise ValueError if a program names networks or states that are not there."""
        if not isinstance(self.parts, Program):
            return
        names, states = self.parts.names, self.parts.states
        if isinstance(names, str) or len({*names}) not in (0, len(self.parts.networks)):
            raise ValueError(
                f"build: {build} must name each of its {len(self.parts.networks)} networks "
                f"differently, or none; got names={names!r}"
            )
        for name in [states] if isinstance(states, str) else states:
            if isinstance(states, str) or not self.has_state(name):
                raise ValueError(
                    f"build: {build} has states={states!r}, of which no layer keeps {name!r}"
                )
