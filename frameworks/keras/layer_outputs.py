"""A look at what each layer of a Keras model is given and returns."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from frameworks.keras.layouts import in_order, layout_of
from frameworks.keras.loading import keras
from frameworks.probe import LayerOutput, kind_of

__all__ = ["layer_outputs"]

ToNumpy = Callable[[Any], np.ndarray]


def layer_outputs(
    model: keras.Model, X: Any, training: bool, to_numpy: ToNumpy
) -> list[LayerOutput]:
    """Run a model on X; return what each of its layers computed, in call order.

    `Dense(8, activation="relu")` is two layers in one, and returned as such. The branches of a
    functional model follow one another, as their weights do.
    """
    found: list[tuple[int, LayerOutput]] = []
    places = {id(layer): k for k, layer in enumerate(in_order(model))}
    seen: set[int] = set()

    kinds = {id(layer): _activation(layer) for layer in model.layers}

    def note(layer: keras.layers.Layer, given: Any, inner: list[Any], output: Any) -> None:
        own = 0 if id(layer) in seen else layout_of(layer).count
        seen.add(id(layer))
        kind, name = kind_of(layer), type(layer).__name__
        x, values = (_array(a, to_numpy) for a in (given, output))
        activation = kinds[id(layer)]
        if inner and activation != "linear":  # what the activation was given
            z = to_numpy(inner[-1])
            if isinstance(layer, keras.layers.Activation):
                kind = activation
            else:
                found.append((id(layer), LayerOutput(kind, name, z, own, x)))
                kind, own, x = activation, 0, z
        found.append((id(layer), LayerOutput(kind, name, values, own, x)))

    with ExitStack() as stack:
        for layer in model.layers:
            stack.enter_context(_noted(layer, note))
        model(X, training=training)
    if hasattr(model, "operations"):  # of a subclassed model only the calls tell the order
        found.sort(key=lambda each: places[each[0]])
    return [each for _, each in found]


def _array(x: Any, to_numpy: ToNumpy) -> np.ndarray | None:
    return to_numpy(x) if keras.ops.is_tensor(x) else None


def _activation(layer: keras.layers.Layer) -> str:
    """Return the kind of a layer's own activation; "linear" without one."""
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Activation):
        activation = activation.activation
    if isinstance(activation, keras.layers.Layer):
        return kind_of(activation)
    return getattr(activation, "__name__", "linear").replace("_", " ")


@contextmanager
def _noted(layer: keras.layers.Layer, note: Callable[..., None]) -> Iterator[None]:
    """Note each call of a layer, with what its activation is given.

    Keras has no hooks: `call` and `activation` are set on the instance, past Keras' own tracking,
    and taken away again.
    """
    call = layer.call
    inner: list[Any] = []
    changed = {"call": vars(layer).get("call"), "activation": vars(layer).get("activation")}

    def noting(*inputs: Any, **options: Any) -> Any:
        inner.clear()
        output = call(*inputs, **options)
        note(layer, inputs[0] if inputs else None, inner, output)
        return output

    def activate(z: Any) -> Any:
        inner.append(z)
        return changed["activation"](z)

    object.__setattr__(layer, "call", noting)
    if callable(changed["activation"]) and not hasattr(layer, "cell"):
        object.__setattr__(layer, "activation", activate)
    try:
        yield
    finally:
        for name, before in changed.items():
            if before is not None:
                object.__setattr__(layer, name, before)
            else:
                vars(layer).pop(name, None)
