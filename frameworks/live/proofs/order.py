"""Why equal layers may be given different numbers: a layer between them, or another order."""

import numpy as np

from frameworks.diverge.differences import difference
from frameworks.live.correspondence import Matching, place_of
from frameworks.live.outputs import aligned
from frameworks.live.pairs import joined
from frameworks.live.proofs.cause import Cause, Proof, equal_within, same_numbers
from frameworks.live.proofs.layer_side import LayerSide
from frameworks.live.proofs.padding import prove_padding
from frameworks.live.proofs.selection import prove_selection
from frameworks.live.wording import a_kind

__all__ = ["prove_order"]

_PAD = ("pad", "zero padding")


def prove_order(a: LayerSide, b: LayerSide, matching: Matching) -> Proof:
    """Prove that one side has a layer before this one that the other lacks, or another order."""
    for side, other, alone in ((a, b, matching.only[0]), (b, a, matching.only[1])):
        for k in reversed([k for k in alone if k < side.position]):
            if _explains(side, other, k) and not _moved(side, k, other):
                if "padding" in side.layer.facts.values and side.trace.layers[k].facts.kind in _PAD:
                    return prove_padding(a, b, side)
                return Proof([_one_more(side, other, k, joined(a.place, b.place))])
    taken = prove_selection(a, b, matching.layers)
    return taken if taken.causes else _rearranged(a, b)


def _moved(side: LayerSide, k: int, other: LayerSide) -> bool:
    """Return whether the other side calls the same function as often, and so elsewhere.

    Before a function this says nothing, as functions are paired by their order alone: of
    (q * c) @ k and (q @ k) * c neither lacks a product.
    """
    kind = side.trace.layers[k].facts.kind
    ours, theirs = ([x.facts.kind for x in each.trace.layers].count(kind) for each in (side, other))
    return not side.layer.weights and ours <= theirs


def _one_more(side: LayerSide, other: LayerSide, k: int, place: str) -> Cause:
    kind, where = side.trace.layers[k].facts.kind, place_of(side.trace.layers, k)
    what = f"{a_kind(kind)} ({where})" if not where.startswith(kind) else a_kind(kind)
    sentence = (
        f"{side.name} has {what} before {side.place}, {other.name} has none before {other.place}"
    )
    return Cause(sentence, place, ("layer",))


def _explains(side: LayerSide, other: LayerSide, k: int) -> bool:
    """Return whether the layer stands between what both have and what only one is given.

    If the layers that are given it compute different things, nothing tells what corresponds.
    """
    layer = side.trace.layers[k]
    inputs, output = layer.inputs, layer.output
    if side.training:
        inputs, output = layer.training_inputs, layer.training_output
    if output is None or not side.inputs or not other.inputs:
        return False
    if side.layer.facts.kind != other.layer.facts.kind:
        return False
    dtype = side.trace.dtype
    for entering, given in zip(side.inputs, other.inputs, strict=False):
        gap = difference("", *aligned(entering, given), None).error
        if _is(output, entering, gap, dtype) and any(_is(x, given, gap, dtype) for x in inputs):
            return True
    return False


def _is(x: np.ndarray, given: np.ndarray, gap: float, dtype: str) -> bool:
    """Return whether an array is what a layer is given: all of it, no step of a sequence."""
    return x.size == given.size and equal_within(*aligned(x, given), gap, dtype)


def _rearranged(a: LayerSide, b: LayerSide) -> Proof:
    """Prove that both sides give the layer the same numbers in another order, and that it matters.

    Of a layer that treats every step alike, the outputs are in that other order, and no others. One
    that goes backwards is given them in the other order by rights.
    """
    if len(a.inputs) != 1 or len(b.inputs) != 1 or not (a.returns and b.returns):
        return Proof()
    directions = (bool(side.layer.facts.values.get("reverse")) for side in (a, b))
    if len({*directions}) > 1:
        return Proof()
    words = _other_order(a.inputs[0], b.inputs[0])
    if words is None:
        return Proof()
    if _other_order(a.output, b.output) is not None or not _follows(a, b):
        return Proof()
    one, other = sorted((a, b), key=lambda side: side.name)
    where = joined(one.place, other.place)
    sentence = f"{one.name} and {other.name} give {where} {words}"
    return Proof([Cause(sentence, joined(a.place, b.place), ("order",))])


def _follows(a: LayerSide, b: LayerSide) -> bool:
    """Return whether b's layer returns what a's does, where it is given what that is."""
    gap = difference("", *aligned(a.output, b.output), None).error
    exchanged = b.computed(b.layer.facts, inputs=a.inputs)
    if exchanged is None:
        return False
    return equal_within(*aligned(exchanged, a.output), gap, a.trace.dtype)


def _other_order(x: np.ndarray, y: np.ndarray) -> str | None:
    if same_numbers(x, y):
        return None
    if x.ndim == 3 and y.ndim == 3:
        if same_numbers(x[:, ::-1], y):
            return "the steps of the sequences in opposite orders"
        if same_numbers(x.swapaxes(0, 1), y) or same_numbers(x.swapaxes(0, 1).reshape(x.shape), y):
            return "rows and steps exchanged, (n, t, d) and (t, n, d)"
    if x.ndim == 4 and y.ndim == 4 and same_numbers(x.swapaxes(1, 2), y):
        return "the height and the width of the images exchanged"
    if x.ndim == 2 and x.shape == y.shape and same_numbers(np.sort(x, axis=1), np.sort(y, axis=1)):
        return "the same features in another order, as images flattened otherwise have them"
    return None
