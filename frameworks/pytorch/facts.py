"""Stand-in."""

from collections.abc import Mapping
from typing import Any

from frameworks.probe import kind_of
from frameworks.recordings.trace import Facts


def layer_facts(layer: Any, input_shape: tuple[int, ...] | None) -> Facts:
    """Stand-in."""
    return Facts(kind_of(layer))


_NAMES = {"relu": "relu", "relu_": "relu", "linear": "dense", "sigmoid": "sigmoid", "tanh": "tanh",
          "softmax": "softmax", "dropout": "dropout", "add": "sum", "add_": "sum",
          "log_softmax": "log-softmax", "max_pool2d": "max pooling"}


def function_facts(name: str, arguments: Mapping[str, Any]) -> Facts:
    """Stand-in."""
    return Facts(_NAMES.get(name, name))


def loss_facts(loss: Any, logits: bool | None) -> Facts:
    """Stand-in."""
    name = getattr(loss, "__name__", type(loss).__name__)
    return Facts({"CrossEntropyLoss": "categorical cross-entropy", "NLLLoss": "categorical cross-entropy",
                  "BCEWithLogitsLoss": "binary cross-entropy", "BCELoss": "binary cross-entropy",
                  "MSELoss": "mean squared error"}.get(name, name),
                 {"takes": {"NLLLoss": "log-probabilities", "BCELoss": "probabilities"}.get(name, "logits")})


def optimizer_facts(optimizer: Any) -> list[Facts]:
    """Stand-in."""
    return [Facts(type(optimizer).__name__.lower(), {"learning_rate": float(g["lr"])}) for g in optimizer.param_groups]


def schedule_facts(scheduler: Any) -> Facts | None:
    """Stand-in."""
    return None if scheduler is None else Facts(type(scheduler).__name__)


def set_fact(thing: Any, name: str, value: Any) -> bool:
    """Stand-in."""
    return False
