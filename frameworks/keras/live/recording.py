"""Every call of every layer of a Keras model, in the order in which they happen.

Keras has no hooks. A layer looks its own `call` up on the instance, so one is set there for the
duration of a pass; an activation given as an argument (`Dense(8, activation="relu")`) is set
likewise, and tells what it was given.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from keras.src import backend  # its masks have no public place

from frameworks.keras.live.layers import Leaf
from frameworks.keras.loading import keras

__all__ = ["Call", "recorded", "replaced"]

Tensors = list[Any]

_NO_TENSORS = keras.Variable, np.generic


@dataclass(frozen=True)
class Call:
    """One call of a layer, or of the activation inside it."""

    leaf: Leaf
    inputs: Tensors
    output: Any  # of the backend; None if it was not one tensor
    activation: Any = None  # the function or layer inside the leaf that was called


@contextmanager
def replaced(thing: Any, **attributes: Any) -> Iterator[None]:
    """Set attributes of an object, past what Keras does when one is set; then restore them."""
    own = vars(thing)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            own.pop(name)
        own.update(before)


@contextmanager
def recorded(leaves: Sequence[Leaf], added: Tensors | None = None) -> Iterator[list[Call]]:
    """Note the calls of these layers in the yielded list.

    `added`, if given, has what is added to the output of each call, or None; to what activations
    within layers return, not to what they are given.
    """
    calls: list[Call] = []
    with ExitStack() as stack:
        for leaf in leaves:
            of_activation: list[tuple[Any, Any]] = []
            run = partial(_run, leaf, leaf.layer.call, of_activation, calls, added)
            stack.enter_context(replaced(leaf.layer, call=run))
            activation = _activation(leaf)
            if activation is not None:
                watched = partial(_activate, activation, of_activation)
                stack.enter_context(replaced(leaf.layer, activation=watched))
        yield calls


def _activation(leaf: Leaf) -> Any:
    """Return the activation that a layer with weights was given; not that of recurrent steps."""
    if not leaf.layout.own or hasattr(type(leaf.layer), "activation"):
        return None
    activation = getattr(leaf.layer, "activation", None)
    return None if activation is keras.activations.linear else activation


def _activate(activation: Callable[[Any], Any], seen: list[tuple[Any, Any]], z: Any) -> Any:
    a = activation(z)
    seen.append((z, a))
    return a


def _run(
    leaf: Leaf,
    call: Callable[..., Any],
    of_activation: list[tuple[Any, Any]],
    calls: list[Call],
    added: Tensors | None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Do what `call` does and note it, the activation apart if the layer ends in it."""
    of_activation.clear()
    output = call(*args, **kwargs)
    inputs = _tensors((args, {k: v for k, v in kwargs.items() if "mask" not in k}))
    if len(of_activation) == 1 and of_activation[0][1] is output:
        ((z, _),) = of_activation
        activation = leaf.layer.activation.args[0]
        calls += [Call(leaf, inputs, z), Call(leaf, [z], output, activation)]
    else:
        single = keras.tree.flatten(output)
        calls.append(Call(leaf, inputs, single[0] if len(single) == 1 else None))
    more = None if added is None else added[len(calls) - 1]
    if more is None or hasattr(output, "_keras_logits"):
        return output
    (z,) = keras.tree.flatten(output)
    moved = z + more
    backend.set_keras_mask(moved, backend.get_keras_mask(z))
    return keras.tree.pack_sequence_as(output, [moved])


def _tensors(structure: Any) -> Tensors:
    """Return tensors and arrays; NumPy's numbers are none, as Python's are not."""
    flat = keras.tree.flatten(structure)
    return [x for x in flat if hasattr(x, "shape") and not isinstance(x, _NO_TENSORS)]
