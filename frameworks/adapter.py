"""What an estimator requires of an implementation: the seam between lockstep and a framework."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from frameworks.draws import Draws, Dropped, StepStream
from frameworks.global_numbers import kept_global_numbers, none_drawn
from frameworks.probe import LayerOutput
from frameworks.program import (
    Parts,
    Program,
    ProgramBuilder,
)
from frameworks.recordings.trace import Facts
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

if TYPE_CHECKING:
    from frameworks.program_adapter import ProgramAdapter

__all__ = ["Adapter"]

_AUGMENT = "augment", "draw them from the generator that it is given"


class Adapter(ABC):
    """One network, its loss and its optimizer, in one framework.

    One that runs programs as well is a `ProgramAdapter`. Arguments and results are NumPy arrays of
    the adapter's dtype. Weights are in canonical layout and order: layer by layer, dense kernels
    (d_in, d_out), then biases (d_out,).
    """

    def __init__(self, build: ProgramBuilder, spec: Spec, dtype: str, task: Task) -> None:
        self._arguments = build, spec, dtype, task
        self.spec, self.dtype, self.task = spec, dtype, task
        with self.drawing():
            self.parts = self.build(build, spec)
        self.stream = StepStream(Draws(0), dtype)  # draws nothing until `draw_from`
        self.threshold = task.threshold(self.parts.logits)

    def __getstate__(self) -> Any:
        """Pickle no framework objects: they are rebuilt from the arguments, weights and states."""
        states = self.get_layer_state(), self.get_optimizer_state()
        return self._arguments, self.get_weights(), *states

    def __setstate__(self, state: Any) -> None:
        arguments, weights, layer_state, optimizer_state = state
        self.__init__(*arguments)  # type: ignore[misc]
        self.set_weights(weights)
        self.set_layer_state(layer_state)
        self.set_optimizer_state(optimizer_state)

    @property
    def program(self) -> "ProgramAdapter | None":
        """Itself, if the builder returned a program that it can run; None for a network."""
        return None

    @abstractmethod
    def build(self, build: ProgramBuilder, spec: Spec) -> Parts | Program:
        """Call the builder and give its networks the adapter's dtype; see `require_own`."""

    def drawing(self) -> AbstractContextManager[None]:
        """Return a context in which a builder may draw, and seed, the process's random numbers."""
        return kept_global_numbers()

    def none_drawn(self, step: Callable[[], Any], *words: str) -> AbstractContextManager[None]:
        """Return a context that refuses a training which draws them: see `none_drawn`."""
        return none_drawn(step, *words)

    def initial_weights(self, draws: Draws) -> list[np.ndarray]:
        """Draw the weights with which the builder's network begins."""
        with self.drawing():
            return self.parts.initial_weights(self.spec, draws.weights)

    @abstractmethod
    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights."""

    @abstractmethod
    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Copy in weights of the shapes that `get_weights` returns."""

    @abstractmethod
    def get_optimizer_state(self) -> Any:
        """Return what the optimizer needs to continue after unpickling."""

    @abstractmethod
    def set_optimizer_state(self, state: Any) -> None:
        """Restore what `get_optimizer_state` returned."""

    def optimizer_facts(self) -> list[Facts]:
        """Return what the optimizers say of themselves; nothing where that is not known."""
        return []

    def draw_from(self, draws: Draws, X: np.ndarray) -> None:
        """Take the random numbers of each step on rows like X (n, d) from `draws`."""
        dropped, own = [], None
        if len(self.parts.networks) == 1:
            dropped = self.dropped(X)
        if isinstance(self.parts, Program) and self.parts.draws is not None:
            own = partial(self.parts.draws, self.spec)
        self.stream = StepStream(draws, self.dtype, dropped, own)

    def dropped(self, X: np.ndarray) -> list[Dropped]:
        """Return what each dropout layer drops of rows like X, in call order."""
        return []

    def release_dropout(self) -> None:  # noqa: B027 - most need nothing
        """Leave dropout layers as the builder made them; the adapter trains no more."""

    def compile(self, data: Batch, batch_size: int) -> None:  # noqa: B027 - most need nothing
        """Do in advance what `train` would do in its first epoch, such as tracing."""

    @abstractmethod
    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        """Train one epoch for each order (n,) of the rows, and yield its result.

        None keeps the rows in their order. Several epochs may be trained before the first is
        yielded. All random numbers come from the draws given to `draw_from`. Raises RuntimeError if
        the network draws any itself.
        """

    def train_augmented(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        """Train as `train` does, each epoch on rows that the builder's `augment` has changed anew.

        They are drawn for the rows as they lie in `data`, before these are put in order.
        """
        augment = getattr(self.parts, "augment", None)
        if augment is None:
            yield from self.train(data, orders, batch_size)
            return
        for order in orders:
            again = partial(augment, self.spec, np.random.default_rng(0))
            with self.none_drawn(lambda: again(data.X.copy()), *_AUGMENT):  # noqa: B023
                X = self.stream.augmented(partial(augment, self.spec), data.X)
            yield from self.train(data._replace(X=X), [order], batch_size)

    def finish(self) -> None:  # noqa: B027 - nothing, in most frameworks
        """Do what the framework's own training does after its last epoch."""

    def stop(self, epoch: int, loss: float) -> bool:
        """Tell the builder's early stopping the validation loss of an epoch, counted from 0.

        Return whether it ends the training here; `restore_best` has to follow.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot stop early")

    def restore_best(self) -> None:
        """Go back to the weights of the epoch that early stopping took for the best."""
        raise NotImplementedError(f"{type(self).__name__} cannot stop early")

    def epochs(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        """Train as `fit` does, augmented rows included."""
        return self.train_augmented(data, orders, batch_size)

    @abstractmethod
    def outputs(self, X: np.ndarray, network: int = 0) -> np.ndarray:
        """Return a network's outputs (n, k) for its inputs X (n, d), in evaluation mode."""

    @abstractmethod
    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the framework's own sigmoid (k = 1) or softmax of logits (n, k)."""

    @abstractmethod
    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        """Return the loss of outputs (n, k) against targets y."""

    def weights_of_networks(self) -> list[int]:
        """Return how many weight arrays each network has."""
        return [len(self.get_weights())]

    @abstractmethod
    def layer_outputs(
        self, X: np.ndarray, training: bool = False, network: int = 0
    ) -> list[LayerOutput]:
        """Return the output of every computing layer of a network, in order, for X (n, d).

        Images are (n, h, w, c). In training mode layers use the dropout masks of the next step, and
        update their states: see `frameworks.probe.undisturbed`.
        """

    @abstractmethod
    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        """Return the loss of a batch in training mode, and its gradient for every weight array.

        The gradients are laid out as `get_weights`. No step is taken and nothing is drawn: layers
        use the dropout masks of the next step, and the loss keeps what it kept.
        """

    def get_states(self) -> list[np.ndarray]:
        """Return copies of what layers learn without a gradient, in layer order.

        For batch normalization, the running mean (d,) and variance (d,).
        """
        return []

    def set_states(self, states: list[np.ndarray]) -> None:  # noqa: B027 - most learn nothing
        """Copy in states of the shapes that `get_states` returns."""

    def get_layer_state(self) -> Any:
        """Return all that layers keep besides their weights, including random generators."""
        return None

    def set_layer_state(self, state: Any) -> None:  # noqa: B027 - most keep nothing
        """Restore what `get_layer_state` returned."""
