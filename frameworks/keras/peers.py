"""The plain loop in Keras, on TensorFlow."""

from typing import Any

import numpy as np
import tensorflow as tf

from frameworks.keras.lending import lent_keras
from frameworks.keras.loading import keras
from frameworks.peers import Arrays
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch

__all__ = ["KerasLoop"]


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
        network, _, optimizer = self.parts[:3]
        steps = len(orders) * -(-len(self.X) // self.batch_size)
        variables = [*network.trainable_variables, *optimizer.variables]
        for own, new in zip(variables, [*weights, *self.fresh], strict=True):
            own.assign(new)
        with lent_keras(self.dtype):
            if steps != self.steps:
                self._compile(steps)
            batches = self._batches(orders)
            history = network.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
        return history.history["loss"][-1]

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
