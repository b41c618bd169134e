"""Training steps of a Keras model on TensorFlow: one graph, as `fit` compiles it."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import context

from frameworks.keras.live.stepping import Data, Gradients, Run, Stepper, Trained, unwarned

__all__ = ["TensorFlowStepper"]

_SEEDS = 1_027_000_000  # and above: seeds that a user hardly sets


class TensorFlowStepper(Stepper):
    """Compiles a step for each number of rows; a model that runs eagerly does so here, too.

    So does a step of the user's own: a graph would run its Python once, and what it counts would
    stand still. So does the first step of a model whose second optimizer is not built yet: in a
    graph its slots would have no values to be set back to.
    """

    @staticmethod
    @contextmanager
    def seeded(seed: int) -> Iterator[Callable[[], bool]]:
        """Seed them as `tf.random.set_seed`, which forgets compiled functions, too, each time."""
        own, rng = context(), random.Random(seed)
        before, start = (own._seed, getattr(own, "_rng", None)), rng.getstate()
        own._seed, own._rng = _SEEDS + seed, rng
        try:
            yield lambda: rng.getstate() != start
        finally:
            own._seed, own._rng = before
            if rng.getstate() != start:
                own.clear_kernel_cache()  # operations of these seeds would go on where they are

    @staticmethod
    def to_numpy(tensor: Any) -> np.ndarray:
        """Return a copy; of the slices of an embedding's gradient, the dense array."""
        if not isinstance(tensor, tf.IndexedSlices):
            return np.array(tensor.numpy())
        dense = np.zeros(tensor.dense_shape.numpy(), tensor.dtype.as_numpy_dtype)
        np.add.at(dense, tensor.indices.numpy(), tensor.values.numpy())
        return dense

    def reset(self) -> None:
        self._eager = self.own is not None or bool(self.model.run_eagerly)
        self._compiled: dict[Any, tuple[Any, list[Trained]]] = {}

    def step(self, data: Data, masks: Sequence[Any] | None) -> float:
        if not self._eager and all(x.built for x in self._others()):
            run, self._trained = self._graph(data, masks)
            loss, self._gradients = run(data, masks)
        else:
            loss, self._gradients = self._take_eagerly(data, masks)
        return float(loss)

    def differentiate(self, loss: Callable[[], Any]) -> tuple[float, Gradients | None]:
        trained = self.model.trainable_weights
        with unwarned(), tf.GradientTape() as tape:
            value = loss()
        found = zip(trained, tape.gradient(value, trained), strict=True)
        return float(value), {id(v): self.to_numpy(g) for v, g in found if g is not None}

    def gradients_of_outputs(self, run: Run, added: list[Any]) -> tuple[Any, list[Any]]:
        with unwarned(), tf.GradientTape() as tape:
            loss, again = run(added)
        known = {k: z for k, z in enumerate(again) if z is not None and z.dtype.is_floating}
        by_call = dict(zip(known, tape.gradient(loss, [*known.values()]), strict=True))
        return loss, [by_call.get(k) for k in range(len(again))]

    def _graph(self, data: Data, masks: Sequence[Any] | None) -> tuple[Any, list[Trained]]:
        """Return a step compiled for batches of this shape, and the variables it trains."""
        batch = [x for x in tf.nest.flatten((data, masks)) if x is not None]
        shapes = (masks is None, *((x.dtype, *x.shape) for x in batch))
        if shapes not in self._compiled:
            jit = self.model.jit_compile
            graph = tf.function(self._take, autograph=False, jit_compile=jit)
            self._compiled[shapes] = graph.get_concrete_function(data, masks), self._trained
        return self._compiled[shapes]

    def _take_eagerly(self, data: Data, masks: Sequence[Any] | None) -> tuple[Any, list[Any]]:
        """Take a step without any graph: in one, a compiled step hides its gradients."""
        before = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(True)
        try:
            return self._take(data, masks)
        finally:
            tf.config.run_functions_eagerly(before)
