"""The loss of a Keras training: one, one for each output, or none but what layers add."""

from typing import Any

from keras.src.losses.losses import LossFunctionWrapper

from frameworks.errors import RequestError
from frameworks.keras.facts import loss_facts
from frameworks.keras.live.layers import of_keras
from frameworks.keras.loading import keras
from frameworks.live.model import Training
from frameworks.recordings.trace import Facts

__all__ = ["facts_of", "loss_of", "takes_labels"]


def loss_of(training: Training) -> Any:
    """Return the loss; one of Keras' functions as the object that computes it.

    None if layers add all there is to the loss, or a `train_step` or a `compute_loss` of the
    user's own does without one. RequestError if there is nothing to train by.
    """
    own = training.model
    loss = getattr(own, "loss", None) if training.loss is None else training.loss
    if loss is None and not (own.compiled or own.losses or training.step is not None):
        raise RequestError(
            "the Keras model has no loss: compile it, or write Training(model, loss=..., "
            "optimizer=...)"
        )
    return loss if loss is None or isinstance(loss, list | tuple | dict) else _as_object(loss)


def _as_object(loss: Any) -> Any:
    """Return the `keras.losses.Loss` for a name or a function of Keras, else the loss itself."""
    function = keras.losses.get(loss)
    own = [each for each in LossFunctionWrapper.__subclasses__() if of_keras(each)]
    return next((made for made in (each() for each in own) if made.fn is function), function)


def takes_labels(loss: Any) -> bool | None:
    """Return whether a loss takes classes as labels or one-hot; None if it takes numbers."""
    name = getattr(getattr(loss, "fn", None), "__name__", "")
    if "categorical" not in name or "entropy" not in name:
        return None
    return name.startswith("sparse")


def facts_of(model: keras.Model, logits: bool | None) -> Facts:
    """Return the facts of a compiled model's loss; those of several, one after the other."""
    loss = model.loss
    if loss is None:
        own = type(model).train_step is not keras.Model.train_step
        return Facts("of its own train_step" if own else "added by layers")
    if not isinstance(loss, list | tuple | dict):
        return loss_facts(loss, logits)
    several = loss.values() if isinstance(loss, dict) else loss
    each = [loss_facts(one, logits) for one in several]
    return Facts(" + ".join(one.kind for one in each))
