"""Which layer of one network corresponds to which layer of the other."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Protocol, TypeVar

import numpy as np

from frameworks.diverge.differences import difference
from frameworks.probe import LayerOutput

__all__ = [
    *("align", "are_called_otherwise", "arranged_otherwise", "parts_of", "price", "unmatched"),
    "weight_names",
]

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

# They break ties: their sums are exact, and below 1.
_WITH_WEIGHTS, _APART, _A_PAIR = 2.0**-16, 2.0**-24, 2.0**-32


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
    with weights in it is taken, then, if both have as many arrays, that in which they end with the
    same ones, as the last of four dense layers does with an attention; then that with the most
    layers; then the same one whichever network comes first.
    """
    kinds, theirs = ([(each.kind, each.weights) for each in x] for x in (a, b))
    if theirs < kinds:
        return [(i, j) for j, i in align(b, a, price)]
    cost = np.zeros((len(a) + 1, len(b) + 1))
    cost[:, 0], cost[0] = range(len(a) + 1), range(len(b) + 1)
    ours, others = ([*accumulate((each.weights for each in x), initial=0)] for x in (a, b))

    def paired(i: int, j: int) -> float:
        apart = a[i].weights and ours[-1] == others[-1] and ours[i + 1] != others[j + 1]
        return cost[i, j] + price(a[i], b[j]) + (_APART if apart else 0.0)

    for i, j in np.ndindex(len(a), len(b)):
        replaced = paired(i, j)
        cost[i + 1, j + 1] = min(replaced, cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    pairs, i, j = [], len(a), len(b)
    while i and j:
        if cost[i, j] == paired(i - 1, j - 1):
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


def arranged_otherwise(
    a: Sequence[LayerOutput], b: Sequence[LayerOutput], limit: float
) -> set[int]:
    """Return the positions in a of layers that return other numbers, but lead to the same.

    The next layer that has weights is given the same, or the network returns the same. So may
    functions in a row be, as a dropout before a ReLU or behind it; and layers of two kinds of which
    one returns less, as vectors of positions that are added to what the other adds them to itself.
    """
    pairs, found = align(a, b), set[int]()
    for k, (i, j) in enumerate(pairs):
        x, y = a[i].values, b[j].values
        if _alike(x, y, limit):
            continue
        p, q = next(((p, q) for p, q in pairs[k + 1 :] if a[p].weights), (len(a), len(b)))
        if a[i].weights or b[j].weights:
            sizes = {None if z is None else z.size for z in (x, y)}
            others = a[i].kind != b[j].kind and len(sizes - {None}) == 2
            may_follow = others and p < len(a)
        else:
            may_follow = _in_a_row(a[i : p + 1]) and _in_a_row(b[j : q + 1])
        ours, theirs = (
            z[-1].values if end == len(z) else z[end].inputs for z, end in ((a, p), (b, q))
        )
        if may_follow and _alike(ours, theirs, limit):
            found.add(i)
    return found


def _in_a_row(layers: Sequence[LayerOutput]) -> bool:
    """Return whether each layer is given what the one before it returns."""
    return all(_alike(x.values, y.inputs, 0.0) for x, y in pairwise(layers))


def _alike(x: np.ndarray | None, y: np.ndarray | None, limit: float) -> bool:
    if x is None or y is None or x.size != y.size:
        return False
    return not difference("", x.ravel(), y.ravel(), limit).parted


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
