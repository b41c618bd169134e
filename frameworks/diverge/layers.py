"""Which layer of one network corresponds to which layer of the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from frameworks.probe import LayerOutput

__all__ = ["align", "are_called_otherwise", "parts_of", "price", "unmatched", "weight_names"]

_ATTENTION = [
    f"{of} {part}"
    for of in ("queries'", "keys'", "values'", "output")
    for part in ("kernel", "bias")
]
_RECURRENT = ("kernel", "recurrent kernel", "bias", "recurrent bias")
_PARTS: dict[str, Sequence[str]] = {
    **dict.fromkeys(("simple rnn", "lstm", "gru"), _RECURRENT),
    **dict.fromkeys(("simple rnn cell", "lstm cell", "gru cell"), _RECURRENT),
    **{f"{kind} normalization": ("gamma", "beta") for kind in ("batch", "layer", "group", "rms")},
    "attention": _ATTENTION,
    "embedding": ("vectors",),
}

_OF_STEPS = {"simple rnn", "lstm", "gru", "dense"}

Pairs = list[tuple[int, int]]


class _Layer(Protocol):
    """What is aligned."""

    @property
    def kind(self) -> str: ...
    @property
    def weights(self) -> int: ...  # their number


_L = TypeVar("_L", bound=_Layer)

_WITH_WEIGHTS, _A_PAIR = 2.0**-16, 2.0**-32  # break ties: their sums are exact, and below 1


def price(x: _Layer, y: _Layer) -> float:
    """Return what it costs to let two layers correspond."""
    if bool(x.weights) != bool(y.weights):
        return np.inf
    return (0.0 if x.kind == y.kind else 1.0) - (_WITH_WEIGHTS if x.weights else _A_PAIR)


def align(a: Sequence[_L], b: Sequence[_L], price: Callable[[_L, _L], float] = price) -> Pairs:
    """Return the positions of the layers that correspond, in order.

    The alignment is the cheapest: layers of equal kinds cost 0, layers of different kinds (a
    sigmoid where a ReLU should be) 1, a layer without a counterpart 1. A layer with weights never
    corresponds to one without. Of several that are equally cheap, the one with the most layers
    with weights in it is taken, then that with the most layers; then the same one whichever
    network comes first.
    """
    kinds, theirs = ([(each.kind, each.weights) for each in x] for x in (a, b))
    if theirs < kinds:
        return [(i, j) for j, i in align(b, a, price)]
    cost = np.zeros((len(a) + 1, len(b) + 1))
    cost[:, 0], cost[0] = range(len(a) + 1), range(len(b) + 1)
    for i, j in np.ndindex(len(a), len(b)):
        replaced = cost[i, j] + price(a[i], b[j])
        cost[i + 1, j + 1] = min(replaced, cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    pairs, i, j = [], len(a), len(b)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + price(a[i - 1], b[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def are_called_otherwise(x: LayerOutput, y: LayerOutput) -> bool:
    """Return whether a layer is called for each step on one side, for all at once on the other.

    So may recurrent layers and cells be, and dense layers, which treat every step alike.
    """
    kinds = {each.kind.removesuffix(" cell") for each in (x, y)}
    if x.inputs is None or y.inputs is None or len(kinds) > 1 or not kinds <= _OF_STEPS:
        return False
    return x.inputs.shape != y.inputs.shape and x.inputs.shape[-1] == y.inputs.shape[-1]


def unmatched(a: Sequence[LayerOutput], b: Sequence[LayerOutput]) -> tuple[list[str], list[str]]:
    """Return the kinds of the layers that only one side has."""
    pairs = align(a, b)
    ours, theirs = {i for i, _ in pairs}, {j for _, j in pairs}
    return (
        [layer.kind for i, layer in enumerate(a) if i not in ours],
        [layer.kind for j, layer in enumerate(b) if j not in theirs],
    )


def parts_of(kind: str, count: int) -> list[str]:
    """Return a name for each of the `count` weight arrays of a layer.

    >>> parts_of("dense", 2), parts_of("bidirectional", 3)
    (['kernel', 'bias'], ['array 1', 'array 2', 'array 3'])
    """
    parts = _PARTS.get(kind, ("kernel", "bias"))
    if kind == "attention" and count == len(parts) // 2:
        parts = parts[::2]  # without biases
    if count > len(parts):
        return [f"array {k}" for k in range(1, count + 1)]
    return list(parts[:count])


def weight_names(
    layers: Sequence[LayerOutput], count: int, network: str = "", first: int = 0
) -> Iterator[str]:
    """Yield a name for each of `count` weight arrays: its number and its place in the network.

    `network` says which of several, as in " of the generator", `first` the number of its first.
    """
    names: list[str] = []
    for position, layer in enumerate(layers, 1):
        parts = parts_of(layer.kind, layer.weights)
        names += [f"{part} of layer {position}, {layer.kind},{network}" for part in parts]
    for i in range(count):
        where = names[i].rstrip(",") if len(names) == count else network.strip()
        yield f"weights.{first + i} ({where})" if where else f"weights.{first + i}"
