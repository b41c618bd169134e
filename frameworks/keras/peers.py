"""The loop in Keras, on TensorFlow."""

from typing import Any

import numpy as np

from frameworks import Builder, Spec
from frameworks.peers import Arrays

__all__ = ["KerasLoop"]


class KerasLoop:
    """`compile` and `fit`, all steps in one execution, the batches from a `tf.data` pipeline.

    `jit`: the step compiled by XLA.
    """

    def __init__(
        self, build: Builder, X: np.ndarray, y: np.ndarray, spec: Spec, *, jit: bool = False
    ) -> None:
        import tensorflow as tf

        self.dtype = X.dtype.name
        self._set_dtype()
        self.X, self.y, self.batch_size = tf.constant(X), tf.constant(y), spec.batch_size
        self.jit = jit
        self.parts = build()
        network, _, optimizer = self.parts[:3]
        optimizer.build(network.trainable_variables)
        self.fresh = [variable.numpy() for variable in optimizer.variables]
        self.steps = 0  # of one execution, not known yet

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        self._set_dtype()
        network, _, optimizer = self.parts[:3]
        steps = len(orders) * -(-len(self.X) // self.batch_size)
        if steps != self.steps:
            self._compile(steps)
        network.set_weights(weights)
        for own, new in zip(optimizer.variables, self.fresh, strict=True):
            own.assign(new)
        batches = self._batches(orders)
        history = network.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
        return history.history["loss"][-1]

    def _set_dtype(self) -> None:
        """Set Keras' types, which another loop may have set in the meantime."""
        import keras

        keras.config.set_floatx(self.dtype)
        keras.config.set_dtype_policy(self.dtype)  # once a layer was built, floatx is not enough

    def _compile(self, steps: int) -> None:
        import keras

        network, loss, optimizer = self.parts[:3]
        if network.output_shape[1] == 1:
            accuracy = keras.metrics.BinaryAccuracy(threshold=0.0 if self.parts.logits else 0.5)
        else:
            accuracy = keras.metrics.SparseCategoricalAccuracy()
        network.compile(
            optimizer,
            loss,
            metrics=[accuracy],
            steps_per_execution=steps,
            jit_compile=self.jit,
        )
        self.steps = steps

    def _batches(self, orders: Arrays) -> Any:
        """Return the batches of all epochs, one after the other."""
        import tensorflow as tf

        slices = tf.data.Dataset.from_tensor_slices
        return (
            slices(np.stack(orders))
            .flat_map(lambda order: slices(order).batch(self.batch_size))
            .map(lambda rows: (tf.gather(self.X, rows), tf.gather(self.y, rows)))
            .prefetch(tf.data.AUTOTUNE)
        )
