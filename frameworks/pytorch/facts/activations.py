"""What PyTorch's activation modules say of themselves."""

import math
from collections.abc import Callable
from typing import Any

from torch import nn

from frameworks.live.stating import Entry, given
from frameworks.probe import kind_of

__all__ = ["activation_entries"]

Entries = dict[str, Entry]


def activation_entries(module: nn.Module) -> tuple[str, Entries] | None:
    """Return an activation's kind and entries; None for any other module."""
    kind = kind_of(module)
    if isinstance(module, nn.Hardtanh):  # a ReLU6 is one
        return _hard_tanh(module)
    if kind in _READERS:
        return kind, _READERS[kind](module)
    return (kind, {}) if kind in _PLAIN else None


def _hard_tanh(module: Any) -> tuple[str, Entries]:
    if (module.min_val, module.max_val) == (0, 6):
        return "relu6", {}
    if (module.min_val, module.max_val) == (-1, 1):
        return "hard tanh", {}
    return "hard tanh", given(module, bottom="min_val", top="max_val")


def _gelu(module: Any) -> Entries:
    approximate = module.approximate == "tanh"
    name, constant = ("0.044715", 0.044715) if approximate else ("√½", math.sqrt(0.5))
    return {
        "approximate": (approximate, f"approximate={module.approximate!r}"),
        "constant": (constant, f"{name} = {constant:.10g}"),
    }


def _softplus(module: Any) -> Entries:
    entries = given(module, threshold="threshold")
    return entries | (given(module, beta="beta") if module.beta != 1 else {})


def _softmax(module: Any) -> Entries:
    """Axis 1 of an image's (n, c, h, w) or of a row's (n, d) is the last one here."""
    axis = -1 if module.dim in (1, -1, None) else module.dim
    return {"axis": (axis, f"dim={module.dim}")}


def _prelu(module: Any) -> Entries:
    shared = "everything" if module.num_parameters == 1 else "positions"
    return {"shared_by": (shared, f"num_parameters={module.num_parameters}")}


_PLAIN = (
    *("relu", "sigmoid", "tanh", "silu", "mish", "softsign", "log sigmoid"),
    *("hard sigmoid", "hard swish", "tanh shrink", "glu"),
)
_READERS: dict[str, Callable[[Any], Entries]] = {
    "gelu": _gelu,
    "leaky relu": lambda module: given(module, slope="negative_slope"),
    "elu": lambda module: given(module, alpha="alpha"),
    "celu": lambda module: {
        **given(module, alpha="alpha"),
        "slope_at_zero": (1.0, "celu'(0) = 1"),
    },
    "selu": lambda module: {"slope_at_zero": ("left", "selu'(0) = λα")},
    "softplus": _softplus,
    "softmax": _softmax,
    "log softmax": _softmax,
    "prelu": _prelu,
    "hard shrink": lambda module: given(module, threshold="lambd"),
    "soft shrink": lambda module: given(module, threshold="lambd"),
}
