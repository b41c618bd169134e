"""Keras as its users write it (see `frameworks.native`)."""

from typing import Any

from frameworks.keras.loading import keras
from frameworks.native import Report, Trained, require_outputs, with_rate
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult

__all__ = ["train", "with_defaults"]


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
        outputs=lambda X: network.predict(X, verbose=0),
        loss=lambda outputs, targets: float(keras.ops.mean(loss(targets, outputs))),
    )


def with_defaults(optimizer: Any) -> Any:
    """Return an optimizer of the same kind, learning rate or schedule and clipping, else default.

    Clipping, and AMSGrad, which is a kind of its own, are set afterwards: an optimizer of a page's
    own may take nothing but a rate.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(with_defaults(optimizer.inner_optimizer))
    stock = with_rate(type(optimizer), _rate(optimizer), _rate)
    for name in ("clipnorm", "clipvalue", "global_clipnorm", "amsgrad"):
        if hasattr(optimizer, name):
            setattr(stock, name, getattr(optimizer, name))
    return stock


def _rate(optimizer: Any) -> Any:
    """Return an optimizer's schedule, or function of no arguments, or else its learning rate."""
    rate = optimizer._learning_rate
    scheduled = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    return rate if scheduled or callable(rate) else float(rate.numpy())
