"""Keras on TensorFlow: all epochs of a call run in one graph."""

from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from frameworks.keras.adapter import KerasAdapter, Tensors
from frameworks.keras.dropout import DRAWN
from frameworks.program import StepBatch

__all__ = ["TensorFlowKeras"]

_DRAWING = {
    *("Multinomial", "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoissonV2"),
    *("RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt"),
    "TruncatedNormal",
}


class TensorFlowKeras(KerasAdapter):
    """Trains in one `tf.function`, compiled once for any number of rows and any batch size."""

    def _compile(self, columns: Tensors, batch_size: int) -> None:
        orders, size = tf.TensorSpec((None, None), tf.int64), tf.TensorSpec((), tf.int32)
        shapes = [each.shape for each in self.stream.dropped]
        masks = [tf.TensorSpec((None, None, *shape), self.dtype) for shape in shapes]
        any_rows = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in columns]
        self._compiled = self._graph.get_concrete_function(orders, size, masks, *any_rows)

    @cached_property
    def _graph(self) -> Any:
        """Whole epochs, which TensorFlow compiles at the first call with such columns only."""
        return tf.function(self._train_in_graph)

    def _run_step(
        self, batch: StepBatch, masks: Tensors, named: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        return self._step(batch, masks, named)

    @cached_property
    def _step(self) -> Any:
        """The step, compiled by TensorFlow once for each number of rows."""
        run = super()._run_step

        def step(batch: StepBatch, masks: Tensors, named: dict[str, tf.Tensor]) -> dict[str, Any]:
            values = dict(run(batch, masks, named))
            _require_nothing_drawn()
            return values

        return tf.function(step)

    def _train_in_graph(
        self,
        orders: tf.Tensor,
        batch_size: tf.Tensor,
        masks: list[tf.Tensor],
        *columns: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Do what `_train_epochs` does, with the loops in TensorFlow's graph, not in Python."""
        model, loss, accuracy = self.parts.network, self.parts.network.metrics[0], self.accuracy
        epochs, rows = tf.shape(orders)[0], tf.shape(orders)[1]
        losses = tf.TensorArray(self.dtype, size=epochs)
        right = tf.TensorArray(self.dtype, size=epochs)
        for epoch in tf.range(epochs):
            loss.reset_state()
            if accuracy is not None:
                accuracy.reset_state()
            for start in tf.range(0, rows, batch_size):
                batch = orders[epoch, start : start + batch_size]
                with self.dropout.handed([m[epoch, start : start + batch_size] for m in masks]):
                    model.train_step(tuple(tf.gather(column, batch) for column in columns))
                _require_nothing_drawn()
            losses = losses.write(epoch, loss.result())
            right = right.write(epoch, loss.count if accuracy is None else accuracy.total)
        return losses.stack(), right.stack()

    def _train_epochs(
        self, columns: Tensors, masks: Tensors, orders: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        losses, right = self._compiled(
            tf.constant(orders), tf.constant(batch_size, tf.int32), masks, *columns
        )
        return losses.numpy(), right.numpy()

    def _to_numpy(self, tensor: Any) -> np.ndarray:
        return np.array(tensor.numpy())

    def _loss_and_gradients(self, columns: Tensors) -> tuple[tf.Tensor, Tensors]:
        model, (X, y, *w) = self.parts.network, columns
        variables = [v.value for v in model.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable)
            loss = model.compute_loss(X, y, model(X, training=True), *w)
        return loss, tape.gradient(loss, variables)


def _require_nothing_drawn() -> None:
    """Raise RuntimeError if the graph that is being made draws TensorFlow's random numbers."""
    graph = tf.compat.v1.get_default_graph().as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    for node in nodes:
        if node.op in _DRAWING and not (node.attr["seed"].i or node.attr["seed2"].i):
            raise RuntimeError(DRAWN)
