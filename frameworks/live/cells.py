"""Which calls of a recurrent cell, in a loop, stand for the layer that takes all of its steps."""

from collections.abc import Iterator, Sequence

from frameworks.live.correspondence import Network
from frameworks.recordings.trace import LayerTrace

__all__ = ["CELL", "steps_on_the_way"]

CELL = " cell"  # what the kind of a cell ends in: a "gru cell" takes the steps of a "gru"


def steps_on_the_way(network: Network, other: Network) -> set[int]:
    """Return the positions of the calls of cells that only lead to the last one of their loop.

    None where the other network calls cells of this kind, too: these correspond call by call. Else
    each of its layers is one loop, of as many calls as its sequence has steps, whether the cell is
    that of the loop before, as where encoder and decoder share it, or another one.
    """
    kinds = {layer.facts.kind for layer in network.layers if layer.facts.kind.endswith(CELL)}
    kinds -= {layer.facts.kind for layer in other.layers}
    return {k for kind in sorted(kinds) for k in _of_kind(kind, network.layers, other.layers)}


def _of_kind(
    kind: str, layers: Sequence[LayerTrace], others: Sequence[LayerTrace]
) -> Iterator[int]:
    whole = kind.removesuffix(CELL)
    lengths = _lengths([layer for layer in others if layer.facts.kind == whole])
    calls: dict[tuple[str, str], list[int]] = {}
    for k, layer in enumerate(layers):
        if layer.facts.kind in (kind, whole):
            calls.setdefault((layer.path, layer.facts.kind), []).append(k)
    for (_, own), positions in calls.items():
        left = positions
        while left:
            length, *lengths = lengths or [len(left)]
            follows = bool(lengths) and len(left) - length >= lengths[0]
            end = 1 if own == whole else length if follows else len(left)
            yield from left[: end - 1]
            left = left[end:]


def _lengths(layers: Sequence[LayerTrace]) -> list[int]:
    """Return the number of steps of each layer; where it is not seen, that of the layer before."""
    found: list[int] = []
    for layer in layers:
        sequences = [x for x in (layer.output, *layer.inputs) if x is not None and x.ndim == 3]
        if sequences or found:
            found.append(sequences[0].shape[1] if sequences else found[-1])
    return found
