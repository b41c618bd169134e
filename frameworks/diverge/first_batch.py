"""The levels of the first batch: what is compared on each, and how far apart it may be.

float64: the limits of the suite. float32: the first implementation is run in float64 too, from the
same float32 numbers; its own distance from that run, tensor by tensor, is what rounding does to
this computation on this batch. The two may be `FACTOR` times as far apart, and as far as `FACTOR`
units roundoff where it happens to round well. The distances of nudged trainings, which judge whole
ones, are no limit for one batch: in a sum whose terms cancel they can all be nothing. A whole
training amplifies rounding, by how much depends on the experiment: see `floor`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.layers import align, weight_names
from frameworks.diverge.side import Side, Step, take, take_step
from frameworks.probe import LayerOutput, Opened, undisturbed
from scratch import Batch

__all__ = [
    *("FACTOR", "FIRST_BATCH", "ONE_BATCH", "ROUNDOFF", "Compared", "First", "Item"),
    *("compare", "inputs", "names_of"),
]

ONE_BATCH = 1e-12  # float64: layers, loss, gradients and the step; 4e-16 was measured
FACTOR = 16  # float32: TensorFlow's sigmoid alone is 8 units roundoff from the exact one
ROUNDOFF = float(np.finfo(np.float32).eps) / 2  # of float32


class First:
    """What one side computes on one batch, its first; each thing once, when it is first asked for.

    The side is at the weights `opened.initial_weights`.
    """

    def __init__(
        self, side: Side, opened: Opened | None = None, batch: Batch | None = None
    ) -> None:
        self.side = side
        self.opened = opened or side.open()[1]
        first = self.opened.orders[0]
        self.batch = batch or take(self.opened.batch, first, 0, side.batch_size)

    @cached_property
    def layers(self) -> list[LayerOutput]:
        """The layers' outputs in evaluation mode."""
        return self.opened.adapter.layer_outputs(self.batch.X)

    @cached_property
    def training_layers(self) -> list[LayerOutput]:
        """The layers' outputs in training mode."""
        with undisturbed(self.opened.adapter):
            return self.opened.adapter.layer_outputs(self.batch.X, training=True)

    @cached_property
    def outputs(self) -> np.ndarray:
        """The network's outputs (n, ...), as predictions are made from them."""
        adapter, weights = self.opened.adapter, self.opened.initial_weights
        outputs = adapter.outputs(self.batch.X)
        adapter.set_weights(weights)  # should the evaluation change them: `result` says so
        return outputs

    @cached_property
    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        """The loss, and its gradient for every weight."""
        with undisturbed(self.opened.adapter):
            return self.opened.adapter.loss_and_gradients(self.batch)

    @cached_property
    def gradient_terms(self) -> list[float]:
        """For each weight, the largest element of Σᵢ |gᵢ| where its gradient is Σᵢ gᵢ over rows.

        Where the terms cancel, rounding is relative to them and not to what is left. Zeros where a
        row's gradient depends on the other rows, or on chance.
        """
        if {layer.kind for layer in self.layers} & {"batch normalization", "dropout"}:
            return [0.0] * len(self.opened.initial_weights)
        rows = [take(self.batch, None, i, 1) for i in range(len(self.batch.X))]
        each = [self.opened.adapter.loss_and_gradients(row)[1] for row in rows]
        sums = [sum(of_rows) for of_rows in zip(*each, strict=True)]
        own = self.loss_and_gradients[1]
        square = sum(float(np.vdot(s, s)) for s in sums)
        share = sum(float(np.vdot(g, s)) for g, s in zip(own, sums, strict=True)) / (square or 1.0)
        terms = (sum(np.abs(g) for g in of_rows) for of_rows in zip(*each, strict=True))
        return [abs(share) * float(np.max(t)) for t in terms]  # 1/n of it, if the loss is a mean

    @cached_property
    def step(self) -> Step:
        """The first optimizer step."""
        _, opened = self.side.open()  # another one: this one stays where it is
        return take_step(opened, self.batch, self.side.batch_size)


class Item(NamedTuple):
    """Two things that are to be equal, and what they are called."""

    where: str
    a: Any
    b: Any
    position: int = 0  # of the layer, the weight or the epoch


Compared = tuple[Item, Difference]


def inputs(a: First, b: First) -> Iterator[Item]:
    """The data as the implementations receive them, the initial weights, the batch orders."""
    targets = "labels" if a.side.blueprint.task.has_answers else "targets"
    yield Item("training rows", a.opened.batch.X, b.opened.batch.X)
    yield Item(f"training {targets}", a.opened.batch.y, b.opened.batch.y)
    yield Item("test rows", a.side.data.X_test, b.side.data.X_test)
    yield Item(f"test {targets}", a.side.data.y_test, b.side.data.y_test)
    ours, theirs = a.opened.initial_weights, b.opened.initial_weights
    if len(ours) != len(theirs):
        yield Item("the number of weight arrays", np.array(len(ours)), np.array(len(theirs)))
        return
    yield from _weights("initial ", a, ours, theirs)
    yield Item("rows in a batch", np.array(a.side.batch_size), np.array(b.side.batch_size))
    for epoch, (x, y) in enumerate(zip(_orders(a.opened), _orders(b.opened), strict=False), 1):
        yield Item(f"batch order of epoch {epoch}", x, y, epoch)


def _forward(a: First, b: First) -> Iterator[Item]:
    """The output of every layer, in evaluation mode and in training mode, and the network's."""
    yield from _layers(a.layers, b.layers, "")
    yield Item("the network's outputs", a.outputs, b.outputs, len(a.layers))
    yield from _layers(a.training_layers, b.training_layers, ", in training mode")


def _loss(a: First, b: First) -> Iterator[Item]:
    """The loss that is trained on."""
    yield Item("loss", a.loss_and_gradients[0], b.loss_and_gradients[0])


def _gradient(a: First, b: First) -> Iterator[Item]:
    """The loss's gradient for every weight."""
    yield from _weights("gradient of ", a, a.loss_and_gradients[1], b.loss_and_gradients[1])


def _step(a: First, b: First) -> Iterator[Item]:
    """Every weight after one optimizer step, taken by the code that trains."""
    yield Item("loss of the step", a.step.loss, b.step.loss)
    yield from _weights("", a, a.step.after, b.step.after)


FIRST_BATCH: dict[str, Callable[[First, First], Iterable[Item]]] = {
    "forward": _forward,
    "loss": _loss,
    "gradient": _gradient,
    "step": _step,
}


def compare(level: str, a: First, b: First, exact: First | None) -> Iterator[Compared]:
    """Compare a level of `FIRST_BATCH`; `exact` is side a in float64, where the two are in float32.

    A gradient that is too far from the other is held to the terms that it is the sum of: perhaps
    they cancel.
    """
    items = FIRST_BATCH[level]
    noise = {}
    if exact is not None:
        noise = {each.where: difference(*each[:3], None).error for each in items(a, exact)}
    for item in items(a, b):
        limit = ONE_BATCH
        if exact is not None:
            limit = FACTOR * max(noise.get(item.where, 0.0), ROUNDOFF)
        found = difference(*item[:3], limit)
        if level == "gradient" and found.parted:
            found = difference(*item[:3], limit, scale=a.gradient_terms[item.position])
        yield item, found


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
