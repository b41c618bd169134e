"""Keras on JAX: an epoch is one function of the variables' values, compiled by XLA."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from frameworks.keras.adapter import KerasAdapter, Tensors

__all__ = ["JaxKeras"]

Values = tuple[Tensors, Tensors, Tensors]  # of trainable, other and the optimizer's variables


class JaxKeras(KerasAdapter):
    """Trains on the values of the variables, which take the last ones when a call is done.

    XLA compiles for one number of rows: an epoch of another length is compiled anew.
    """

    @contextmanager
    def lent(self) -> Iterator[None]:
        with jax.enable_x64(True), super().lent():  # differs: JAX has 32 bits unless it is asked
            yield

    def _compile(self, columns: Tensors, batch_size: int) -> None:
        self._build_metrics([column[:1] for column in columns])
        self._epochs: dict[Any, Any] = {}  # compiled, by the shapes of what they are given
        rows = min(len(columns[0]), self.stream.rows_ahead(batch_size))
        shapes = [(rows, *each.shape) for each in self.stream.dropped]
        masks = [jax.ShapeDtypeStruct(shape, self.dtype) for shape in shapes]
        self._epoch(jax.ShapeDtypeStruct((rows,), "int64"), masks, columns, batch_size)

    def _epoch(self, order: Any, masks: Tensors, columns: Tensors, batch_size: int) -> Any:
        """Return the compiled epoch for an order, masks and columns of these shapes."""
        key = (order.shape, *(column.shape for column in columns))
        if key not in self._epochs:
            epoch = jax.jit(self._train_epoch, static_argnames="batch_size")
            values = self._values()
            traced = epoch.lower(values, order, masks, columns, batch_size=batch_size)
            self._epochs[key] = traced.compile()
        return self._epochs[key]

    def _build_metrics(self, columns: Tensors) -> None:
        """Let the model make the variables of its metrics, which it does at the first batch."""
        model, (X, y, *w) = self.parts.network, columns
        model.compute_metrics(X, y, model(X, training=False), *w or [None])
        model.reset_metrics()

    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        model, optimizer = self.parts.network, self.parts.optimizer
        return model.trainable_variables, model.non_trainable_variables, optimizer.variables

    def _values(self) -> Values:
        trained, others, optimizers = self._variables()
        return [v.value for v in trained], [v.value for v in others], [v.value for v in optimizers]

    def _train_epoch(
        self,
        values: Values,
        order: jax.Array,
        masks: Tensors,
        columns: Tensors,
        *,
        batch_size: int,
    ) -> tuple[Values, jax.Array, jax.Array]:
        """Return the values after an epoch, its mean loss and the number of right predictions."""
        model = self.parts.network
        metrics = model.metrics_variables
        counted = metrics[0] if self.accuracy is None else self.accuracy.total
        (right,) = (i for i, metric in enumerate(metrics) if metric is counted)

        def step(state: Any, given: tuple[jax.Array, Tensors]) -> tuple[Any, dict[str, jax.Array]]:
            rows, dropped = given
            with self.dropout.handed(dropped):
                logs, state = model.train_step(state, tuple(column[rows] for column in columns))
            return state, logs

        state = (*values, [v.value for v in metrics])
        size = min(batch_size, len(order))
        whole = len(order) // size * size
        batches = [a[:whole].reshape(-1, size, *a.shape[1:]) for a in (order, *masks)]
        state, all_logs = jax.lax.scan(step, state, (batches[0], batches[1:]))
        logs = {name: values[-1] for name, values in all_logs.items()}
        if whole < len(order):
            state, logs = step(state, (order[whole:], [mask[whole:] for mask in masks]))
        return state[:3], logs["loss"], state[3][right]

    def _train_epochs(
        self, columns: Tensors, masks: Tensors, orders: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        values, results = self._values(), []
        for i, order in enumerate(orders):
            of_epoch = [mask[i] for mask in masks]
            epoch = self._epoch(order, of_epoch, columns, batch_size)
            values, *result = epoch(values, order, of_epoch, columns)
            results.append(result)
        losses, right = np.array(results).T
        for variables, latest in zip(self._variables(), values, strict=True):
            self._assign(variables, latest)
        return losses, right

    def _loss_and_gradients(self, columns: Tensors) -> tuple[jax.Array, Tensors]:
        model, (X, y, *w) = self.parts.network, columns
        trained, others, _ = self._values()
        metrics = [v.value for v in model.metrics_variables]
        loss_of = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
        (_, (loss, *_)), gradients = loss_of(
            trained, others, metrics, X, y, *w or [None], training=True, optimizer_variables=[]
        )
        return loss, gradients
