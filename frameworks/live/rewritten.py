"""Functions that are written differently: they return different numbers, but the same follows.

`x * sigmoid(x)` is `silu(x)`, attention may scale its queries or its scores, and a mask be added or
filled in. Which calls on the way correspond is then a guess, by their order. Layers with weights do
correspond, and so do the outputs: what both agree in is the same, however it came about.
"""

from collections.abc import Sequence

from frameworks.live.pairs import Compared, Pair

__all__ = ["rewritten"]


def rewritten(pair: Pair, found: Sequence[Compared]) -> list[Compared]:
    """Return the functions whose difference leads to none, of the judged forward level.

    Without weights or states, and before layers with weights, or outputs, that all agree. If one of
    these differs, the functions before the last that agrees count as equal only where a difference
    arises after it: else they may be what differs, by a way around it.
    """
    evaluated = _rewritten(pair, [each for each in found if each.key[0] in ("layer", "outputs")])
    known = {each.key[1] for each in evaluated}
    trained = [each for each in found if each.key[0] == "layer in training mode"]
    last = max((k for k, each in enumerate(trained) if _corresponds(pair, each)), default=-1)
    ends = {each.key[1] for each in trained[last + 1 :]} - known  # no outputs are at hand
    again = [each for each in _rewritten(pair, trained) if each.key[1] not in ends]
    return [*evaluated, *again]


def _rewritten(pair: Pair, found: Sequence[Compared]) -> list[Compared]:
    """Return those of one mode, in the order of running."""
    sure = [k for k, each in enumerate(found) if _corresponds(pair, each)]
    first = next((k for k in sure if found[k].found.parted), len(found))
    same = max((k for k in sure if k < first), default=-1)
    if first < len(found) and not any(map(_arises, found[same + 1 : first + 1])):
        return []
    end = same if first < len(found) else len(found)
    return [
        each for k, each in enumerate(found[: max(end, 0)]) if k not in sure and each.found.parted
    ]


def _corresponds(pair: Pair, each: Compared) -> bool:
    """Return whether a comparison is of layers that learn, or of outputs."""
    if each.key[0] == "outputs":
        return True
    layers = zip((pair.a, pair.b), each.layers, strict=True)
    return any(x.layers[k].weights or x.layers[k].states for x, k in layers if k is not None)


def _arises(each: Compared) -> bool:
    """Return whether the two differ here and in nothing that enters, or in a layer just before."""
    return each.found.parted and (each.lone or not each.between)
