"""The levels of the first batch: what is compared on each, in the order in which it is computed."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from frameworks.diverge.layers import align, weight_names
from frameworks.diverge.side import First
from frameworks.probe import LayerOutput, Opened

__all__ = ["FIRST_BATCH", "Item", "forward", "gradient", "inputs", "loss", "names_of", "step"]


class Item(NamedTuple):
    """Two things that are to be equal, and what they are called."""

    where: str
    a: Any
    b: Any
    position: int = 0  # of the layer or the weight


def inputs(a: First, b: First) -> Iterator[Item]:
    """The data as the implementations receive them, the initial weights, the batch orders."""
    yield Item("training rows", a.opened.batch.X, b.opened.batch.X)
    yield Item("training labels", a.opened.batch.y, b.opened.batch.y)
    yield Item("test rows", a.side.data.X_test, b.side.data.X_test)
    yield Item("test labels", a.side.data.y_test, b.side.data.y_test)
    yield from _weights("initial ", a, a.opened.initial_weights, b.opened.initial_weights)
    yield Item("rows in a batch", np.array(a.side.batch_size), np.array(b.side.batch_size))
    for epoch, (x, y) in enumerate(zip(_orders(a.opened), _orders(b.opened), strict=False), 1):
        yield Item(f"batch order of epoch {epoch}", x, y, epoch)


def forward(a: First, b: First) -> Iterator[Item]:
    """The output of every layer, in evaluation mode and in training mode, and the network's."""
    yield from _layers(a.layers, b.layers, "")
    yield Item("the network's outputs", a.outputs, b.outputs, len(a.layers))
    yield from _layers(a.training_layers, b.training_layers, ", in training mode")


def loss(a: First, b: First) -> Iterator[Item]:
    """The loss that is trained on."""
    yield Item("loss", a.loss_and_gradients[0], b.loss_and_gradients[0])


def gradient(a: First, b: First) -> Iterator[Item]:
    """The loss's gradient for every weight."""
    yield from _weights("gradient of ", a, a.loss_and_gradients[1], b.loss_and_gradients[1])


def step(a: First, b: First) -> Iterator[Item]:
    """Every weight after one optimizer step, taken by the code that trains."""
    yield Item("loss of the step", a.step.loss, b.step.loss)
    yield from _weights("", a, a.step.after, b.step.after)


FIRST_BATCH = {"forward": forward, "loss": loss, "gradient": gradient, "step": step}


def names_of(first: First) -> list[str]:
    """Return a name for each weight of the network."""
    return list(weight_names(first.layers, len(first.opened.initial_weights)))


def _weights(prefix: str, first: First, a: Any, b: Any) -> Iterator[Item]:
    for i, (name, x, y) in enumerate(zip(names_of(first), a, b, strict=True)):
        yield Item(prefix + name, x, y, i)


def _layers(a: list[LayerOutput], b: list[LayerOutput], suffix: str) -> Iterator[Item]:
    for i, j in align(a, b):
        x, y = a[i], b[j]
        if x.values is not None and y.values is not None:
            kind = x.kind if x.kind == y.kind else f"{x.kind} against {y.kind}"
            yield Item(f"layer {i + 1} ({kind}){suffix}", x.values, y.values, i)


def _orders(opened: Opened) -> Iterator[np.ndarray]:
    in_order = np.arange(len(opened.batch.X))
    return (in_order if order is None else order for order in opened.orders)
