"""What a Keras layer says of its weights: frozen, penalized, constrained, in which precision."""

from collections.abc import Iterator
from typing import Any

from frameworks.keras.facts.rounding import rounded
from frameworks.keras.loading import keras
from frameworks.live.stating import Entry, described, number

__all__ = ["weight_entries"]

# Keras' own prefixes of `_regularizer` and `_constraint`, and the canonical names.
_PARTS = {
    "kernel": "kernel",
    "depthwise": "kernel",
    "pointwise": "pointwise_kernel",
    "recurrent": "recurrent_kernel",
    "bias": "bias",
    "gamma": "gamma",
    "beta": "beta",
    "embeddings": "vectors",
    "alpha": "slopes",
}


def weight_entries(layer: Any) -> dict[str, Entry]:
    """Return what is not the same for all layers with weights; nothing for a layer without."""
    if not isinstance(layer, keras.layers.Layer) or not layer.weights:
        return {}
    entries: dict[str, Entry] = {"precision": _precision(layer.dtype_policy)}
    if not layer.trainable:
        entries["frozen"] = True, "trainable=False"
    for prefix, part in _PARTS.items():
        names = f"{prefix}_regularizer", f"{prefix}_constraint"
        regularizer, constraint = (_attribute(layer, name) for name in names)
        entries |= dict(_penalty(part, names[0], regularizer))
        if constraint is not None:
            what = described(constraint)
            entries[f"{part}_constraint"] = what, f"{names[1]}={what}"
    if (activity := getattr(layer, "activity_regularizer", None)) is not None:
        what = described(activity)
        entries["activity_penalty"] = what, f"activity_regularizer={what}"
    return entries


def _precision(policy: Any) -> Entry:
    """Return in which dtypes a layer computes and holds its weights: of a copy, in the original."""
    given = getattr(policy, "given", policy)
    return (given.compute_dtype, given.variable_dtype), f"dtype={given.name}"


def _attribute(layer: Any, name: str) -> Any:
    """Return an attribute of the layer or, in attention and recurrent layers, its own place."""
    for holder, own in ((layer, name), (layer, f"_{name}"), (getattr(layer, "cell", None), name)):
        if (found := getattr(holder, own, None)) is not None:
            return found
    return None


def _penalty(part: str, name: str, regularizer: Any) -> Iterator[tuple[str, Entry]]:
    """Yield the λ of g + λ w, which is 2 l for l Σ w², and the l of l Σ |w|: those that act."""
    if regularizer is None:
        return
    l1, l2 = (getattr(regularizer, each, None) for each in ("l1", "l2"))
    if l1 is None and l2 is None:
        what = described(regularizer)
        yield f"{part}_penalty", (what, f"{name}={what}")
    if l2 is not None and number(l2):
        rate, words = _acting(f"{name}=L2", number(l2))
        yield f"{part}_decay", (2 * rate, f"{words}, a gradient of {2 * rate:.10g} w")
    if l1 is not None and number(l1):
        yield f"{part}_l1", _acting(f"{name}=L1", number(l1))


def _acting(name: str, x: float) -> tuple[float, str]:
    """Return the number that acts, as Keras casts it, and the words for it."""
    acts = rounded(x)
    said = f"{name}({x:.10g})"
    return acts, said if acts == x else f"{said}, rounded to {acts:.10g}"
