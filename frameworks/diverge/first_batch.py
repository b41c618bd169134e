"""The levels of the first batch: what each compares, and the limits.

float64: the limits of the suite. float32: each implementation also runs in float64, from the same
float32 numbers; its distance from that run, tensor by tensor, is its rounding error on this batch.
The limit is `FACTOR` times the error of scratch, the reference, or the smaller one if neither is
scratch, whichever side comes first; what overflows excuses nothing. It is at least `FACTOR` times
the unit roundoff, in case a side happened to round well. Nudged trainings (see `floor`) give no
limit for one batch: in a sum whose terms cancel they can all agree exactly.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from frameworks.agreement.limits import ONE_BATCH
from frameworks.diverge.differences import Difference, difference
from frameworks.diverge.first import First
from frameworks.diverge.layers import (
    align,
    are_called_otherwise,
    arranged_otherwise,
    weight_names,
)
from frameworks.probe import LayerOutput, Opened

__all__ = [
    *("APART", "FACTOR", "FIRST_BATCH", "INPUT", "OUTPUTS", "ROUNDOFF"),
    *("Compared", "Exact", "First", "Item"),
    *("cancelled", "compare", "inputs", "limit_alike", "names_of", "returned", "rounding_limit"),
    "yardsticks",
]

_UNITS = 8  # of the unit in the last place
FACTOR = 16  # float32: TensorFlow's sigmoid alone is 8 unit roundoffs from the exact one
_STEP_LOSS = "loss of the step"
INPUT, OUTPUTS = "the input of ", "the network's outputs"
APART = 1_000  # between the positions of the layers of different networks
_ALIKE = 1e-3  # float32: relative; a mistake is larger, rounding far smaller
ROUNDOFF = float(np.finfo(np.float32).eps) / 2  # of float32


class Item(NamedTuple):
    """Two values that should be equal, and their name."""

    where: str
    a: Any
    b: Any
    position: int = 0  # of the layer in side a, the weight or the epoch
    other: int | None = None  # of the layer in side b, if it differs

    @property
    def swapped(self) -> "Item":
        """The same with the sides swapped."""
        there = self.position if self.other is None else self.other
        return Item(self.where, self.b, self.a, there, self.position)


Compared = tuple[Item, Difference]
Exact = tuple[First, First]  # both sides in float64, from the same float32 numbers


def inputs(a: First, b: First) -> Iterator[Item]:
    """Yield the data as received, the initial weights and the batch orders."""
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
    """Yield every layer's output in evaluation and in training mode, and the network's."""
    pairs, limit = zip(a.networks, b.networks, strict=False), limit_alike(a)
    for number, ((name, ours), (_, theirs)) in enumerate(pairs):
        yield from _layers(ours, theirs, limit, name, number * APART)
    yield Item(OUTPUTS, a.outputs, b.outputs, len(a.layers), len(b.layers))
    yield from _layers(a.training_layers, b.training_layers, limit, ", in training mode")


def _loss(a: First, b: First) -> Iterator[Item]:
    """Yield the training loss; of a program, all the values that its step returns.

    Of several networks the second is updated against the first: a value that stands at its place
    is compared only if the updates before it are the same, as it would differ in any case.
    """
    if a.watched is None or b.watched is None:
        yield Item("loss", a.loss_and_gradients[0], b.loss_and_gradients[0])
        return
    if len(a.networks) > 1:
        orders = np.array(a.watched.order), np.array(b.watched.order)
        yield Item("the order of the updates", *orders)
    same = True
    for i, (name, x) in enumerate(a.watched.values.items()):
        if i and i < len(a.networks):
            same = same and _same_update(a, b, i - 1)
        if same:
            yield Item(name, x, b.watched.values.get(name, np.nan), i)


def _same_update(a: First, b: First, number: int) -> bool:
    """Return whether one update of a step has the same gradients, and the same new weights."""
    limit = limit_alike(a)
    pairs = [
        (x[i], y[i])
        for i in a.in_order_of_updates[number]
        for x, y in (
            (a.loss_and_gradients[1], b.loss_and_gradients[1]),
            (a.step.after, b.step.after),
        )
    ]
    return not any(difference("", x, y, limit).parted for x, y in pairs)


def _gradient(a: First, b: First) -> Iterator[Item]:
    """Yield the gradient for every weight array, from the last layer to the first, as it flows.

    Of several networks, those of the one updated first come first, and those of the others only if
    that update is the same.
    """
    found = [*_weights("gradient of ", a, a.loss_and_gradients[1], b.loss_and_gradients[1])]
    for number, network in enumerate(a.in_order_of_updates):
        if number and not _same_update(a, b, number - 1):
            return
        yield from (found[i] for i in reversed(network))


def _step(a: First, b: First) -> Iterator[Item]:
    """Yield every weight array after one optimizer step, taken by the training code itself."""
    yield Item(_STEP_LOSS, a.step.loss, b.step.loss)
    found = [*_weights("", a, a.step.after, b.step.after)]
    for network in a.in_order_of_updates:
        yield from (found[i] for i in network)


FIRST_BATCH: dict[str, Callable[[First, First], Iterable[Item]]] = {
    "forward": _forward,
    "loss": _loss,
    "gradient": _gradient,
    "step": _step,
}


def compare(level: str, a: First, b: First, exact: Exact | None) -> Iterator[Compared]:
    """Compare a level of `FIRST_BATCH`; `exact` are the two in float64 if they are in float32.

    The error of a gradient above its limit is measured again relative to the terms of its sum,
    which may cancel; if nothing but rounding is left of them, neither it nor what a step makes of
    it is compared. The inputs of a layer count only if its outputs differ: weights that are laid
    out for another order of the inputs give the same outputs.
    """
    items = FIRST_BATCH[level]
    sides = () if exact is None else zip((a, b), exact, yardsticks(a, b), strict=True)
    noise = [_noise(level, side, its) if judges else {} for side, its, judges in sides]
    given: Compared | None = None  # the inputs of a layer
    for item in items(a, b):
        limit = ONE_BATCH
        if exact is not None:
            both = zip(noise, (_key(item), _key(item.swapped)), strict=True)
            limit = rounding_limit(*(errors.get(key, np.inf) for errors, key in both))
        found = difference(*item[:3], limit)
        of_weights = level == "step" and item.where != _STEP_LOSS
        if of_weights and found.parted and item.position in cancelled(a, b):
            continue
        if level == "gradient" and found.parted:
            scale = min(x.gradient_terms[item.position] for x in (a, b))
            found = difference(*item[:3], limit, scale)
            if found.parted and item.position in cancelled(a, b):
                continue
        if item.where.startswith(INPUT):
            given = item, found
            continue
        if given is not None and found.parted and given[1].parted:
            yield given
        given = None
        yield item, found


def cancelled(a: First, b: First) -> list[int]:
    """Return the weight arrays of whose gradients rounding alone is left, on both sides.

    That of a bias before a batch normalization is 0: which number near 0 rounding makes of it, an
    optimizer such as Adam makes a step of. Whether the terms of its sum over the rows cancel, the
    rows show; where those of a row do, as in the bias of attention's keys, the others of its layer
    do, and in float64 those of the whole network: beside them it is less than a few units in the
    last place.
    """
    limit = ONE_BATCH if a.side.dtype == "float64" else FACTOR * ROUNDOFF
    sizes = [[float(np.abs(g).max(initial=0)) for g in x.loss_and_gradients[1]] for x in (a, b)]
    both = [*enumerate(zip(*sizes, strict=True))]
    small = [i for i, pair in both if any(pair) and max(pair) <= limit * min(map(max, sizes))]
    sides = [*zip(sizes, (a, b), strict=True)]
    last = _UNITS * float(np.finfo(a.side.dtype).eps)
    return [
        i for i in small
        if all(own[i] <= limit * x.gradient_terms[i] for own, x in sides)
        or all(own[i] <= last * _beside(own, x)[i] for own, x in sides)
    ]  # fmt: skip


def _beside(sizes: list[float], side: First) -> list[float]:
    """Return, for each weight array, the largest gradient beside which its own may be rounding.

    A millionth of another layer's, as in float32, is what is left of it in many a deep network.
    """
    return side.gradients_of_layers if side.side.dtype == "float32" else [max(sizes)] * len(sizes)


def yardsticks(a: First, b: First) -> tuple[bool, bool]:
    """Return whose rounding errors judge: scratch's, the reference; else those of both sides."""
    first, second = (each.side.implementation == "scratch" for each in (a, b))
    return (True, True) if first == second else (first, second)


def _noise(level: str, side: First, exact: First) -> dict[tuple[int, ...], float]:
    """Return a side's rounding errors."""
    return {_key(x): difference(*x[:3], None).error for x in FIRST_BATCH[level](side, exact)}


def _key(item: Item) -> tuple[int, ...]:
    """Identify an item within its level, however a side numbers and names its layers."""
    words = "training mode", "outputs", "loss", INPUT
    return item.position, *(word in item.where for word in words)


def rounding_limit(*noise: float) -> float:
    """Return the limit in float32, from rounding errors: the smallest that is finite.

    >>> rounding_limit(1e-6, 2e-6), rounding_limit(float("inf"), float("nan")) == 16 * 2**-24
    (1.6e-05, True)
    """
    finite = [each for each in noise if np.isfinite(each)]
    return FACTOR * max(min(finite, default=0.0), ROUNDOFF)


def names_of(first: First) -> list[str]:
    """Return a name for each weight array of the network."""
    if len(first.networks) == 1:
        return list(weight_names(first.layers, len(first.opened.initial_weights)))
    names: list[str] = []
    counts = first.opened.adapter.weights_of_networks()
    for (network, layers), count in zip(first.networks, counts, strict=True):
        names += weight_names(layers, count, network, len(names))
    return names


def _weights(prefix: str, first: First, a: Any, b: Any) -> Iterator[Item]:
    for i, (name, x, y) in enumerate(zip(names_of(first), a, b, strict=True)):
        yield Item(prefix + name, x, y, i)


def limit_alike(a: First) -> float:
    """Return the relative distance of what is alike, however it is written."""
    return ONE_BATCH if a.side.dtype == "float64" else _ALIKE


def _layers(
    a: list[LayerOutput], b: list[LayerOutput], limit: float, suffix: str, before: int = 0
) -> Iterator[Item]:
    """Yield what each layer is given, if that has one shape on both sides, and what it returns.

    `before`: is added to the positions of the layers; `limit` is that of what is alike.
    """
    otherwise = arranged_otherwise(a, b, limit)
    for i, j in align(a, b):
        x, y = a[i], b[j]
        if i in otherwise or are_called_otherwise(x, y):
            continue  # what is made of all steps enters the layers after it
        kind = x.kind if x.kind == y.kind else f"{x.kind} against {y.kind}"
        where = f"layer {i + 1} ({kind}){suffix}"
        if x.inputs is not None and y.inputs is not None:
            rows = x.inputs.reshape(len(x.inputs), -1), y.inputs.reshape(len(y.inputs), -1)
            yield Item(INPUT + where, *(rows if rows[0].shape == rows[1].shape else
                                        (x.inputs, y.inputs)), before + i, before + j)  # fmt: skip
        if pair := returned(x, y):
            yield Item(where, *pair, before + i, before + j)


def returned(x: LayerOutput, y: LayerOutput) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what two layers returned; of several arrays, the first two of one shape.

    What functions return before a flatten or behind it is compared as rows.
    """
    ours, theirs = (each.others if each.values is None else (each.values,) for each in (x, y))
    if not ours or not theirs:
        return None
    alike = ((p, q) for p in ours for q in theirs if p.shape == q.shape)
    one, other = next(alike, (ours[0], theirs[0]))
    flat = x.kind == y.kind and not (x.weights or y.weights) and {one.ndim, other.ndim} > {2}
    if flat and one.size == other.size and len(one) == len(other):
        one, other = (each.reshape(len(each), -1) for each in (one, other))
    return one, other


def _orders(opened: Opened) -> Iterator[np.ndarray]:
    in_order = np.arange(len(opened.batch.X))
    return (in_order if order is None else order for order in opened.orders)
