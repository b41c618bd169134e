"""What an estimator requires of an implementation: the seam between lockstep and a framework."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from frameworks.draws import Draws, Dropped, StepDraws, StepStream
from frameworks.probe import LayerOutput
from frameworks.program import (
    Parts,
    Program,
    ProgramBuilder,
    Step,
    StepBatch,
    Watched,
    loss_of,
    name_of,
)
from frameworks.recordings.trace import Facts
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["Adapter", "require_own"]


def require_own(build: Any, parts: Any, network: type, kind: str) -> Any:
    """Return what a builder returned; TypeError if it is not of one framework's own objects.

    `network`: the class of its networks, `kind`: how it is called.
    """
    if not isinstance(parts, Parts | Program):
        raise TypeError(f"build: {name_of(build)} must return Parts or a Program, got {parts!r}")
    for each in parts.networks:
        if not isinstance(each, network):
            other = f"{type(each).__module__}.{type(each).__qualname__}"
            raise TypeError(f"build: the network of {name_of(build)} must be a {kind}, got {other}")
    _require_new(build, parts)
    return parts


_BUILT: WeakValueDictionary[int, Any] = WeakValueDictionary()  # networks and optimizers, by id


def _require_new(build: Any, parts: Any) -> None:
    """Raise TypeError if a builder returns objects that it has returned before.

    They would go on from where an earlier training left them: an optimizer remembers.
    """
    for what, objects in (("network", parts.networks), ("optimizer", parts.optimizers)):
        for each in objects:
            if isinstance(each, float):  # the neuron's optimizer is its learning rate
                continue
            if each is None or isinstance(each, str):
                raise TypeError(f"build: {name_of(build)} must return its {what}, got {each!r}")
            if _BUILT.get(id(each)) is each:
                raise TypeError(
                    f"build: {name_of(build)} returns the same {what} as before; "
                    "it must make new ones at every call (is it cached?)"
                )
            _BUILT[id(each)] = each


class Adapter(ABC):
    """One network, its loss and its optimizer, or a program, in one framework.

    Arguments and results are NumPy arrays of the adapter's dtype. Weights are in canonical layout
    and order: layer by layer, dense kernels (d_in, d_out), then biases (d_out,).
    """

    def __init__(self, build: ProgramBuilder, spec: Spec, dtype: str, task: Task) -> None:
        self._arguments = build, spec, dtype, task
        self.spec, self.dtype, self.task = spec, dtype, task
        self.parts = self.build(build, spec)
        self._returned: tuple[str, ...] | None = None  # the names of a program's values
        self._check_names(name_of(build))
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

    @property
    def step(self) -> Step:
        """A program's step; TypeError if the builder returned no program."""
        if not isinstance(self.parts, Program):
            raise TypeError(f"build must return a Program, got {type(self.parts).__name__}")
        return self.parts.step

    @abstractmethod
    def build(self, build: ProgramBuilder, spec: Spec) -> Parts | Program:
        """Call the builder and give its networks the adapter's dtype; see `require_own`."""

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
            X = self.stream.augmented(partial(augment, self.spec), data.X)
            yield from self.train(data._replace(X=X), [order], batch_size)

    def stop(self, epoch: int, loss: float) -> bool:
        """Tell the builder's early stopping the validation loss of an epoch, counted from 0.

        Return whether it ends the training here; `restore_best` has to follow.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot stop early")

    def restore_best(self) -> None:
        """Go back to the weights of the epoch that early stopping took for the best."""
        raise NotImplementedError(f"{type(self).__name__} cannot stop early")

    def run(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[dict[str, float]]:
        """Run a program's step on every batch, one epoch for each order of the rows.

        Yields each epoch's means, over its rows, of the values that the steps return.
        """
        n = len(data.X)
        for order in orders:
            rows, totals = np.arange(n) if order is None else order, Counter[str]()
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

    def run_step(self, batch: StepBatch, draws: StepDraws) -> dict[str, float]:
        """Run a program's step on a batch of arrays and return its values."""
        raise NotImplementedError(f"{type(self).__name__} runs no programs")

    def epochs(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        """Train, or run a program: its first value stands for a loss that it does not return."""
        if not isinstance(self.parts, Program):
            yield from self.train_augmented(data, orders, batch_size)
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

    def watch_step(self, batch: StepBatch, draws: StepDraws) -> Watched:
        """Run a program's step; return what is seen of it."""
        raise NotImplementedError(f"{type(self).__name__} runs no programs")

    def evaluate(self, batch: Batch) -> dict[str, float]:
        """Return a program's own figures of rows, with draws that are the same at every call."""
        parts = self.parts
        if not isinstance(parts, Program) or parts.evaluate is None:
            raise TypeError("build must return a Program with an `evaluate`")
        own = None if parts.draws is None else partial(parts.draws, self.spec)
        draws = StepStream(Draws(0), self.dtype, own=own)(len(batch.X))
        rows = StepBatch(*(None if a is None else a.copy() for a in batch))  # to write into
        return self.run_evaluation(parts.evaluate, rows, draws)

    def run_evaluation(
        self, evaluate: Step, batch: StepBatch, draws: StepDraws
    ) -> dict[str, float]:
        """Call a program's `evaluate` with arrays and return its values."""
        raise NotImplementedError(f"{type(self).__name__} runs no programs")

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
        use the dropout masks of the next step.
        """

    def has_state(self, name: str) -> bool:
        """Return whether a layer of a page's own keeps a state of this name."""
        return False

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
