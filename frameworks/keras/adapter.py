"""Keras behind the shared interface: what its backends have in common."""

import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np

from frameworks.built import require_own
from frameworks.draws import Dropped
from frameworks.keras.dropout import DropoutLayers, nothing_else_drawn
from frameworks.keras.facts import optimizer_facts
from frameworks.keras.layer_outputs import layer_outputs
from frameworks.keras.layouts import canonical_states, in_order, layout_of
from frameworks.keras.lending import lent_keras
from frameworks.keras.loading import keras
from frameworks.keras.programs import RunsPrograms
from frameworks.layout import Layouts
from frameworks.probe import LayerOutput, computing
from frameworks.program import Parts, Program, ProgramBuilder
from frameworks.recordings.trace import Facts
from frameworks.spec import Spec
from scratch import Batch, EpochResult

__all__ = ["KerasAdapter", "Tensors"]

Tensors = list[Any]  # of the backend
_SECONDS_PER_CALL = 0.5  # of `_train_epochs`, about, so that progress is reported


class KerasAdapter(RunsPrograms):
    """A compiled `keras.Model` with its loss and a `keras.optimizers` optimizer.

    `Model.fit` costs milliseconds per epoch, however small the epoch. Here one call trains many
    epochs: the model's own `train_step`, with its own metrics, for every batch. How that is done
    depends on the backend: each has a derived class.
    """

    def build(self, build: ProgramBuilder, spec: Spec) -> Parts | Program:
        with self.lent():
            parts = require_own(build, build(spec=spec), keras.Model, "keras.Model")
            if isinstance(parts, Parts):
                self._compile_model(parts, spec)
        if (monitor := getattr(parts.stopping, "monitor", "val_loss")) != "val_loss":
            raise ValueError(
                "stopping: expected monitor='val_loss', which every implementation stops by, "
                f"got {monitor!r}"
            )
        if not all(optimizer.built for optimizer in parts.optimizers):
            raise TypeError("a program must build its optimizers on the variables they train")
        layers = [layer for network in parts.networks for layer in in_order(network)]
        self.layouts = Layouts(map(layout_of, layers))
        self._require_all(parts)
        kept = parts.states if isinstance(parts, Program) else ()
        self.states = [a for layer in layers for a in canonical_states(layer, kept)]
        self._kept = {name for layer in layers for name in kept if hasattr(layer, name)}
        self.dropout = DropoutLayers(parts.networks)
        self._compiled_for: tuple[Any, ...] = ()
        return parts

    def _require_all(self, parts: Parts | Program) -> None:
        """Raise TypeError for a variable that is trained, and is not among the canonical ones."""
        trained = [v for network in parts.networks for v in network.trainable_variables]
        trained += [v for optimizer in parts.optimizers for v in optimizer._trainable_variables]
        others = (v for network in parts.networks for v in network.variables)
        self.layouts.require(((v.path, v) for v in trained), others)

    def _compile_model(self, parts: Parts, spec: Spec) -> None:
        self.accuracy = self._make_accuracy(parts, spec)
        metrics = [] if self.accuracy is None else [self.accuracy]
        parts.network.compile(parts.optimizer, parts.loss, metrics=metrics)
        parts.optimizer.build(parts.network.trainable_variables)

    def _make_accuracy(self, parts: Parts, spec: Spec) -> keras.metrics.Metric | None:
        if not self.task.has_answers:
            return None
        if spec.outputs == 1:
            return keras.metrics.BinaryAccuracy(threshold=0.0 if parts.logits else 0.5)
        return keras.metrics.SparseCategoricalAccuracy()

    def lent(self) -> AbstractContextManager[None]:
        """Return a context in which Keras computes in the adapter's dtype."""
        return lent_keras(self.dtype)

    @abstractmethod
    def _compile(self, columns: Tensors, batch_size: int) -> None:
        """Prepare `_train_epochs` for columns of these shapes."""

    @abstractmethod
    def _train_epochs(
        self, columns: Tensors, masks: Tensors, orders: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train on columns X, y and perhaps w, in orders (epochs, n) of their rows.

        `masks`: (epochs, n, ...) for each dropout layer, in the orders' sequence of rows. The
        orders may hold only part of the rows.

        Return each epoch's mean loss and number of right predictions, both (epochs,); the latter
        are meaningless if the task has no answers.
        """

    @abstractmethod
    def _loss_and_gradients(self, columns: Tensors) -> tuple[Any, Tensors]:
        """Return the loss in training mode, and its gradient for each trainable variable.

        A gradient is None if the loss does not depend on the variable.
        """

    @abstractmethod
    def _to_numpy(self, tensor: Any) -> np.ndarray:
        """Return a copy of a tensor; with `keras.ops.convert_to_numpy` NumPy 2 warns."""

    def get_weights(self) -> list[np.ndarray]:
        return self.layouts.to_canonical(self._values(self.layouts.own))

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self._assign(self.layouts.own, self.layouts.from_canonical(weights))

    def get_optimizer_state(self) -> Any:
        return self._values(self._optimizer_variables())

    def set_optimizer_state(self, state: Any) -> None:
        self._assign(self._optimizer_variables(), state)

    def _optimizer_variables(self) -> list[keras.Variable]:
        return [v for optimizer in self.parts.optimizers for v in optimizer.variables]

    def has_state(self, name: str) -> bool:
        return name in self._kept

    def get_states(self) -> list[np.ndarray]:
        return self._values(self.states)

    def set_states(self, states: list[np.ndarray]) -> None:
        self._assign(self.states, states)

    def get_layer_state(self) -> Any:
        return self._values(self._layer_variables())

    def set_layer_state(self, state: Any) -> None:
        self._assign(self._layer_variables(), state)

    def _layer_variables(self) -> list[keras.Variable]:
        return [v for network in self.parts.networks for v in network.non_trainable_variables]

    def _values(self, variables: Iterable[keras.Variable]) -> list[np.ndarray]:
        return [self._to_numpy(variable.value) for variable in variables]

    def _assign(self, variables: list[keras.Variable], values: Iterable[Any]) -> None:
        with self.lent():
            for own, new in zip(variables, values, strict=True):
                own.assign(new)

    def compile(self, data: Batch, batch_size: int) -> None:
        if isinstance(self.parts, Program):
            return  # its step is compiled at its first run
        shapes = [(a.shape, a.dtype.name) for a in data if a is not None]
        compiled_for = (batch_size, *self.stream.dropped, *shapes)
        if self._compiled_for == compiled_for:
            return
        first = data.map(itemgetter(slice(batch_size)))
        networks, back = self.parts.networks, partial(self._take_step_back, first)
        with self.lent(), nothing_else_drawn(networks), self.none_drawn(back):
            self._compile(_tensors(data), batch_size)
        self._compiled_for = compiled_for

    def optimizer_facts(self) -> list[Facts]:
        return [
            facts for optimizer in self.parts.optimizers for facts in optimizer_facts(optimizer)
        ]

    def dropped(self, X: np.ndarray) -> list[Dropped]:
        with self.lent():
            return self.dropout.find(self.parts.network, _tensor(X))

    def release_dropout(self) -> None:
        self.dropout.release()

    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        with self.lent():
            columns = _tensors(data)
        n = len(data.X)
        in_order, most = np.arange(n), self.stream.rows_ahead(batch_size) // n
        orders, count = iter(orders), 1
        while chunk := [in_order if o is None else o for o in islice(orders, count)]:
            start = time.perf_counter()
            first = data.map(itemgetter(chunk[0][:batch_size]))
            back = partial(self._take_step_back, first)
            with self.lent(), nothing_else_drawn(self.parts.networks), self.none_drawn(back):
                losses, right = self._train_in_parts(columns, np.stack(chunk), batch_size)
            self.dropout.require_rates()
            for loss, count_right in zip(losses.tolist(), right.tolist(), strict=True):
                yield EpochResult(loss, None if self.accuracy is None else count_right / n)
            seconds_per_epoch = (time.perf_counter() - start) / len(chunk)
            count = max(1, min(int(_SECONDS_PER_CALL / seconds_per_epoch), most))

    def _train_in_parts(
        self, columns: Tensors, orders: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Do what `_train_epochs` does, in parts if the masks would take too much memory."""
        n, most = orders.shape[1], self.stream.rows_ahead(batch_size)
        losses, right = np.zeros((2, len(orders)), self.dtype)
        for start in range(0, n, most):
            part = orders[:, start : start + most]
            masks = [_tensor(mask) for mask in self.stream.masks_ahead(part, batch_size)]
            loss, correct = self._train_epochs(columns, masks, part, batch_size)
            losses += loss * (part.shape[1] / n)
            right += correct
        return losses, right

    def _take_step_back(self, batch: Batch) -> None:
        """Take a step of a network, eagerly, and undo it."""
        weights, states = self.get_weights(), (self.get_optimizer_state(), self.get_layer_state())
        masks = [_tensor(mask) for mask in self.stream.peek(len(batch.X)).masks]
        try:
            with self.dropout.handed(masks):
                self._take_step(_tensors(batch))
        finally:
            self.set_weights(weights)
            self.set_optimizer_state(states[0])
            self.set_layer_state(states[1])

    def _take_step(self, columns: Tensors) -> None:
        self.parts.network.train_step(tuple(columns))

    def finish(self) -> None:
        """Put the averages of the weights into their places, if the optimizer keeps any."""
        if isinstance(self.parts, Parts):
            with self.lent():
                self.parts.optimizer.finalize_variable_values(
                    self.parts.network.trainable_variables
                )

    def stop(self, epoch: int, loss: float) -> bool:
        callback, model = self.parts.stopping, self.parts.network
        with self.lent():
            if not epoch:
                callback.set_model(model)
                model.stop_training = False
                callback.on_train_begin()
            callback.on_epoch_end(epoch, {"val_loss": loss})
        return model.stop_training

    def restore_best(self) -> None:
        with self.lent():
            self.parts.stopping.on_train_end()

    def outputs(self, X: np.ndarray, network: int = 0) -> np.ndarray:
        with self.lent():
            return self._to_numpy(self.parts.networks[network](_tensor(X), training=False))

    def weights_of_networks(self) -> list[int]:
        return [sum(layout_of(each).count for each in in_order(n)) for n in self.parts.networks]

    def layer_outputs(
        self, X: np.ndarray, training: bool = False, network: int = 0
    ) -> list[LayerOutput]:
        model = self.parts.networks[network]
        masks = self.stream.peek(len(X)).masks if training else ()
        with (
            self.lent(),
            nothing_else_drawn([model]),
            self.dropout.handed([*map(_tensor, masks)]),
        ):
            return computing(X, layer_outputs(model, _tensor(X), training, self._to_numpy))

    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        if isinstance(self.parts, Program):
            return self.gradients_of_step(batch)
        network, masks = self.parts.network, self.stream.peek(len(batch.X)).masks
        with self.lent(), nothing_else_drawn([network]):
            with self.dropout.handed([_tensor(mask) for mask in masks]):
                loss, gradients = self._loss_and_gradients(_tensors(batch))
        pairs = zip(network.trainable_variables, gradients, strict=True)
        found = {id(v): self._to_numpy(g) for v, g in pairs if g is not None}
        own = [
            found[id(w)] if id(w) in found else np.zeros(w.shape, self.dtype)
            for w in self.layouts.own
        ]
        return float(loss), self.layouts.to_canonical(own)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        activation = keras.ops.sigmoid if outputs.shape[1] == 1 else keras.ops.softmax
        with self.lent():
            return self._to_numpy(activation(_tensor(outputs)))

    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        with self.lent():
            return float(self.parts.loss(_tensor(y), _tensor(outputs)))


def _tensor(array: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(array)


def _tensors(batch: Batch) -> Tensors:
    """Return X, y and, if rows have weights, w with as many axes as the losses of the elements.

    Those are all of the axes of labels, and all but the last one of numbers. Keras adds none to w.
    """
    X, y, w = batch
    if w is not None:
        kept = y.ndim if y.dtype.kind in "iu" else y.ndim - 1
        w = w.reshape(-1, *[1] * (kept - 1))
    return [_tensor(a) for a in (X, y, w) if a is not None]
