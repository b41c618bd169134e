"""What happens to numbers between two layers: flattened, picked, rearranged, activated, or not."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from frameworks.diverge.causes.activations import activation_of
from frameworks.diverge.causes.sequences import real_steps
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import INPUT, returned
from frameworks.diverge.layers import align
from frameworks.probe import LayerOutput

__all__ = ["passed_on"]

Array = np.ndarray
Way = tuple[str, Array]


def passed_on(evidence: Evidence) -> str | None:
    """Each side's input of a layer follows from what both sides have before it."""
    if not evidence.found.where.startswith(INPUT) or evidence.flipped:  # it treats both alike
        return None
    (a, b), (i, j) = evidence.layers, evidence.places
    before = _common(evidence, a, b, i)
    if before is None:
        return None
    ours = _way(evidence, [before[0], *_others(a, i)], a[i].inputs)
    theirs = _way(evidence, [before[1], *_others(b, j)], b[j].inputs)
    if said := evidence.both("takes", ours, theirs):
        return said
    return evidence.both("takes", ours or _sum(evidence, a, i), theirs or _sum(evidence, b, j))


def _sum(evidence: Evidence, layers: list[LayerOutput], i: int) -> str | None:
    """Say which two earlier outputs, or the input of one, add up to the input of layer i."""
    given = layers[i].inputs
    earlier = [
        (place, what, x)
        for place, layer in enumerate(layers[:i], 1)
        for what, x in (("output", layer.values), ("input", layer.inputs))
        if x is not None and given is not None and x.shape == given.shape
    ]
    for (p, what, x), (q, other, y) in combinations(earlier, 2):
        if evidence.matches(x + y, given):
            return f"the sum of the {what} of layer {p} and the {other} of layer {q}"
    return None


def _common(
    evidence: Evidence, a: list[LayerOutput], b: list[LayerOutput], i: int
) -> tuple[Array, Array] | None:
    """Return the last output before layer i that both have; without one, the rows."""
    earlier = [(p, q) for p, q in align(a, b) if p < i]
    if not earlier:
        return evidence.a.batch.X, evidence.b.batch.X
    p, q = earlier[-1]
    pair = returned(a[p], b[q])
    return pair if pair is not None and evidence.matches(*pair) else None


def _others(layers: list[LayerOutput], i: int) -> Iterator[Array]:
    """Yield what the layer before returns besides: every step's output, where it has steps."""
    if i:
        yield from layers[i - 1].others


def _way(evidence: Evidence, before: list[Array], given: Array | None) -> str | None:
    if given is None:
        return None
    for x in before:
        ways = [*_ways(x), *_cut(x, given), *_halves(x), *_padded(evidence, x)]
        for words, changed in ways:
            if changed.shape == given.shape and evidence.matches(changed, given):
                return words
    for x in before:
        for words, changed in _activated(evidence, x, given):
            if evidence.matches(changed, given):
                return words
    return None


def _ways(x: Array) -> Iterator[Way]:
    """Yield what may become of an output (n, d), a sequence (n, t, d), or images (n, h, w, c)."""
    n = len(x)
    yield "the output before it as it is", x
    if x.ndim == 3:
        yield "the output of the last step", x[:, -1]
        yield "the output of the first step", x[:, 0]
        yield from ((f"the output of step {i + 1}", x[:, i]) for i in range(1, x.shape[1] - 1))
        half = x.shape[2] // 2
        ends = np.concatenate([x[:, -1, :half], x[:, 0, half:]], axis=1)
        yield "the last step that each direction reads", ends
        yield "the mean over the steps", x.mean(axis=1)
        yield "the sum over the steps", x.sum(axis=1)
        yield "the maximum over the steps", x.max(axis=1)
        yield "the steps in reverse", x[:, ::-1]
        yield "the steps, flattened one by one", x.reshape(n, -1)
        yield "the steps, flattened feature by feature", x.swapaxes(1, 2).reshape(n, -1)
        yield "the steps with time and rows confused", x.swapaxes(0, 1)
        yield "the steps with time and features confused", x.swapaxes(1, 2)
        mixed = x.reshape(n, x.shape[2], x.shape[1]) if x.shape[1] != x.shape[2] else x
        yield "the steps, reshaped instead of transposed", mixed
    if x.ndim == 4:
        yield "images flattened (h, w, c)", x.reshape(n, -1)
        for order, axes in _ORDERS.items():
            yield f"images flattened {order}, not (h, w, c)", x.transpose(axes).reshape(n, -1)
        yield "the mean of every channel", x.mean(axis=(1, 2))
        yield "the maximum of every channel", x.max(axis=(1, 2))


def _cut(x: Array, given: Array) -> Iterator[Way]:
    """Yield sequences (n, t, d) that rows (n, t d) may be cut into."""
    if x.ndim == 2 and given.ndim == 3 and x.shape[1] == given[0].size:
        n, t, d = given.shape
        steps = x.reshape(n, t, d)
        yield "the rows, cut step by step", steps
        yield "the rows, their steps in reverse", steps[:, ::-1]
        yield "the rows, cut feature by feature", x.reshape(n, d, t).swapaxes(1, 2)


def _halves(x: Array) -> Iterator[Way]:
    """Yield what may become of the states of two directions, side by side."""
    if x.ndim == 2 and x.shape[1] % 2 == 0:
        first, second = np.split(x, 2, axis=1)
        yield "the output before it, its halves swapped", np.hstack([second, first])
        yield "the output before it, its first half twice", np.hstack([first, first])
        yield "the output before it, its second half twice", np.hstack([second, second])


def _padded(evidence: Evidence, x: Array) -> Iterator[Way]:
    """Yield what becomes of the last state of rows of words where the last step is padding."""
    real = real_steps(evidence)
    if x.ndim == 2 and real is not None:
        yield "zeros for rows that end in padding", x * real[:, -1:]


_ORDERS = {
    "channel by channel, (c, h, w)": (0, 3, 1, 2),
    "column by column, (w, h, c)": (0, 2, 1, 3),
    "in Fortran order, (c, w, h)": (0, 3, 2, 1),
}


def _activated(evidence: Evidence, x: Array, given: Array) -> Iterator[Way]:
    """Yield an activation that the other side has not, and a constant factor."""
    if x.shape != given.shape:
        return
    if name := activation_of(evidence.matches, x, given):
        yield f"the output before it with {name}", given
    if r := evidence.ratio(x, given):
        yield f"{r:.6g} times the output before it", r * x
