"""Stand-in."""

from typing import Any

from frameworks.keras.loading import keras
from frameworks.probe import kind_of
from frameworks.recordings.trace import Facts


def layer_facts(layer: Any, input_shape: tuple[int, ...] | None = None) -> Facts:
    """Stand-in."""
    if hasattr(layer, "__name__"):
        return Facts(kind_of(type(layer.__name__, (), {})()))
    return Facts(kind_of(layer))


def loss_facts(loss: Any, logits: bool | None = None) -> Facts:
    """Stand-in."""
    name = getattr(getattr(loss, "fn", loss), "__name__", type(loss).__name__)
    kinds = {"sparse_categorical_crossentropy": "categorical cross-entropy"}
    return Facts(kinds.get(name, name))


def optimizer_facts(optimizer: Any) -> list[Facts]:
    """Stand-in."""
    return [Facts(type(optimizer).__name__.lower())]


def schedule_facts(scheduler: Any, step_on: str = "batch") -> Facts | None:
    """Stand-in."""
    if isinstance(scheduler, keras.optimizers.Optimizer):
        scheduler = scheduler._learning_rate
        if isinstance(scheduler, keras.Variable):
            return None
    return None if scheduler is None else Facts(type(scheduler).__name__)


def set_fact(thing: Any, name: str, value: Any) -> bool:
    """Stand-in."""
    if not hasattr(thing, name):
        return False
    setattr(thing, name, value)
    return True
