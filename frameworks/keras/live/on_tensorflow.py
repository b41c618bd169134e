"""Training steps of a Keras model on TensorFlow: one graph, as `fit` compiles it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from frameworks.keras.live.stepping import Data, Stepper

__all__ = ["TensorFlowStepper"]


class TensorFlowStepper(Stepper):
    """Compiles a step for each number of rows; a model that runs eagerly does so here, too."""

    @staticmethod
    def to_numpy(tensor: Any) -> np.ndarray:
        """Return a copy; of the slices of an embedding's gradient, the dense array."""
        if not isinstance(tensor, tf.IndexedSlices):
            return np.array(tensor.numpy())
        dense = np.zeros(tensor.dense_shape.numpy(), tensor.dtype.as_numpy_dtype)
        np.add.at(dense, tensor.indices.numpy(), tensor.values.numpy())
        return dense

    def reset(self) -> None:
        self._run = self._take
        if not self.model.run_eagerly:
            jit = self.model.jit_compile
            self._run = tf.function(self._take, jit_compile=jit, reduce_retracing=True)

    def step(self, data: Data, masks: Sequence[Any] | None) -> float:
        loss, self._gradients = self._run(data, masks)
        return float(loss)
