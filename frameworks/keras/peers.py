"""The loops in Keras, on TensorFlow."""

from typing import Any

import numpy as np
import tensorflow as tf

from frameworks.keras.layouts import in_order, layout_of
from frameworks.keras.lending import lent_keras
from frameworks.keras.loading import keras
from frameworks.layout import Layouts
from frameworks.peers import Arrays
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch

__all__ = ["KerasLoop", "XlaLoop"]


class KerasLoop:
    """`compile` and `fit`, all steps in one execution, the batches from a `tf.data` pipeline.

    `jit`: the step compiled by XLA.
    """

    def __init__(
        self, build: Builder, data: Batch, spec: Spec, task: Task, *, jit: bool = False
    ) -> None:
        self.dtype, self.jit, self.batch_size = data.X.dtype.name, jit, spec.batch_size
        self.X, self.y = map(tf.constant, data[:2])
        with lent_keras(self.dtype):
            self.parts = build(spec=spec)
            self.parts.optimizer.build(self.parts.network.trainable_variables)
        self.threshold = task.threshold(self.parts.logits)
        self.fresh = [variable.numpy() for variable in self.parts.optimizer.variables]
        self.steps = 0  # per execution; not known yet

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        network, steps = self.parts.network, len(orders) * -(-len(self.X) // self.batch_size)
        self._start(weights)
        with lent_keras(self.dtype):
            if steps != self.steps:
                self._compile(steps)
            batches = self._batches(orders)
            history = network.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
        return history.history["loss"][-1]

    def _start(self, weights: Arrays) -> None:
        """Take these weights, and an optimizer without memory."""
        layouts = Layouts(map(layout_of, in_order(self.parts.network)))
        variables = [*layouts.own, *self.parts.optimizer.variables]
        for own, new in zip(
            variables, [*layouts.from_canonical(weights), *self.fresh], strict=True
        ):
            own.assign(new)

    def _compile(self, steps: int) -> None:
        network, loss, optimizer = self.parts[:3]
        metrics = []
        if self.threshold is not None:
            binary = keras.metrics.BinaryAccuracy(threshold=self.threshold)
            one_output = network.output_shape[1] == 1
            metrics = [binary if one_output else keras.metrics.SparseCategoricalAccuracy()]
        options = {"steps_per_execution": steps, "jit_compile": self.jit}
        network.compile(optimizer, loss, metrics=metrics, **options)
        self.steps = steps

    def _batches(self, orders: Arrays) -> Any:
        """Return the batches of all epochs in sequence."""
        slices = tf.data.Dataset.from_tensor_slices
        return (
            slices(np.stack(orders))
            .flat_map(lambda order: slices(order).batch(self.batch_size))
            .map(lambda rows: (tf.gather(self.X, rows), tf.gather(self.y, rows)))
            .prefetch(tf.data.AUTOTUNE)
        )


class XlaLoop(KerasLoop):
    """A loop of one's own over all epochs, compiled by XLA as a whole: one call is the training.

    Network, loss and optimizer are those of Keras; `fit` and its metrics have no part in it.
    """

    def __init__(self, build: Builder, data: Batch, spec: Spec, task: Task) -> None:
        super().__init__(build, data, spec, task)
        self.all_epochs = tf.function(self._all_epochs, jit_compile=True)

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        self._start(weights)
        with lent_keras(self.dtype):
            total, _ = self.all_epochs(tf.constant(np.stack(orders)))
        return float(total) / (len(orders) * len(self.X))

    def _all_epochs(self, orders: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Train an epoch for each of the orders (epochs, n); return Σ loss · rows, and Σ right."""
        total, right = tf.zeros((), self.dtype), tf.zeros((), tf.int64)
        epochs, n = orders.shape
        size = min(self.batch_size, n)
        for epoch in tf.range(epochs):
            for k in tf.range(n // size):
                loss, correct = self._step(tf.slice(orders[epoch], [k * size], [size]))
                total, right = total + loss, right + correct
            if n % size:
                loss, correct = self._step(tf.slice(orders[epoch], [n - n % size], [n % size]))
                total, right = total + loss, right + correct
        return total, right

    def _step(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Take a step; return loss · rows and the right answers, from before it."""
        network, loss, optimizer = self.parts[:3]
        X, y = tf.gather(self.X, rows), tf.gather(self.y, rows)
        with tf.GradientTape() as tape:
            outputs = network(X, training=True)
            value = loss(y, outputs) + sum(network.losses)
        gradients = tape.gradient(value, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return value * rows.shape[0], self._right(outputs, y)

    def _right(self, outputs: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        if self.threshold is None:
            return tf.zeros((), tf.int64)
        if outputs.shape[1] == 1:
            return tf.math.count_nonzero(tf.cast(outputs > self.threshold, y.dtype) == y)
        return tf.math.count_nonzero(tf.argmax(outputs, axis=1) == tf.cast(y, tf.int64))
