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
        self._compiled: dict[Any, tuple[Any, list[Any]]] = {}

    def step(self, data: Data, masks: Sequence[Any] | None) -> float:
        if self.model.run_eagerly:
            loss, self._gradients = self._take(data, masks)
            return float(loss)
        batch = [x for x in tf.nest.flatten((data, masks)) if x is not None]
        shapes = (masks is None, *((x.dtype, *x.shape) for x in batch))
        if shapes not in self._compiled:
            graph = tf.function(self._take, jit_compile=self.model.jit_compile)
            self._compiled[shapes] = graph.get_concrete_function(data, masks), self._trained
        run, self._trained = self._compiled[shapes]
        loss, self._gradients = run(data, masks)
        return float(loss)
