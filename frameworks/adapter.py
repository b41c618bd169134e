"""What an estimator asks of an implementation: the seam between lockstep and a framework."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from frameworks.draws import Draws, Dropped, StepDraws, StepStream
from frameworks.probe import LayerOutput
from frameworks.program import Parts, Program, ProgramBuilder, Step, StepBatch
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["Adapter"]


class Adapter(ABC):
    """One network, its loss and its optimizer, or a program, in one framework.

    Arrays go in and come out as NumPy's, of the adapter's dtype. Weights are in canonical layout
    and order: layer by layer, dense kernels (d_in, d_out), then biases (d_out,).
    """

    def __init__(self, build: ProgramBuilder, spec: Spec, dtype: str, task: Task) -> None:
        self._arguments = build, spec, dtype, task
        self.spec, self.dtype, self.task = spec, dtype, task
        self.parts = self.build(build, spec)
        self.stream = StepStream(Draws(0), dtype)  # nothing is random; see `draw_from`
        self.threshold = task.threshold(self.parts.logits)

    def __getstate__(self) -> Any:
        """Leave the framework's objects out: weights and states rebuild them."""
        states = self.get_layer_state(), self.get_optimizer_state()
        return self._arguments, self.get_weights(), *states

    def __setstate__(self, state: Any) -> None:
        arguments, weights, layer_state, optimizer_state = state
        self.__init__(*arguments)  # type: ignore[misc]
        self.set_weights(weights)
        self.set_layer_state(layer_state)
        self.set_optimizer_state(optimizer_state)

    @property
    def step(self) -> Step:
        """A program's step; TypeError where the builder returned no program."""
        if not isinstance(self.parts, Program):
            raise TypeError(f"build must return a Program, got {type(self.parts).__name__}")
        return self.parts.step

    @abstractmethod
    def build(self, build: ProgramBuilder, spec: Spec) -> Parts | Program:
        """Call the builder, and give its networks the adapter's dtype."""

    @abstractmethod
    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights."""

    @abstractmethod
    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Copy in weights; their shapes are those of `get_weights`."""

    @abstractmethod
    def get_optimizer_state(self) -> Any:
        """Return what the optimizer needs to go on after pickling."""

    @abstractmethod
    def set_optimizer_state(self, state: Any) -> None:
        """Go on from what `get_optimizer_state` returned."""

    def draw_from(self, draws: Draws, X: np.ndarray) -> None:
        """Take from `draws`, step by step, what is random in a training on rows like X (n, d)."""
        dropped, own = [], None
        if len(self.parts.networks) == 1:
            dropped = self.dropped(X)
        if isinstance(self.parts, Program) and self.parts.draws is not None:
            own = partial(self.parts.draws, self.spec)
        self.stream = StepStream(draws, self.dtype, dropped, own)

    def dropped(self, X: np.ndarray) -> list[Dropped]:
        """Return what each dropout layer drops of rows like X, in the order of the calls."""
        return []

    def compile(self, data: Batch, batch_size: int) -> None:  # noqa: B027 - most need nothing
        """Do once what `train` would otherwise do in its first epoch: tracing, for example."""

    @abstractmethod
    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        """Train one epoch for every order (n,) of the rows, and yield its result.

        None keeps the rows as they are. Several epochs may be trained before the first is yielded.
        What is random in a step comes from the source that `draw_from` was given; RuntimeError
        where the network draws anything itself.
        """

    def run(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[dict[str, float]]:
        """Run a program's step on every batch, one epoch for every order of the rows.

        Yield each epoch's means, over its rows, of what the steps returned.
        """
        n = len(data.X)
        for order in orders:
            rows, totals = np.arange(n) if order is None else order, Counter[str]()
            for start in range(0, n, batch_size):
                i = rows[start : start + batch_size]
                batch = StepBatch(*(None if a is None else a[i] for a in data))
                values = self.run_step(batch, self.stream(len(i)))
                totals.update({name: value * len(i) for name, value in values.items()})
            yield {name: total / n for name, total in totals.items()}

    def run_step(self, batch: StepBatch, draws: StepDraws) -> dict[str, float]:
        """Run a program's step on a batch of arrays; return what it returns."""
        raise NotImplementedError(f"{type(self).__name__} runs no programs")

    @abstractmethod
    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Return the network's outputs (n, k) for X (n, d), in evaluation mode."""

    @abstractmethod
    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the framework's own sigmoid (k = 1) or softmax of logits (n, k)."""

    @abstractmethod
    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        """Return the loss of outputs (n, k) against targets y."""

    @abstractmethod
    def layer_outputs(self, X: np.ndarray, training: bool = False) -> list[LayerOutput]:
        """Return the output of every layer that computes, in order, for X (n, d).

        Images are (n, h, w, c). In training mode layers drop what they would in the next step, and
        follow as in it: see `frameworks.probe.undisturbed`.
        """

    @abstractmethod
    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        """Return the loss of a batch in training mode, and its gradient for every weight.

        The gradients are laid out as `get_weights`; no step is taken, and nothing is drawn: layers
        drop what they would in the next step.
        """

    def get_states(self) -> list[np.ndarray]:
        """Return copies of what layers learn without a gradient, in the order of the layers.

        Batch normalization: its running mean (d,) and variance (d,).
        """
        return []

    def set_states(self, states: list[np.ndarray]) -> None:  # noqa: B027 - most learn nothing
        """Copy in states; their shapes are those of `get_states`."""

    def get_layer_state(self) -> Any:
        """Return all that layers keep besides their weights: random generators, too."""
        return None

    def set_layer_state(self, state: Any) -> None:  # noqa: B027 - most keep nothing
        """Go on from what `get_layer_state` returned."""
