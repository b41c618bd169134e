"""What is written differently: numbers on the way differ, but the same follows from them.

`x * sigmoid(x)` is `silu(x)`, attention may scale its queries or its scores, a mask be added or
filled in, and a recurrent layer return zeros for padding that nobody reads. Which functions on the
way correspond is a guess, by their order; outputs do correspond, and so do layers with weights.
"""

from collections.abc import Sequence

import numpy as np

from frameworks.diverge.differences import difference
from frameworks.live.forward import ALIKE
from frameworks.live.outputs import aligned, in_rows
from frameworks.live.pairs import Compared, Pair
from frameworks.live.proofs.cause import same_numbers
from frameworks.live.reference import layer_output
from frameworks.recordings.trace import LayerTrace

__all__ = ["rewritten"]


def rewritten(pair: Pair, found: Sequence[Compared]) -> list[Compared]:
    """Return what differs at the judged forward level without any effect.

    In evaluation that is everything, if the outputs agree and all of it can be written differently:
    losses, gradients and steps have levels of their own. Else it is what stands before the last
    layer that agrees, if a difference arises after it: else it may be what differs, by a way around
    that layer. In training mode no outputs are at hand: what had no effect in evaluation has none
    if the layers with weights agree, or at least the losses, or if both modes are one.
    """
    outputs = [each for each in found if each.key[0] == "outputs"]
    evaluated = [each for each in found if each.key[0] == "layer"]
    trained = [each for each in found if each.key[0] == "layer in training mode"]
    without = [each for each in evaluated if each.found.parted]
    ends_alike = bool(outputs) and not any(each.found.parted for each in outputs)
    if not (ends_alike and all(_may_differ(pair, x) and _matters(pair, x) for x in without)):
        without = _before_the_last_that_agrees(pair, [*evaluated, *outputs])
    known = {each.key[1] for each in without}
    again = _before_the_last_that_agrees(pair, trained)
    learning = [each for each in trained if _corresponds(pair, each)]
    learn_alike = not any(each.found.parted for each in learning)
    if learn_alike or _losses_agree(pair) or _has_one_mode(pair):
        again += [each for each in trained if each.key[1] in known]
    return [*without, *again]


def _has_one_mode(pair: Pair) -> bool:
    """Return whether all layers return in training what they do in evaluation."""
    layers = (layer for trace in (pair.a, pair.b) for layer in trace.layers)
    both = ((layer.output, layer.training_output) for layer in layers)
    return all(
        x is y or (x is not None and y is not None and np.array_equal(x, y)) for x, y in both
    )


def _losses_agree(pair: Pair) -> bool:
    return difference("", pair.a.first_loss, pair.b.first_loss, None).error <= _alike(pair)


def _alike(pair: Pair) -> float:
    return max(ALIKE[x.dtype] for x in (pair.a, pair.b))


def _before_the_last_that_agrees(pair: Pair, found: Sequence[Compared]) -> list[Compared]:
    """Return the functions of one mode, in the order of running, that lead to no difference."""
    sure = [k for k, each in enumerate(found) if _corresponds(pair, each)]
    first = next((k for k in sure if found[k].found.parted), len(found))
    same = max((k for k in sure if k < first), default=0)
    if first < len(found) and not any(map(_arises, found[same + 1 : first + 1])):
        return []
    next_sure = [next(k for k in sure if k > p) for p in range(same)]
    return [
        each
        for each, after in zip(found, next_sure, strict=False)
        if each.found.parted
        and _may_differ(pair, each)
        and (_matters(pair, each) or not found[after].between)
    ]


def _corresponds(pair: Pair, each: Compared) -> bool:
    """Return whether a comparison is of outputs, or of layers that learn the same weights.

    A layer that has a bias is another one than a product to which the bias is added afterwards; so
    is one that is given something beside a function of weights alone, such as their mean.
    """
    if each.key[0] == "outputs":
        return True
    x, y = _layers(pair, each)
    learns = any(layer.weights or layer.states for layer in (x, y))
    return learns and len(x.weights) == len(y.weights) and bool(x.inputs) == bool(y.inputs)


def _arises(each: Compared) -> bool:
    """Return whether the two differ here and in nothing that enters, or in a layer just before.

    What enters the outputs is not known.
    """
    here = each.key[0] != "outputs" and not each.between
    return each.found.parted and (each.lone or here)


def _may_differ(pair: Pair, each: Compared) -> bool:
    """Return whether what differs can be written differently, or is given what is.

    Not what both state alike and the reference knows; of layers with weights, only what they return
    for padding, and the order of rows that are sorted by the lengths of their sequences.
    """
    x, y = _layers(pair, each)
    if each.between:
        return True
    if _corresponds(pair, each):
        unknown = x.unread is None and y.unread is None
        padding = unknown and _only_padding_differs(x, y, _alike(pair))
        return padding or _rows_are_sorted(x, y)
    alike = (x.facts.kind, x.facts.values) == (y.facts.kind, y.facts.values)
    return not alike or layer_output(x.facts, [], [], x.inputs) is None


def _matters(pair: Pair, each: Compared) -> bool:
    """Return whether both losses may depend on a layer: behind zeros all agrees in vain."""
    return not any(x.unread is not None and x.unread.all() for x in _layers(pair, each))


def _only_padding_differs(x: LayerTrace, y: LayerTrace, limit: float) -> bool:
    """Return whether sequences (n, t, d) differ in whole steps alone, and none of them in all.

    Where outputs agree nobody reads those steps: what they hold, as a query of attention that is
    padding, is no matter.
    """
    a, b = x.output, y.output
    if a is None or b is None or not a.ndim == b.ndim == 3 or a.shape[::2] != b.shape[::2]:
        return False
    length = min(a.shape[1], b.shape[1])
    largest = min(np.abs(a).max(), np.abs(b).max())
    read = np.isclose(a[:, :length], b[:, :length], 0, limit * largest).all(axis=2)
    return bool(read.any(axis=1).all())


def _rows_are_sorted(x: LayerTrace, y: LayerTrace) -> bool:
    """Return whether two layers return the same rows in another order."""
    if x.output is None or y.output is None:
        return False
    both_ways = "bidirectional" in (x.facts.kind, y.facts.kind)
    ours, theirs = (_sorted_rows(z) for z in aligned(x.output, y.output, both_ways))
    return same_numbers(ours, theirs)


def _sorted_rows(x: np.ndarray) -> np.ndarray:
    """Return rows sorted by a sum of their numbers with random factors.

    Two rows that differ in more than rounding have the same sum with no probability.
    """
    rows = in_rows(x) if x.ndim else x.reshape(1, 1)
    factors = np.random.default_rng(0).normal(size=rows.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        return rows[np.argsort(rows @ factors)]


def _layers(pair: Pair, each: Compared) -> tuple[LayerTrace, LayerTrace]:
    i, j = each.layers
    assert i is not None
    assert j is not None
    return pair.a.layers[i], pair.b.layers[j]
