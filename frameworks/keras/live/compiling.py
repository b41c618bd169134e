"""The copy of a compiled Keras model: its loss, optimizer and schedule, or those that are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keras.src.backend.common import global_state

from frameworks.errors import RequestError
from frameworks.keras.lending import lent_keras
from frameworks.keras.live.copying import Copier
from frameworks.keras.live.stepping import stepper_of_backend
from frameworks.keras.loading import keras
from frameworks.live.model import Training

__all__ = ["compiled_copy", "lent"]

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


def compiled_copy(training: Training, dtype: str) -> tuple[keras.Model, list[str]]:
    """Return a copy of the model, compiled with copies of what trains it, and notes.

    The learning rate, the slots of an optimizer in mid-training and the state of everything else
    are as they are now. Raises RequestError if there is no loss or no optimizer.
    """
    own, copied = training.model, Copier(dtype)
    if not isinstance(own, keras.Model):
        raise RequestError(f"a keras.Model is needed, got {type(own).__name__}")
    notes = _mixed(own, dtype)
    model = copied(own)
    loss = copied(_loss(training))
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
    return model, notes


def _loss(training: Training) -> Any:
    """Return the loss, as an object where it is one of Keras' functions; None if it is all added."""
    own = training.model
    loss = getattr(own, "loss", None) if training.loss is None else training.loss
    custom = type(own).compute_loss is not keras.Model.compute_loss
    if loss is None and not (own.losses or custom or training.step is not None or own.compiled):
        raise RequestError(
            "the Keras model has no loss: compile it, or write Training(model, loss=..., "
            "optimizer=...)"
        )
    if isinstance(loss, list | tuple | dict) or loss is None:
        return loss
    function = keras.losses.get(loss)
    for made in vars(keras.losses).values():
        if isinstance(made, type) and issubclass(made, keras.losses.Loss):
            if made is not keras.losses.Loss and getattr(made(), "fn", None) is function:
                return made()
    return function


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
