"""Stand-in."""

from typing import Any

from frameworks.probe import kind_of
from frameworks.recordings.trace import Facts


def layer_facts(layer: Any, input_shape: tuple[int, ...] | None) -> Facts:
    """Stand-in."""
    return Facts(kind_of(layer))


def loss_facts(loss: Any, logits: bool | None) -> Facts:
    """Stand-in."""
    names = {"CategoricalCrossEntropy": "categorical cross-entropy",
             "BinaryCrossEntropy": "binary cross-entropy", "MeanSquaredError": "mean squared error"}
    name = type(loss).__name__
    return Facts(names.get(name, name), {"takes": "logits"})


def optimizer_facts(optimizer: Any) -> list[Facts]:
    """Stand-in."""
    return [Facts(type(optimizer).__name__.lower(), {"learning_rate": float(optimizer.eta)})]


def schedule_facts(scheduler: Any) -> Facts | None:
    """Stand-in."""
    return None


def set_fact(thing: Any, name: str, value: Any) -> bool:
    """Stand-in."""
    return False
