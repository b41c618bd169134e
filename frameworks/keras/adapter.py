"""Keras (on TensorFlow) behind the shared interface."""

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np

from frameworks.adapter import Adapter
from frameworks.classifier import LockstepClassifier
from frameworks.default_network import build_keras
from frameworks.keras.loading import keras, tf
from frameworks.probe import LayerOutput, computing, kind_of
from frameworks.program import Builder, Parts
from frameworks.regressor import LockstepRegressor
from frameworks.spec import Spec
from scratch import Batch, EpochResult

__all__ = ["KerasAdapter", "KerasClassifier", "KerasRegressor"]

_SECONDS_PER_CALL = 0.5  # train about so long in one compiled call, then report


class KerasAdapter(Adapter):
    """A compiled `keras.Model` with its loss and a `keras.optimizers` optimizer.

    `Model.fit` costs milliseconds for every epoch, however small. Here one compiled call trains
    many epochs: the model's own `train_step`, with its own metrics, for every batch.
    """

    def build(self, build: Builder, spec: Spec) -> Parts:
        with _lent_keras(self.dtype):
            parts = build(spec=spec)
            self.accuracy = self._make_accuracy(parts, spec)
            metrics = [] if self.accuracy is None else [self.accuracy]
            parts.network.compile(parts.optimizer, parts.loss, metrics=metrics)
            parts.optimizer.build(parts.network.trainable_variables)
        self.weights = [w for layer in parts.network.layers for w in _canonical(layer)]
        self._compiled_for: tuple[Any, ...] = ()
        return parts

    def _make_accuracy(self, parts: Parts, spec: Spec) -> keras.metrics.Metric | None:
        if not self.task.has_answers:
            return None
        if spec.outputs == 1:
            return keras.metrics.BinaryAccuracy(threshold=0.0 if parts.logits else 0.5)
        return keras.metrics.SparseCategoricalAccuracy()

    def get_weights(self) -> list[np.ndarray]:
        return [w.numpy().copy() for w in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        for own, new in zip(self.weights, weights, strict=True):
            own.assign(new)

    def get_optimizer_state(self) -> Any:
        return [variable.numpy() for variable in self.parts.optimizer.variables]

    def set_optimizer_state(self, state: Any) -> None:
        for own, new in zip(self.parts.optimizer.variables, state, strict=True):
            own.assign(new)

    def compile(self, data: Batch, batch_size: int) -> None:
        columns = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in data if a is not None]
        orders = tf.TensorSpec((None, None), tf.int64)
        if self._compiled_for == (batch_size, *columns):
            return

        def train_epochs(orders: tf.Tensor, *columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return self._train_epochs(orders, columns, batch_size)

        with _lent_keras(self.dtype):
            self._compiled = tf.function(train_epochs).get_concrete_function(orders, *columns)
        self._compiled_for = (batch_size, *columns)

    def _train_epochs(
        self, orders: tf.Tensor, columns: tuple[tf.Tensor, ...], batch_size: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Train on columns (X, y, w) in orders (epochs, n); return losses and numbers right.

        Both are (epochs,). TensorFlow compiles this: the loops run in its graph, not in Python.
        """
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
                model.train_step(tuple(tf.gather(column, batch) for column in columns))
            losses = losses.write(epoch, loss.result())
            right = right.write(epoch, losses.dtype.min if accuracy is None else accuracy.total)
        return losses.stack(), right.stack()

    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        columns = [tf.convert_to_tensor(a) for a in data if a is not None]
        in_order = np.arange(len(data.X))
        orders, count = iter(orders), 1
        while chunk := [in_order if o is None else o for o in islice(orders, count)]:
            start = time.perf_counter()
            losses, right = self._compiled(tf.constant(np.stack(chunk)), *columns)
            accuracies = [None] * len(chunk)
            if self.accuracy is not None:
                accuracies = (right.numpy() / len(data.X)).tolist()
            yield from map(EpochResult, losses.numpy().tolist(), accuracies)
            seconds_per_epoch = (time.perf_counter() - start) / len(chunk)
            count = max(1, int(_SECONDS_PER_CALL / seconds_per_epoch))

    def outputs(self, X: np.ndarray) -> np.ndarray:
        with _lent_keras(self.dtype):
            return self.parts.network(tf.convert_to_tensor(X), training=False).numpy()

    def layer_outputs(self, X: np.ndarray, training: bool = False) -> list[LayerOutput]:
        network, found = self.parts.network, []
        with _lent_keras(self.dtype):
            inside = keras.Model(network.inputs, [layer.output for layer in network.layers])
            outputs = inside(tf.convert_to_tensor(X), training=training)
        values = outputs if len(network.layers) > 1 else [outputs]
        for layer, output in zip(network.layers, values, strict=True):
            kind, name, own = kind_of(layer), type(layer).__name__, len(_canonical(layer))
            activation = getattr(layer, "activation", None)
            if isinstance(activation, keras.layers.Layer):
                activation = getattr(activation, "activation", None)
            inner = getattr(activation, "__name__", "linear")
            if own and inner != "linear":  # `Dense(8, activation="relu")`: two layers in one
                found.append(LayerOutput(kind, name, None, own))
                own = 0
            if inner != "linear":
                kind = inner.replace("_", " ")
            found.append(LayerOutput(kind, name, output.numpy(), own))
        return computing(X, found)

    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        model, variables = self.parts.network, [w.value for w in self.weights]
        X, y, w = (None if a is None else tf.convert_to_tensor(a) for a in batch)
        with _lent_keras(self.dtype), tf.GradientTape(watch_accessed_variables=False) as tape:
            for trained in model.trainable_variables:
                tape.watch(trained.value)
            loss = model.compute_loss(X, y, model(X, training=True), w)
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(loss, variables, unconnected_gradients=zero)
        return float(loss), [g.numpy() for g in gradients]

    def get_layer_state(self) -> Any:
        return [variable.numpy() for variable in self.parts.network.non_trainable_variables]

    def set_layer_state(self, state: Any) -> None:
        for own, kept in zip(self.parts.network.non_trainable_variables, state, strict=True):
            own.assign(kept)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        activation = keras.ops.sigmoid if outputs.shape[1] == 1 else keras.ops.softmax
        return activation(tf.convert_to_tensor(outputs)).numpy()

    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        with _lent_keras(self.dtype):
            return float(self.parts.loss(tf.convert_to_tensor(y), tf.convert_to_tensor(outputs)))


class KerasRegressor(LockstepRegressor):
    """Keras as a scikit-learn regressor; parameters as in `LockstepEstimator`."""

    _adapter_class = KerasAdapter
    _default_build = staticmethod(build_keras)


class KerasClassifier(LockstepClassifier):
    """Keras as a scikit-learn classifier; parameters as in `LockstepEstimator`."""

    _adapter_class = KerasAdapter
    _default_build = staticmethod(build_keras)


def _canonical(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return one layer's own weights in the canonical layout, which is Keras' own."""
    if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
        return [layer.kernel, *([] if layer.bias is None else [layer.bias])]
    if layer.weights:
        raise TypeError(f"the canonical layout of {type(layer).__name__} is not known")
    return []


@contextmanager
def _lent_keras(dtype: str) -> Iterator[None]:
    """Set Keras' float type, and put back the state that the caller finds otherwise changed.

    Layers take their type from the default policy, which `set_floatx` leaves as it is from the
    first layer of the process on. Keras seeds its initializers from Python's `random`.
    """
    floatx, policy, state = keras.config.floatx(), keras.config.dtype_policy(), random.getstate()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        random.setstate(state)
