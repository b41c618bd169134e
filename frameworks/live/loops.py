"""A loop over the steps of a sequence is one call of each of its layers, on the whole sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from frameworks.live.correspondence import Network
from frameworks.live.outlines import CELL, outline
from frameworks.recordings.trace import Arrays, LayerTrace

__all__ = ["Calls", "as_one", "rolled"]

Calls = list[tuple[int, ...]]  # of each layer, as it is compared: the positions of its calls


def rolled(network: Network, other: Network) -> Calls:
    """Return which calls of a network stand for one: those of a loop that the other does not run.

    A layer is called in a loop if it learns, and its next calls together read as many numbers of
    each row as one call of its like on the other side, as those of a decoder that is fed step by
    step. Whatever is called around it, as often and in the same order, belongs to the loop: an
    embedding, a head, functions. A recurrent cell whose like has no cell takes all of its calls.
    """
    layers, loops = network.layers, dict[int, tuple[int, ...]]()
    likes, wholes = _likes(network), _likes(other)
    cells = {layer.facts.kind for layer in other.layers if layer.facts.kind.endswith(CELL)}
    for key, positions in likes.items():
        lengths = [_read(other.layers[k]) for k in wholes.get(key, [])]
        for calls in _by_layer(layers, positions):
            is_cell = layers[calls[0]].facts.kind.endswith(CELL)
            to_the_end = is_cell and layers[calls[0]].facts.kind not in cells
            for run in _runs(layers, calls, lengths, to_the_end):
                for group in _around(layers, run, loops):
                    loops |= dict.fromkeys(group, group)
    alone = ((k,) for k in range(len(layers)) if k not in loops)
    return sorted([*dict.fromkeys(loops.values()), *alone])


def _likes(network: Network) -> dict[tuple[str, str], list[int]]:
    """Return the positions of the layers that learn, by their kinds and shapes."""
    found: dict[tuple[str, str], list[int]] = {}
    for k, layer in enumerate(network.layers):
        if layer.weights:
            own = outline(network, k)
            found.setdefault((own.kind, own.shapes), []).append(k)
    return found


def _by_layer(layers: Sequence[LayerTrace], positions: Sequence[int]) -> list[list[int]]:
    """Return the calls of each layer, by what it has learned and what it is called."""
    found: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for k in positions:
        found.setdefault((layers[k].path, layers[k].weights), []).append(k)
    return list(found.values())


def _read(layer: LayerTrace) -> tuple[int, int]:
    """Return how many rows and how many numbers a layer is given, or returns; 0 if not known."""
    x = next(iter(layer.inputs), layer.output)
    return (0, 0) if x is None or not x.ndim else (len(x), x.size)


def _runs(
    layers: Sequence[LayerTrace],
    calls: Sequence[int],
    wholes: list[tuple[int, int]],
    to_the_end: bool,
) -> Iterator[list[int]]:
    """Yield the calls that stand for one of the other side's, whose sizes are taken off a list."""
    left = list(calls)
    while left and (wholes or to_the_end):
        rows, size = wholes.pop(0) if wholes else (0, 0)
        taken, total = 0, 0
        while taken < len(left) and total < size:
            total += _read(layers[left[taken]])[1]
            taken += 1
        fits = total == size > 0 and all(_read(layers[k])[0] == rows for k in left[:taken])
        if not fits and not to_the_end:
            return
        run = left[:taken] if fits else left
        if len(run) > 1:
            yield run
        left = left[len(run) :]


def _around(
    layers: Sequence[LayerTrace], run: Sequence[int], loops: dict[int, tuple[int, ...]]
) -> Calls:
    """Return all calls of the loop in which a layer is called, layer by layer."""
    names = [(layer.path, layer.facts.kind) for layer in layers]
    period = run[1] - run[0]
    for start in range(run[0], run[0] - period, -1):
        every = range(start, start + period * len(run))
        if start < 0 or every.stop > len(layers) or {*every} & loops.keys():
            continue
        if all(names[k] == names[start + (k - start) % period] for k in every):
            groups = [tuple(every[first::period]) for first in range(period)]
            if tuple(run) in groups:
                return groups
    return [] if {*run} & loops.keys() else [tuple(run)]


def as_one(layers: Sequence[LayerTrace], calls: Calls) -> list[LayerTrace]:
    """Return layers whose calls are compared as one, with what all steps read and returned.

    What puts the steps together after the loop then only rearranges numbers.
    """
    loops = [[layers[k] for k in group] for group in calls if len(group) > 1]
    return [
        _joined([layers[k] for k in group])
        if len(group) > 1
        else replace(layers[group[0]], rearranges=True)
        if any(_puts_together(layers[group[0]], loop) for loop in loops)
        else layers[group[0]]
        for group in calls
    ]


def _joined(steps: Sequence[LayerTrace]) -> LayerTrace:
    first = steps[0]
    return replace(
        first,
        inputs=_inputs([step.inputs for step in steps], bool(first.weights)),
        output=_in_one([step.output for step in steps]),
        training_inputs=_inputs([step.training_inputs for step in steps], bool(first.weights)),
        training_output=_in_one([step.training_output for step in steps]),
        unread=_unread(steps),
        rearranges=all(step.rearranges for step in steps),
    )


def _unread(steps: Sequence[LayerTrace]) -> np.ndarray | None:
    """Return what is not read of all steps; None if it is not known of one."""
    known = [
        np.broadcast_to(step.unread, step.training_output.shape)
        for step in steps
        if step.unread is not None and step.training_output is not None
    ]
    return _in_one(known) if len(known) == len(steps) else None


def _inputs(steps: Sequence[Arrays], learns: bool) -> Arrays:
    """Return what a layer reads in all steps.

    Of a state, which is given besides, and of what is given anew in every step, the first.
    """
    columns = list(zip(*steps, strict=False))
    same = [all(np.array_equal(x, column[0]) for x in column) for column in columns]
    first = [bool(k) if learns else same[k] and not all(same) for k in range(len(columns))]
    read = [column[0] if one else _in_one(column)
            for column, one in zip(columns, first, strict=True)]  # fmt: skip
    return (*(x for x in read if x is not None), *steps[0][len(columns) :])


def _in_one(steps: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Return the arrays (n, ...) or (n, 1, ...) of t steps as one (n, t, ...)."""
    arrays = [x for x in steps if x is not None]
    if len(arrays) < len(steps) or len({x.shape for x in arrays}) > 1 or not arrays[0].ndim:
        return None
    x = arrays[0]
    single = x.ndim > 1 and x.shape[1] == 1 and (x.ndim > 2 or x.dtype.kind in "iu")
    return np.concatenate(arrays, axis=1) if single else np.stack(arrays, axis=1)


def _puts_together(layer: LayerTrace, loop: Sequence[LayerTrace]) -> bool:
    """Return whether a layer is given what a loop's layer returned in each step, and no more."""
    if layer.weights or len(layer.inputs) != len(loop):
        return False
    pairs = zip(layer.inputs, loop, strict=True)
    return all(
        y.output is not None and np.array_equal(x.ravel(), y.output.ravel()) for x, y in pairs
    )
