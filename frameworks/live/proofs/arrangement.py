"""Whether functions that two sides arrange otherwise can be the cause of a difference.

A pool before a ReLU or behind it, a gate before a mean or behind it: what two sides write otherwise
may be no difference at all, and another one, beside or behind it, the cause. So one function more,
or one of another kind, is named only if what follows from it does not meet again, and if it is all
that differs up to the next layer that learns, or to the end if it may as well stand behind that.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import product, takewhile

import numpy as np

from frameworks.live.outputs import aligned, forms
from frameworks.live.pairs import Pair
from frameworks.live.proofs.cause import Cause, same_numbers
from frameworks.live.settings import differing
from frameworks.recordings.trace import NOISE, LayerTrace, Trace

__all__ = ["may_be_the_cause"]

_ALIKE = {"mean": "average pooling", "amax": "max pooling"}  # whichever a framework has
_TO_PROBABILITIES = ("softmax", "sigmoid", "log softmax")

# What may not as well stand behind a layer that learns.
_BENT = {"relu", "leaky relu", "relu6", "elu", "selu", "gelu", "silu", "mish", "softplus"}
_BENT |= {"sigmoid", "hard sigmoid", "hard swish", "tanh", "hard tanh", "softmax", "log softmax"}
_BENT |= NOISE
# Settings of what a layer returns, of which the other side may take as much behind its own.
_OF_STEPS = {"stride", "padding", "padded_with", "dilation", "crop", "return_sequences", "joined"}
# What says little of a function: x * 0.5 is x / 2.
_ARITHMETIC = {"product", "div", "sum", "difference", "pow", "square", "neg", "clamp"}

Kinds = Counter[str]


def may_be_the_cause(pair: Pair, cause: Cause, place: tuple[int, int]) -> bool:
    """Return whether a cause that is found at two layers can be one, though they are functions."""
    x, y = pair.a.layers[place[0]], pair.b.layers[place[1]]
    learn = bool(x.weights or y.weights)
    if learn and cause.settings == ("kind",):
        return True
    if cause.settings not in (("layer",), ("kind",), ("inputs",)):
        if learn:
            return not _OF_STEPS & {*cause.settings} or _select_alike(pair, place)
        return _is_all_that_differs(pair, place)
    if cause.settings == ("inputs",) and max(len(x.inputs), len(y.inputs)) == 1 and not x.weights:
        return False  # of functions in a row, which two sides may apply in another order
    if x.inputs and y.inputs and len(x.inputs[0]) != len(y.inputs[0]):
        return False  # of one call and several: all that is compared there is another batch
    if _crosses(pair, place):
        return False  # what corresponds is a guess, by shapes that some blocks of each side have
    if _meet_again(pair.a.layers[place[0] :], pair.b.layers[place[1] :]):
        return False
    begin, end = _settled_before(pair, place), _next_that_learns(pair, place)
    ours, theirs = _left(pair, begin, end)
    if cause.settings != ("inputs",) and not {*ours, *theirs} <= _BENT:
        end = len(pair.a.layers), len(pair.b.layers)
        ours, theirs = _left(pair, begin, end)
    if cause.settings == ("inputs",):
        return not ours and not theirs
    if _have_more_of(pair, {*ours, *theirs} - _BENT, begin, end):
        return False  # two that one side may have in one
    if _next_differ(pair, place):
        return False  # the ε of a normalization makes up for a factor before it
    if cause.settings == ("kind",):
        kinds = _kind(x), _kind(y)
        replaced = all({*own} == {kind} for own, kind in zip((ours, theirs), kinds, strict=True))
        replaced = replaced and _sizes(x) == _sizes(y) and not {*kinds} <= _ARITHMETIC
        return replaced and ours.total() == theirs.total()
    left = ours + theirs
    return left.total() == 1 or (left.keys() <= NOISE and not (ours and theirs))


def _next_differ(pair: Pair, place: tuple[int, int]) -> bool:
    """Return whether the next layers that learn state other settings on one side."""
    i, j = _next_that_learns(pair, place)
    if i == len(pair.a.layers) or j == len(pair.b.layers):
        return False
    return bool(differing(pair.a.layers[i].facts, pair.b.layers[j].facts))


def _sizes(layer: LayerTrace) -> list[int]:
    """Return how many numbers a function is given and returns: a pool stands for no activation."""
    known = [*layer.inputs, *([] if layer.output is None else [layer.output])]
    return [each.size for each in known]


def _have_more_of(
    pair: Pair, kinds: Collection[str], begin: tuple[int, int], end: tuple[int, int]
) -> bool:
    """Return whether functions of these kinds correspond besides, between two layers."""
    return any(
        begin[0] <= i < end[0] and begin[1] <= j < end[1] and _kind(pair.a.layers[i]) in kinds
        for i, j in pair.matching.layers
        if _correspond(pair.a.layers[i], pair.b.layers[j])
    )


def _is_all_that_differs(pair: Pair, place: tuple[int, int]) -> bool:
    """Return whether two functions, of which a setting differs, are all that does so far.

    A factor may be split, as of queries and keys: of arithmetic they must be the only functions.
    """
    if any(_left(pair, _settled_before(pair, place), _next_that_learns(pair, place))):
        return False
    kinds = {pair.a.layers[place[0]].facts.kind, pair.b.layers[place[1]].facts.kind}
    counts = (sum(layer.facts.kind in _ARITHMETIC for layer in trace.layers)
              for trace in (pair.a, pair.b))  # fmt: skip
    return not kinds & _ARITHMETIC or all(count == 1 for count in counts)


def _select_alike(pair: Pair, place: tuple[int, int]) -> bool:
    """Return whether both sides take parts of what layers return as often, up to the next layer.

    A convolution of every second step is one of all, of whose steps every second is taken.
    """
    end = _next_that_learns(pair, (place[0] + 1, place[1] + 1))
    both = zip((pair.a, pair.b), place, end, strict=True)
    counts = {sum(map(_selects, trace.layers[start : until + 1])) for trace, start, until in both}
    return len(counts) == 1


def _selects(layer: LayerTrace) -> bool:
    if not layer.rearranges or layer.output is None or not layer.inputs:
        return False
    return layer.output.size != layer.inputs[0].size


def _settled_before(pair: Pair, place: tuple[int, int]) -> tuple[int, int]:
    """Return the last layers that learn before a place, and are given the same; else 0."""
    before = (
        (p, q) for p, q in pair.matching.layers if p <= place[0] and q <= place[1]
        and pair.a.layers[p].weights and _are_given_alike(pair, p, q)
    )  # fmt: skip
    return max(before, default=(0, 0))


def _next_that_learns(pair: Pair, place: tuple[int, int]) -> tuple[int, int]:
    """Return the first layers from a place on that learn from other numbers; else the end."""
    after = (
        (p, q) for p, q in pair.matching.layers if p >= place[0] and q >= place[1]
        and pair.a.layers[p].weights and not _are_given_alike(pair, p, q)
    )  # fmt: skip
    return min(after, default=(len(pair.a.layers), len(pair.b.layers)))


def _are_given_alike(pair: Pair, i: int, j: int) -> bool:
    x, y = pair.a.layers[i], pair.b.layers[j]
    return all(map(_are_alike, x.inputs, y.inputs)) and all(
        map(_are_alike, x.training_inputs, y.training_inputs)
    )


def _crosses(pair: Pair, place: tuple[int, int]) -> bool:
    """Return whether layers that learn run before a place on one side alone, on other numbers."""
    i, j = place
    return any(
        (p < i) != (q < j) and not all(map(_are_alike, x.inputs, y.inputs))
        for p, q in pair.matching.layers
        if (x := pair.a.layers[p]).weights and (y := pair.b.layers[q]).weights
    )


def _meet_again(ours: Sequence[LayerTrace], theirs: Sequence[LayerTrace]) -> bool:
    """Return whether any of two sides' functions return the same for what is not the same."""
    one, other = (takewhile(lambda layer: not layer.weights, each) for each in (ours, theirs))
    return any(
        _return_alike(x, y) and not all(map(_are_alike, x.inputs, y.inputs))
        for x, y in product(one, other)
        if not (x.rearranges or y.rearranges)
    )


def _return_alike(x: LayerTrace, y: LayerTrace) -> bool:
    return x.output is not None and y.output is not None and _are_alike(x.output, y.output)


def _are_alike(x: np.ndarray, y: np.ndarray) -> bool:
    return x.size == y.size and same_numbers(*aligned(x, y))


def _left(pair: Pair, begin: tuple[int, int], end: tuple[int, int]) -> tuple[Kinds, Kinds]:
    """Count the functions of each side between two layers, but for those that have a counterpart.

    A counterpart returns the same, or is of the same kind and returns as many numbers. What makes
    probabilities at the end for the loss of one side alone is none that is left, nor is what only
    changes numbers that the loss does not read. Of functions before `begin`, those are counted that
    a layer after it is given the results of.
    """
    pairs = [(i, j) for i, j in pair.matching.layers
             if _correspond(pair.a.layers[i], pair.b.layers[j])]  # fmt: skip
    takes, both = forms(pair.a, pair.b), []
    for side, trace in enumerate((pair.a, pair.b)):
        paired = {each[side] for each in pairs}
        computing = (k for k, layer in enumerate(trace.layers[: end[side]])
                     if not (layer.weights or layer.states or layer.rearranges))  # fmt: skip
        left = [
            _kind(trace.layers[k]) for k in computing
            if k not in paired and not _changes_nothing(trace.layers[k])
            and (k >= begin[side] or _is_read_after(trace, k, begin[side]))
        ]  # fmt: skip
        whole = end[side] == len(trace.layers)
        if whole and takes[0] != takes[1] and left and left[-1] in _TO_PROBABILITIES:
            left.pop()
        both.append(Counter(left))
    return both[0], both[1]


def _changes_nothing(layer: LayerTrace) -> bool:
    """Return whether a function hands on what it is given, where the loss reads it."""
    unread = layer.unread
    if unread is None or unread.all() or not unread.any():
        return False
    modes = (layer.inputs, layer.output), (layer.training_inputs, layer.training_output)
    return all(
        given and z is not None and given[0].shape == z.shape and ((given[0] == z) | unread).all()
        for given, z in modes
    )


def _is_read_after(trace: Trace, position: int, begin: int) -> bool:
    made = trace.layers[position].output
    later = (x for layer in trace.layers[begin + 1 :] for x in layer.inputs)
    return made is None or any(_are_alike(x, made) for x in later)


def _kind(layer: LayerTrace) -> str:
    return _ALIKE.get(layer.facts.kind, layer.facts.kind)


def _correspond(x: LayerTrace, y: LayerTrace) -> bool:
    if x.output is None or y.output is None:
        return _kind(x) == _kind(y)
    alike = _kind(x) == _kind(y) and x.output.size == y.output.size
    return alike or _return_alike(x, y)
