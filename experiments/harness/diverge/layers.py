"""Which layer of one network stands for which of the other."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from frameworks.probe import LayerOutput

__all__ = ["align", "unmatched", "weight_names"]

Pairs = list[tuple[int, int]]


def align(a: Sequence[LayerOutput], b: Sequence[LayerOutput]) -> Pairs:
    """Return the positions of the layers that correspond, in order.

    Layers of equal kinds correspond in order. Where kinds differ in as many places as they are,
    place by place: a sigmoid may stand where a ReLU should. A layer that only one side has, or
    shows, stands for nothing.
    """
    kinds_a, kinds_b = ([layer.kind for layer in layers] for layers in (a, b))
    pairs: Pairs = []
    matcher = SequenceMatcher(None, kinds_a, kinds_b, autojunk=False)
    for operation, i, i_end, j, j_end in matcher.get_opcodes():
        if operation == "equal" or i_end - i == j_end - j:
            pairs += zip(range(i, i_end), range(j, j_end), strict=True)
    return pairs


def unmatched(a: Sequence[LayerOutput], b: Sequence[LayerOutput]) -> tuple[list[str], list[str]]:
    """Return the kinds of the layers that only one side has."""
    pairs = align(a, b)
    ours, theirs = {i for i, _ in pairs}, {j for _, j in pairs}
    return (
        [layer.kind for i, layer in enumerate(a) if i not in ours],
        [layer.kind for j, layer in enumerate(b) if j not in theirs],
    )


def weight_names(layers: Sequence[LayerOutput], count: int) -> Iterator[str]:
    """Yield a name for each of `count` weights: its number, and its place in the network."""
    names: list[str] = []
    for position, layer in enumerate(layers, 1):
        parts = {1: ("kernel",), 2: ("kernel", "bias")}.get(layer.weights, ())
        if layer.kind == "batch normalization":
            parts = ("gamma", "beta")
        names += [f"{part} of layer {position}, {layer.kind}" for part in parts]
    for i in range(count):
        yield f"weights.{i} ({names[i]})" if len(names) == count else f"weights.{i}"
