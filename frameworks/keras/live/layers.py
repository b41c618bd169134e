"""The layers of a Keras model that compute, with their paths and their canonical weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from frameworks.keras.layouts import canonical_states, layout_of
from frameworks.keras.loading import keras
from frameworks.layout import Layout

__all__ = ["Leaf", "attributes_restored", "carried_states", "find_leaves", "of_keras"]

_PLAIN = bool | int | float | str | tuple | None
_RECURRENT = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")


@dataclass(frozen=True)
class Leaf:
    """A layer or operator that is not looked into, and what it learns."""

    path: str
    layer: keras.Operation
    layout: Layout = field(default_factory=Layout.same)
    names: tuple[str, ...] = ()  # of the canonical weights
    states: tuple[keras.Variable, ...] = ()


def find_leaves(model: keras.Model) -> list[Leaf]:
    """Return all layers and operators, models and layers of the user's own unrolled.

    What Keras composes itself, such as a bidirectional layer or attention, is one layer. A layer of
    the user's own with weights is one too, beside the layers it is made of.
    """
    leaves: list[Leaf] = []
    paths: set[str] = set()
    for path, layer in _walk(model, "", set()):
        number, unique = 1, path
        while unique in paths:
            unique, number = f"{path}#{number + 1}", number + 1
        paths.add(unique)
        leaves.append(_leaf(unique, layer))
    return leaves


def carried_states(model: keras.Model) -> list[keras.Variable]:
    """Return what stateful recurrent layers carry to the next batch: no variables of the model."""
    stateful = [a for a in model._flatten_layers() if getattr(a, "stateful", False)]
    states = [v for layer in stateful for v in keras.tree.flatten(layer.states)]
    return [v for v in states if isinstance(v, keras.Variable)]


@contextmanager
def attributes_restored(model: keras.Model) -> Iterator[None]:
    """Let the user's own layers hold, afterwards, the plain attributes that they hold now.

    A layer may count its calls. What is made in a first call stays.
    """
    beside = {*vars(keras.Layer(name="any"))}
    own = [vars(layer) for layer in model._flatten_layers() if not of_keras(type(layer))]
    kept = [{k: v for k, v in each.items() if k not in beside and isinstance(v, _PLAIN)}
            for each in own]  # fmt: skip
    lists = [(x, [*x]) for each in own for x in each.values() if _is_own_list(x)]
    try:
        yield
    finally:
        for attributes, before in zip(own, kept, strict=True):
            attributes.update(before)
        for x, items in lists:
            x[:] = items


def _is_own_list(x: Any) -> bool:
    """Return whether this is a list of plain values, not of layers."""
    return isinstance(x, list) and all(isinstance(each, _PLAIN) for each in x)


def _walk(layer: Any, path: str, seen: set[int]) -> Iterator[tuple[str, keras.Operation]]:
    for part in _parts(layer):
        if id(part) in seen or isinstance(part, keras.layers.InputLayer):
            continue
        seen.add(id(part))
        inside = f"{path}/{part.name}" if path else part.name
        whole = not _parts(part)
        if not whole:
            yield from _walk(part, inside, seen)
        if whole or part._trainable_variables:
            yield inside, part
    if not path and layer._trainable_variables:
        yield layer.name, layer


def _parts(layer: Any) -> list[Any]:
    """Return what a model or a layer of the user's own is made of; nothing for a leaf."""
    if isinstance(layer, keras.Sequential):
        return layer.layers
    if hasattr(layer, "operations"):
        return layer.operations
    if isinstance(layer, keras.Model):
        return layer._layers
    bases = type(layer).__mro__
    at = bases.index(keras.Layer) if keras.Layer in bases else 0
    return layer._layers if at and not any(map(of_keras, bases[:at])) else []


def of_keras(cls: type) -> bool:
    """Return whether a class is one of Keras."""
    return cls.__module__.startswith("keras.")


def _leaf(path: str, layer: keras.Operation) -> Leaf:
    if not isinstance(layer, keras.Layer):
        return Leaf(path, layer)
    layout = _layout(layer)
    names = _names(layer, layout)
    canonical = canonical_states(layer)
    states = canonical or [v for v in layer._non_trainable_variables if _is_learned(v)]
    return Leaf(path, layer, layout, tuple(names), tuple(states))


def _layout(layer: keras.Layer) -> Layout:
    """Return the canonical layout of the layer's weights; as they are if it is not known."""
    if _parts(layer):  # what its parts learn is theirs
        return Layout.same(*layer._trainable_variables)
    try:
        layout = layout_of(layer)
    except (AttributeError, TypeError):
        return _as_they_are(layer)
    known = {id(v) for v in layout.own if isinstance(v, keras.Variable)}
    all_of_it = known == {id(v) for v in _as_they_are(layer).own}
    return layout if all_of_it and len(known) == len(layout.own) else _as_they_are(layer)


def _as_they_are(layer: keras.Layer) -> Layout:
    """Return all that was made to be trained, now frozen or not, in the order of the parts."""
    order = {id(v): k for k, v in enumerate(layer.weights)}  # of stacked cells, as they run
    made = [v for each in layer._flatten_layers() for v in each._trainable_variables]
    return Layout.same(*sorted(made, key=lambda v: order.get(id(v), len(order))))


def _names(layer: keras.Layer, layout: Layout) -> list[str]:
    if isinstance(layer, keras.layers.Bidirectional):
        sides = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        return [f"{s}.{name}" for s, each in sides.items() for name in _names(each, _layout(each))]
    recurrent = hasattr(layer, "cell") or hasattr(layer, "state_size")
    if recurrent and len(layout.own) <= layout.count <= len(_RECURRENT):
        return [*_RECURRENT[: layout.count]]
    names = [v.name for v in layout.own]
    if len({*names}) < len(names):
        names = [".".join(v.path.split("/")[-2:]) for v in layout.own]
    return names


def _is_learned(variable: keras.Variable) -> bool:
    return variable.dtype.startswith(("float", "bfloat")) and "seed_generator" not in variable.path
