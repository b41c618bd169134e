"""Set one fact of a Keras object: on a copy, to try a remedy."""

from typing import Any

from frameworks.keras.facts.activations import Gelu, activation_entries
from frameworks.keras.facts.schedules import schedule_of
from frameworks.keras.loading import keras

__all__ = ["set_fact", "set_of_activation"]

_LAYERS = {
    "epsilon": "epsilon",
    "keep": "momentum",
    "rate": "rate",
    "slope": "negative_slope",
    "alpha": "alpha",
    "axis": "axis",
    "top": "max_value",
    "threshold": "threshold",
    "masked": "mask_zero",
}
_OPTIMIZERS = {
    "momentum": "momentum",
    "nesterov": "nesterov",
    "beta_1": "beta_1",
    "beta_2": "beta_2",
    "rho": "rho",
    "epsilon": "epsilon",
    "amsgrad": "amsgrad",
    "centered": "centered",
    "start": "initial_accumulator_value",
    "decoupled_decay": "weight_decay",
    "clip_value": "clipvalue",
    "clip_norm": "clipnorm",
    "clip_global_norm": "global_clipnorm",
    "loss_scale": "loss_scale_factor",
    "accumulated": "gradient_accumulation_steps",
}
_WITH_STATE = ("momentum", "amsgrad", "centered", "start", "accumulated")  # made by `build`
_LOSSES = {
    "smoothing": "label_smoothing",
    "delta": "delta",
    "ignored": "ignore_class",
    "axis": "axis",
}


def set_fact(thing: Any, name: str, value: Any) -> bool:
    """Set a fact of a layer, a loss or an optimizer by its canonical name; return if it could be.

    What a function already compiled has read stays as it was: compile again afterwards.
    """
    if isinstance(thing, keras.optimizers.Optimizer):
        return _set_of_optimizer(thing, name, value)
    if isinstance(thing, keras.losses.Loss):
        return _set_of_loss(thing, name, value)
    if isinstance(thing, keras.layers.Layer):
        return _set_of_layer(thing, name, value)
    return False


def _set_of_layer(layer: Any, name: str, value: Any) -> bool:
    if name == "frozen":
        layer.trainable = not value
        return True
    if isinstance(layer, keras.layers.Activation):
        return set_of_activation(layer, name, value)
    own = _LAYERS.get(name)
    if own is None or not hasattr(layer, own):
        return False
    setattr(layer, own, value)
    return True


def set_of_activation(layer: Any, name: str, value: Any) -> bool:
    """Set a fact of the activation that a layer was given: of a GELU; return if it could be."""
    kind, entries = activation_entries(layer.activation)
    if kind != "gelu" or not entries or name not in entries:
        return False
    values = {own: stated for own, (stated, _) in entries.items()}
    layer.activation = Gelu(**(values | {name: value}))
    return True


def _set_of_optimizer(optimizer: Any, name: str, value: Any) -> bool:
    if name == "learning_rate":
        if schedule_of(optimizer) is not None:
            return False
        optimizer.learning_rate = value
        return True
    own = _OPTIMIZERS.get(name)
    if own is None or not hasattr(optimizer, own) or (name in _WITH_STATE and optimizer.built):
        return False
    setattr(optimizer, own, value)
    return True


def _set_of_loss(loss: Any, name: str, value: Any) -> bool:
    if name == "reduction":
        own = {"mean": "sum_over_batch_size", "weighted mean": "mean_with_sample_weight"}
        if value not in own and value != "none":
            return False
        loss.reduction = own.get(value, value)
        return True
    arguments = getattr(loss, "_fn_kwargs", None)
    if arguments is None:
        return False
    if name == "takes":
        if "from_logits" not in arguments or value not in ("logits", "probabilities"):
            return False
        arguments["from_logits"] = value == "logits"
        return True
    if _LOSSES.get(name) not in arguments:
        return False
    arguments[_LOSSES[name]] = value
    return True
