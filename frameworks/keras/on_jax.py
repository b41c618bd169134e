"""Keras on JAX: many batches are one function of the variables' values, compiled by XLA."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from frameworks.keras.adapter import KerasAdapter, Tensors
from frameworks.probe import kind_of

__all__ = ["JaxKeras"]

# The values of the trainable, other, optimizer and metric variables.
State = tuple[Tensors, Tensors, Tensors, Tensors]


class JaxKeras(KerasAdapter):
    """Trains on the values of the variables, and assigns the last ones when a call is done.

    XLA compiles for a fixed number of rows: an epoch of another length is compiled again.
    """

    @contextmanager
    def lent(self) -> Iterator[None]:
        with jax.enable_x64(True), super().lent():  # differs: JAX has 32 bits by default
            yield

    def _compile(self, columns: Tensors, batch_size: int) -> None:
        self._build_metrics([column[:1] for column in columns])
        self._compiled: dict[Any, Any] = {}  # by the shapes of batches and columns
        n = len(columns[0])
        for start in range(0, n, most := self.stream.rows_ahead(batch_size)):
            rows = min(most, n - start)
            masks = [np.empty((rows, *each.shape), self.dtype) for each in self.stream.dropped]
            for batches in self._batches([np.arange(rows), *masks], batch_size):
                self._function(batches, columns)

    def _function(self, batches: list[np.ndarray], columns: Tensors) -> Any:
        """Return `_train_batches`, compiled for batches and columns of these shapes."""
        shapes = tuple(a.shape for a in (*batches, *columns))
        if shapes not in self._compiled:
            train = jax.jit(self._train_batches)
            self._compiled[shapes] = train.lower(self._state(), batches, columns).compile()
        return self._compiled[shapes]

    def _build_metrics(self, columns: Tensors) -> None:
        """Let the model create the variables of its metrics, which it does at the first batch."""
        model, (X, y, *w) = self.parts.network, columns
        model.compute_metrics(X, y, model(X, training=False), *w or [None])
        model.reset_metrics()

    def _batches(self, of_epoch: list[Any], batch_size: int) -> Iterator[list[Any]]:
        """Cut the order and the masks of an epoch, (n, ...) each, into one piece per call.

        Yields them as (m, rows, ...), m batches of equal size; a smaller batch comes last. In a
        loop XLA compiles convolutions to code twice as slow, so they get one call per batch.
        """
        n = len(of_epoch[0])
        size = min(batch_size, n)
        kinds = {kind_of(layer) for layer in self.parts.network.layers}
        step = size if "convolution" in kinds else n // size * size
        for start in range(0, n // size * size, step):
            yield [a[start : start + step].reshape(-1, size, *a.shape[1:]) for a in of_epoch]
        if n % size:
            yield [a[n // size * size :][None] for a in of_epoch]

    def _train_batches(self, state: State, batches: Tensors, columns: Tensors) -> State:
        """Return the state after one step per batch; batches are rows and masks (m, rows, ...)."""

        def step(state: State, batch: Tensors) -> tuple[State, None]:
            rows, *masks = batch
            with self.dropout.handed(masks):
                _, after = self.parts.network.train_step(state, tuple(c[rows] for c in columns))
            return after, None

        if len(batches[0]) == 1:
            return step(state, [a[0] for a in batches])[0]
        return jax.lax.scan(step, state, batches)[0]

    def _train_epochs(
        self, columns: Tensors, masks: Tensors, orders: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        self.parts.network.reset_metrics()
        state = self._state()
        fresh, epochs = state[3], []
        masks = [np.asarray(mask) for mask in masks]  # slicing JAX arrays is slow
        for i, order in enumerate(orders):
            state = (*state[:3], fresh)
            for batches in self._batches([order, *(mask[i] for mask in masks)], batch_size):
                state = self._function(batches, columns)(state, batches, columns)
            epochs.append(state[3])
        for variables, values in zip(self._variables(), state, strict=True):
            self._assign(variables, values)
        return self._results(epochs)

    def _take_step(self, columns: Tensors) -> None:
        self.parts.network.train_step(self._state(), tuple(columns))

    def _results(self, epochs: list[Tensors]) -> tuple[np.ndarray, np.ndarray]:
        """Return the losses and the numbers of right predictions from each epoch's metrics."""
        model = self.parts.network
        by_metric = zip(model.metrics_variables, zip(*epochs, strict=True), strict=True)
        found = {id(metric): np.array(values) for metric, values in by_metric}
        total, count = (found[id(x)] for x in (model.metrics[0].total, model.metrics[0].count))
        right = count if self.accuracy is None else found[id(self.accuracy.total)]
        return total / count, right

    def _variables(self) -> list[list[Any]]:
        model = self.parts.network
        trained, others = model.trainable_variables, model.non_trainable_variables
        return [trained, others, self._optimizer_variables(), model.metrics_variables]

    def _state(self) -> State:
        trained, others, optimizers, metrics = (
            [variable.value for variable in variables] for variables in self._variables()
        )
        return trained, others, optimizers, metrics

    def _to_numpy(self, tensor: Any) -> np.ndarray:
        return np.array(tensor)

    def _loss_and_gradients(self, columns: Tensors) -> tuple[jax.Array, Tensors]:
        model, (X, y, *w) = self.parts.network, columns
        trained, others, _, metrics = self._state()
        loss_of = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
        (_, (loss, *_)), gradients = loss_of(
            trained, others, metrics, X, y, *w or [None], training=True, optimizer_variables=[]
        )
        return loss, gradients
