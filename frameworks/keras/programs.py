"""Programs in Keras: their steps, as they are run, measured and watched."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from frameworks.draws import StepDraws
from frameworks.keras.dropout import nothing_else_drawn
from frameworks.keras.loading import keras
from frameworks.program import Step, StepBatch, Watched, numbers_of, updated_in
from frameworks.program_adapter import ProgramAdapter
from scratch import Batch

__all__ = ["RunsPrograms"]

Tensors = list[Any]  # of the backend


class RunsPrograms(ProgramAdapter):
    """What an adapter needs in order to run programs."""

    dropout: Any
    layouts: Any
    lent: Any
    _to_numpy: Any

    def run(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[dict[str, float]]:
        """Run a program's step on every batch: see `ProgramAdapter.run`."""
        for order in orders:
            with self.lent(), nothing_else_drawn(self.parts.networks):
                means = [*super().run(data, [order], batch_size)]
            self.dropout.require_rates()
            yield from means

    def run_step(self, batch: StepBatch, draws: StepDraws) -> dict[str, float]:
        """Run a program's step on a batch of arrays and return its values."""
        tensors, named = _tensors(batch, draws)
        values = self._run_step(tensors, [_tensor(mask) for mask in draws.masks], named)
        return numbers_of(values)

    def _run_step(
        self, batch: StepBatch, masks: Tensors, named: dict[str, Any]
    ) -> Mapping[str, Any]:
        """Run a program's step on the backend's tensors."""
        with self.dropout.handed(masks):
            return self.step(batch, named)

    def watch_step(self, batch: StepBatch, draws: StepDraws) -> Watched:
        """Run a program's step eagerly; return what is seen of it."""
        with self.lent(), nothing_else_drawn(self.parts.networks):
            tensors, named = _tensors(batch, draws)
            with gradients_given(self.parts.optimizers) as given:
                values = RunsPrograms._run_step(self, tensors, [*map(_tensor, draws.masks)], named)
        found = {key: self._to_numpy(keras.ops.convert_to_tensor(g)) for key, g in given.items()}
        own = [found.get(id(w), np.zeros(w.shape, self.dtype)) for w in self.layouts.own]
        losses = numbers_of(values)
        order = updated_in(given, [n.trainable_variables for n in self.parts.networks])
        return Watched(losses, self.layouts.to_canonical(own), order)

    def run_evaluation(
        self, evaluate: Step, batch: StepBatch, draws: StepDraws
    ) -> dict[str, float]:
        """Call a program's `evaluate` with arrays and return its values."""
        with self.lent():
            tensors, named = _tensors(batch, draws)
            values = evaluate(tensors, named)
        return numbers_of(values)


def _tensor(array: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(array)


def _tensors(batch: StepBatch, draws: StepDraws) -> tuple[StepBatch, dict[str, Any]]:
    """Return rows and named draws as the backend's tensors."""
    rows = StepBatch(*(None if a is None else _tensor(a) for a in batch))
    return rows, {name: _tensor(a) for name, a in draws.named.items()}


@contextmanager
def gradients_given(
    optimizers: Iterable[keras.optimizers.Optimizer],
) -> Iterator[dict[int, Any]]:
    """Note the gradients that optimizers are given, by the identity of the variables."""
    given: dict[int, Any] = {}
    with ExitStack() as stack:
        for optimizer in optimizers:
            stack.enter_context(_watched(optimizer, given))
        yield given


@contextmanager
def _watched(optimizer: keras.optimizers.Optimizer, given: dict[int, Any]) -> Iterator[None]:
    """Note them in `given`: `apply` is set on the instance, past Keras' own tracking."""
    apply = optimizer.apply

    def noting(gradients: Any, trainable_variables: Any = None) -> Any:
        gradients = list(gradients)
        variables = list(trainable_variables or optimizer._trainable_variables)
        trainable = [g for g in zip(variables, gradients, strict=True) if g[1] is not None]
        given.update({id(variable): gradient for variable, gradient in trainable})
        return apply(gradients, trainable_variables and variables)

    object.__setattr__(optimizer, "apply", noting)
    try:
        yield
    finally:
        object.__delattr__(optimizer, "apply")
