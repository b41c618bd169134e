"""The copy of a compiled Keras model: its loss, optimizer and schedule, or those that are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from keras.src.backend.common import global_state

from frameworks.errors import RequestError
from frameworks.keras.lending import lent_keras
from frameworks.keras.live.copying import Copier
from frameworks.keras.live.losses import loss_of
from frameworks.keras.live.stepping import stepper_of_backend
from frameworks.keras.loading import keras
from frameworks.live.model import Training

__all__ = ["Compiled", "compiled_copy", "lent", "set_rate", "versions"]

_NAMES = "object_name_uids"


@contextmanager
def lent(dtype: str) -> Iterator[None]:
    """Let Keras compute in a dtype; afterwards restore all it keeps for the process."""
    names = global_state.get_global_attribute(_NAMES)
    before = None if names is None else dict(names)
    with stepper_of_backend().lent(), lent_keras(dtype):
        try:
            yield
        finally:
            if names is not None and before is not None:
                names.clear()
                names.update(before)


class Compiled(NamedTuple):
    """A compiled copy, with copies of a step and of a schedule by epochs, if there are any."""

    model: keras.Model
    step: Any
    by_epoch: Any
    notes: list[str]


def compiled_copy(training: Training, dtype: str) -> Compiled:
    """Return a copy of the model, compiled with copies of what trains it.

    The learning rate, the slots of an optimizer in mid-training and the state of everything else
    are as they are now. Raises RequestError if there is no loss or no optimizer.
    """
    own, copied = training.model, Copier(dtype)
    if not isinstance(own, keras.Model):
        raise RequestError(f"a keras.Model is needed, got {type(own).__name__}")
    notes = _mixed(own, dtype)
    model = copied(own)
    notes += _computed_once(model)
    loss = copied(loss_of(training))
    optimizer = keras.optimizers.get(copied(_optimizer(training)))
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        notes.append(f"the loss is not scaled: in {dtype} nothing underflows")
        optimizer = optimizer.inner_optimizer
    if isinstance(training.scheduler, keras.optimizers.schedules.LearningRateSchedule):
        optimizer._learning_rate = copied(training.scheduler)
    elif training.scheduler is not None and not _by_epoch(training):
        raise RequestError(
            "a scheduler for Keras is a LearningRateSchedule, or with step_on='epoch' a function "
            f"of the epoch and the learning rate, not {type(training.scheduler).__name__}"
        )
    weights = getattr(own._compile_loss, "_user_loss_weights", None)
    # The base class's: a model's own may take other arguments, and has left its attributes.
    keras.Model.compile(
        model,
        optimizer=optimizer,
        loss=loss,
        loss_weights=None if training.loss is not None else copied(weights),
        run_eagerly=bool(own.run_eagerly),
        jit_compile=own.jit_compile if own.compiled else "auto",
    )
    step = copied.with_own_state(training.step)
    by_epoch = copied(training.scheduler) if training.step_on == "epoch" else None
    if hasattr(training.step, "get_concrete_function"):
        notes.append("the tf.function of the step is run eagerly: its Python runs in every step")
    return Compiled(model, step, by_epoch, notes)


def _optimizer(training: Training) -> Any:
    if training.optimizer is not None:
        return training.optimizer
    optimizer = getattr(training.model, "optimizer", None)
    if optimizer is None:
        raise RequestError(
            "the Keras model has no optimizer: compile it, or write Training(model, loss=..., "
            "optimizer=...)"
        )
    return optimizer


def _by_epoch(training: Training) -> bool:
    return training.step_on == "epoch" and callable(
        getattr(training.scheduler, "schedule", training.scheduler)
    )


def _mixed(model: keras.Model, dtype: str) -> list[str]:
    names = {layer.dtype_policy.name for layer in model._flatten_layers()}
    mixed = sorted(name for name in names if name.startswith("mixed"))
    return [f"{', '.join(mixed)} is computed in {dtype} throughout"] if mixed else []


def _computed_once(model: keras.Model) -> list[str]:
    """Let layers keep what a `RematScope` would compute again; return a note if any did."""
    again = [layer for layer in model._flatten_layers() if getattr(layer, "_remat_mode", None)]
    for layer in again:
        layer._remat_mode = None
    return ["nothing is rematerialized, so that dropout keeps its masks"] if again else []


def set_rate(optimizer: keras.optimizers.Optimizer, scheduler: Any, epoch: int) -> None:
    """Set the rate η(epoch) or η(epoch, η) of a schedule by epochs, as `LearningRateScheduler`."""
    if scheduler is not None:
        rate = getattr(scheduler, "schedule", scheduler)
        arguments = (epoch, float(optimizer.learning_rate))
        optimizer.learning_rate = float(rate(*arguments[: len(signature(rate).parameters)]))


def versions() -> dict[str, str]:
    """Return the versions of Keras and of what it computes with, and the device."""
    backend, tensor = keras.config.backend(), keras.ops.convert_to_tensor(0.0)
    own = {"keras": keras.__version__, backend: version(backend), "numpy": np.__version__}
    return own | {"device": str(getattr(tensor, "device", ""))}
