"""Keras as its users write it (see `frameworks.native`)."""

from typing import Any

import numpy as np

from frameworks.keras.live.layers import of_keras
from frameworks.keras.loading import keras
from frameworks.native import Report, Trained, require_outputs
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["train", "with_defaults"]

_KEPT = {"name", "learning_rate", "clipnorm", "clipvalue", "global_clipnorm", "amsgrad"}
_KEPT |= {"exclude_layers", "exclude_embeddings"}  # Muon's: what it trains by Adam


def train(
    build: Builder, spec: Spec, seed: int, data: Batch, task: Task, report: Report
) -> Trained:
    """Train with `compile` and `fit`.

    After `set_random_seed`, Keras' `fit` draws one permutation and repeats it in every epoch.
    """
    keras.utils.set_random_seed(seed)
    keras.config.set_floatx(data.X.dtype.name)
    keras.config.set_dtype_policy(data.X.dtype.name)
    parts, metrics = build(spec=spec), []
    network, threshold = parts.network, task.threshold(parts.logits)
    loss = keras.losses.get(parts.loss)  # it may be a name, or a function, of rows
    first = network(data.X[: spec.batch_size], training=False)
    require_outputs(build, first, task.outputs_of_row(spec.outputs, data.X.shape[1:]))
    for layer in network._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()  # it has seen rows just now
    initial_weights = network.get_weights()
    if threshold is not None:
        binary = keras.metrics.BinaryAccuracy(threshold=threshold)
        metrics = [binary if spec.outputs == 1 else keras.metrics.SparseCategoricalAccuracy()]
    network.compile(with_defaults(parts.optimizer), parts.loss, metrics=metrics)
    epochs = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: report(epoch + 1, logs["loss"])
    )
    options = {"shuffle": spec.shuffle, "verbose": 0, "callbacks": [epochs]}
    figures = network.fit(data.X, data.y, spec.batch_size, spec.epochs, **options).history
    losses = figures["loss"]
    accuracies = figures[metrics[0].name] if metrics else [None] * len(losses)
    return Trained(
        list(map(EpochResult, losses, accuracies)),
        initial_weights,
        network.get_weights(),
        threshold,
        outputs=lambda X: _outputs(network, X, spec.batch_size),
        loss=lambda outputs, targets: float(keras.ops.mean(loss(targets, outputs))),
        own_optimizer=is_own(parts.optimizer),
    )


def _outputs(network: Any, X: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the outputs for X; a network of a fixed batch size is given some rows twice."""
    inputs = getattr(network, "inputs", None)  # a subclass of Model has none
    more = -len(X) % batch_size if inputs and inputs[0].shape[0] else 0
    filled = X[np.arange(len(X) + more) % len(X)]
    return network.predict(filled, batch_size, verbose=0)[: len(X)]


def with_defaults(optimizer: Any) -> Any:
    """Give one of Keras' optimizers its kind's default options, and return it.

    Its learning rate, with a schedule, and its clipping stay, and so does whether it is AMSGrad, a
    kind of its own. One of another class is left as it is.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        with_defaults(optimizer.inner_optimizer)
    elif of_keras(type(optimizer)):
        stock = type(optimizer)()
        for name in stock.get_config().keys() - _KEPT:
            setattr(optimizer, name, getattr(stock, name))
        if not optimizer.built:
            optimizer.exclude_from_weight_decay()  # nothing: all decay, as is the default
    return optimizer


def is_own(optimizer: Any) -> bool:
    """Return whether an optimizer is of a class that is none of Keras'."""
    return not of_keras(type(getattr(optimizer, "inner_optimizer", optimizer)))
