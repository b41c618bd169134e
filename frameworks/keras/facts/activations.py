"""What Keras' activations say of themselves: layers, functions, and functions inside a layer."""

import math
from dataclasses import dataclass
from typing import Any

from frameworks.keras.facts.rounding import rounded, words
from frameworks.keras.loading import keras
from frameworks.live.stating import Entry
from frameworks.probe import kind_of

__all__ = ["Gelu", "activation_entries"]

Entries = dict[str, Entry]

_NAMES = {"linear": "rearrangement", "swish": "silu"}


@dataclass(frozen=True)
class Gelu:
    """GELU x Φ(x) with a given √½, or 0.044715 in its approximation, which no backend rounds."""

    approximate: bool
    constant: float

    def __call__(self, x: Any) -> Any:
        """Return the activation of a tensor."""
        if self.approximate:
            z = math.sqrt(2 / math.pi) * (x + self.constant * x**3)
            return x * 0.5 * (1 + keras.ops.tanh(z))
        return x * 0.5 * (1 + keras.ops.erf(x * self.constant))


def activation_entries(thing: Any) -> tuple[str, Entries | None]:
    """Return an activation's kind and entries; the entries of anything else are None.

    A function is called with its defaults: `leaky_relu` has a slope of 0.2, the layer of 0.3.
    """
    if isinstance(thing, keras.layers.Activation):
        return activation_entries(thing.activation)
    if isinstance(thing, keras.layers.Layer):
        read = _LAYERS.get(type(thing).__name__)
        return ("", None) if read is None else read(thing)
    if isinstance(thing, Gelu):
        return _gelu(thing.approximate, thing.constant)
    name = getattr(thing, "__name__", type(thing).__name__)
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]()
    return _NAMES.get(name) or _kind(name), {}


def _kind(name: str) -> str:
    """Return the kind that goes by a function's name."""
    return kind_of(type(name, (), {})())


def _relu(layer: Any) -> tuple[str, Entries]:
    slope, top, threshold = layer.negative_slope, layer.max_value, layer.threshold
    entries: Entries = {}
    if threshold:
        entries["threshold"] = float(threshold), f"threshold={threshold}"
    if top is not None and not (top == 6 and not slope and not threshold):
        entries["top"] = float(top), f"max_value={top}"
    if slope:
        entries["slope"] = rounded(float(slope)), words("negative_slope", float(slope))
        return "leaky relu", entries
    return ("relu6" if top == 6 and not threshold else "relu"), entries


def _leaky_relu(slope: float, name: str = "negative_slope") -> tuple[str, Entries]:
    return "leaky relu", {"slope": (rounded(slope), words(name, slope))}


def _elu(alpha: float) -> tuple[str, Entries]:
    return "elu", {"alpha": (alpha, f"alpha={alpha}")}


def _celu(alpha: float) -> tuple[str, Entries]:
    return "celu", {"alpha": (alpha, f"alpha={alpha}"), "slope_at_zero": (2.0, "celu'(0) = 2")}


def _gelu(approximate: bool = False, constant: float | None = None) -> tuple[str, Entries]:
    name, exact = ("0.044715", 0.044715) if approximate else ("√½", math.sqrt(0.5))
    said, acts = f"approximate={approximate}", rounded(exact) if constant is None else constant
    entry = acts, f"{name} = {acts:.10g}"
    return "gelu", {"approximate": (approximate, said), "constant": entry}


def _selu() -> tuple[str, Entries]:
    return "selu", {"slope_at_zero": ("right", "selu'(0) = λ")}


def _softplus() -> tuple[str, Entries]:
    """TensorFlow and JAX have no straight part; torch's is used with its default."""
    if keras.config.backend() == "torch":
        return "softplus", {"threshold": (20.0, "torch's threshold=20")}
    return "softplus", {"threshold": (math.inf, "no threshold")}


def _softmax(axis: Any = -1) -> tuple[str, Entries]:
    return "softmax", {"axis": (axis, f"axis={axis}")}


def _prelu(layer: Any) -> tuple[str, Entries]:
    axes = tuple(layer.shared_axes or ())
    shared = "positions" if axes else "nothing"
    return "prelu", {"shared_by": (shared, f"shared_axes={layer.shared_axes}")}


_LAYERS = {
    "ReLU": _relu,
    "LeakyReLU": lambda layer: _leaky_relu(float(layer.negative_slope)),
    "ELU": lambda layer: _elu(float(layer.alpha)),
    "PReLU": _prelu,
    "Softmax": lambda layer: _softmax(layer.axis),
}
_FUNCTIONS = {
    "leaky_relu": lambda: _leaky_relu(0.2),
    "elu": lambda: _elu(1.0),
    "celu": lambda: _celu(1.0),
    "gelu": _gelu,
    "selu": _selu,
    "softplus": _softplus,
    "softmax": _softmax,
}
