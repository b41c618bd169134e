"""The forward level: every layer's output on the first batch, and where a difference arises.

A layer whose inputs agree and whose output differs is the place. If its inputs differ already, the
place is a layer that only one side has just before it; or the two connect their layers otherwise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from frameworks.agreement.limits import ONE_BATCH
from frameworks.diverge.differences import Difference, difference
from frameworks.live.correspondence import place_of
from frameworks.live.outputs import aligned, as_read, comparable_outputs, unread_of
from frameworks.live.pairs import Compared, Pair, joined, numbered
from frameworks.live.silent import compare_silent
from frameworks.recordings.trace import Arrays, LayerTrace

__all__ = ["ALIKE", "compare_layers", "layers_differ"]

ALIKE = {"float64": ONE_BATCH, "float32": 1e-5}  # relative: what layers before have rounded


def compare_layers(pair: Pair) -> Iterator[Compared]:
    """Compare every layer's output, in evaluation and in training mode, and the model's."""
    alike = max(ALIKE[x.dtype] for x in (pair.a, pair.b))
    wholes = [_wholes(pair, i, j, alike) for i, j in pair.matching.layers]
    yield from _layers(pair, wholes, alike, training=False)
    ours, theirs = comparable_outputs(pair.a, pair.b)
    lone = _lone_before(pair, None, None)
    plain = zip(*comparable_outputs(pair.a, pair.b, whole=True), strict=False)
    for k, (x, y, whole) in enumerate(zip(ours, theirs, plain, strict=False)):
        found = difference(numbered("the outputs", k, len(ours)), x, y, None)
        hidden = found.error <= alike < difference("", *whole, None).error
        key = "outputs", k, 0
        if lone is not None and found.error > ONE_BATCH:
            yield Compared(lone[0], replace(found, where=lone[1]), lone=True, key=key)
        else:
            yield Compared("outputs", found, hidden=hidden, key=key)
    yield from _layers(pair, wholes, alike, training=True)
    yield from compare_silent(pair)


def layers_differ(pair: Pair) -> bool:
    """Return whether any layer, or the outputs, differ by more than rounding."""
    alike = max(ALIKE[x.dtype] for x in (pair.a, pair.b))
    compared = (each for each in compare_layers(pair) if each.key[0].startswith(("layer", "out")))
    return any(each.found.error > alike for each in compared)


def _layers(
    pair: Pair, wholes: Sequence[tuple[LayerTrace, LayerTrace]], alike: float, training: bool
) -> Iterator[Compared]:
    a, b = pair.a.layers, pair.b.layers
    for k, ((i, j), (x, y)) in enumerate(zip(pair.matching.layers, wholes, strict=True)):
        ours, theirs = (each.training_output if training else each.output for each in (x, y))
        inputs = (x.training_inputs, y.training_inputs) if training else (x.inputs, y.inputs)
        if ours is None or theirs is None:
            continue
        place = joined(place_of(a, i), place_of(b, j))
        kind = (
            x.facts.kind
            if x.facts.kind == y.facts.kind
            else f"{x.facts.kind} against {y.facts.kind}"
        )
        suffix = ", in training mode" if training else ""
        where = f"{place} ({kind}){suffix}"
        key = ("layer in training mode" if training else "layer", k, 0)
        both_ways = "bidirectional" in (x.facts.kind, y.facts.kind)
        plain = difference(where, *aligned(ours, theirs, both_ways), None)
        read = as_read(ours, theirs, (x.unread, y.unread), both_ways)
        found = difference(where, *read, None) if plain.error else plain
        hidden = found.error <= alike < plain.error
        fed = _input_difference(f"what enters {where}", *inputs, (a[:i], b[:j]), training)
        between = fed is not None and fed.error > alike
        lone = _lone_before(pair, i, j) if between else None
        if lone is not None:
            found = replace(found, where=f"{lone[1]}{suffix}")
            yield Compared(lone[0], found, (i, j), between=True, lone=True, key=key)
        else:
            yield Compared(place, found, (i, j), between=between, hidden=hidden, key=key)


def _wholes(pair: Pair, i: int, j: int, alike: float) -> tuple[LayerTrace, LayerTrace]:
    """Return two layers; one that learns, completed by what the other has within it.

    An activation, a bias, a sum or a crop may be part of a layer, or stand after it.
    """
    x, y = pair.a.layers[i], pair.b.layers[j]
    if not (x.weights or y.weights) or _agree(x, y, alike):
        return x, y
    for after in _unpaired(pair, 1, j):
        if not _is_read_besides(y, after) and _agree(x, after, alike):
            return x, _completed(y, after)
    for after in _unpaired(pair, 0, i):
        if not _is_read_besides(x, after) and _agree(after, y, alike):
            return _completed(x, after), y
    return x, y


def _is_read_besides(layer: LayerTrace, after: LayerTrace) -> bool:
    """Return whether more of a layer is read than of what is after it, as its states."""
    if layer.unread is None or after.unread is None:
        return False
    return bool(after.unread.any() and not layer.unread.any())


def _completed(layer: LayerTrace, by: LayerTrace) -> LayerTrace:
    return replace(layer, output=by.output, training_output=by.training_output, unread=by.unread)


def _unpaired(pair: Pair, side: int, position: int) -> Iterator[LayerTrace]:
    """Yield the layers between one and the next that has a counterpart."""
    paired = {each[side] for each in pair.matching.layers}
    for k, layer in enumerate((pair.a, pair.b)[side].layers[position + 1 :], position + 1):
        if k in paired:
            return
        yield layer


def _agree(x: LayerTrace, y: LayerTrace, alike: float) -> bool:
    if x.output is None or y.output is None:
        return False
    read = as_read(x.output, y.output, (x.unread, y.unread))
    return difference("", *read, None).error <= alike


def _lone_before(pair: Pair, i: int | None, j: int | None) -> tuple[str, str] | None:
    """Return the first layer that only one side has just before a pair, and words for all of them.

    Without a pair, the last layers are meant. None if both sides go the same way.
    """
    for side, end in enumerate((i, j)):
        layers, lone = (pair.a, pair.b)[side].layers, pair.matching.only[side]
        paired = {each[side] for each in pair.matching.layers}
        stop = len(layers) if end is None else end
        start = max((k for k in paired if k < stop), default=-1)
        between = [k for k in lone if start < k < stop]
        if between:
            first, last = between[0], place_of(layers, between[-1])
            place, kind = place_of(layers, first), layers[first].facts.kind
            words = place if place.startswith(kind) else f"{place} ({kind})"
            until = f" to {last}" if last != place else ""
            return place, f"{words}{until}, which only {pair.names[side]} has"
    return None


def _input_difference(
    where: str,
    ours: Arrays,
    theirs: Arrays,
    before: tuple[Sequence[LayerTrace], Sequence[LayerTrace]],
    training: bool,
) -> Difference | None:
    """Return the largest difference of two layers' inputs; None if they cannot be compared."""
    if not ours or len(ours) != len(theirs):
        return None
    found = []
    for x, y in zip(ours, theirs, strict=True):
        if x.dtype.kind == y.dtype.kind:
            each = difference(where, *aligned(x, y), None)
            if each.error:
                unread = unread_of(x, before[0], training), unread_of(y, before[1], training)
                read = as_read(x, y, unread, by_both=True)
                each = difference(where, *read, None)
            found.append(each)
    return max(found, key=lambda each: each.error, default=None)
