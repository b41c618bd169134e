"""Whether functions that two sides arrange otherwise can be the whole difference.

A pool before a ReLU or behind it, a gate before a mean or behind it: what two sides write otherwise
may be no difference at all, and another one, behind it, the cause. So where one function more, or
another one, is what explains the numbers at a place, nothing else may be left that differs.
"""

from collections import Counter

from frameworks.live.outputs import aligned, forms
from frameworks.live.pairs import Pair
from frameworks.live.proofs.cause import Cause, same_numbers
from frameworks.recordings.trace import LayerTrace

__all__ = ["may_be_the_cause"]

_ALIKE = {"mean": "average pooling", "amax": "max pooling"}  # whichever a framework has
_LEFT: dict[tuple[str, ...], list[int]] = {
    ("layer",): [0, 1],
    ("kind",): [1, 1],
    ("inputs",): [0, 0],
}
_TO_PROBABILITIES = ("softmax", "sigmoid", "log softmax")


def may_be_the_cause(pair: Pair, cause: Cause, place: tuple[int, int]) -> bool:
    """Return whether nothing but what a cause names is left of the functions that differ.

    That is one more of a kind, one of another kind, or none that is given something else.
    """
    i, j = place
    rows = [len(layer.inputs[0]) for layer in (pair.a.layers[i], pair.b.layers[j]) if layer.inputs]
    if len({*rows}) > 1:
        return False  # of one call and several: all that is compared there is another batch
    ours, theirs = _left(pair)
    counts = sorted([(ours - theirs).total(), (theirs - ours).total()])
    return counts == _LEFT.get(cause.settings, counts)


def _left(pair: Pair) -> tuple[Counter[str], Counter[str]]:
    """Count the functions of each side, by kind, but for counterparts that return the same."""
    pairs = pair.matching.layers
    same = [(i, j) for i, j in pairs if _agree(pair.a.layers[i], pair.b.layers[j])]
    agreeing = {i for i, _ in same}, {j for _, j in same}
    takes = forms(pair.a, pair.b)
    both = []
    for side, trace in enumerate((pair.a, pair.b)):
        left = [k for k, layer in enumerate(trace.layers)
                if _computes(layer) and k not in agreeing[side]]  # fmt: skip
        kinds = [trace.layers[k].facts.kind for k in left]
        if left and takes[0] != takes[1] and kinds[-1] in _TO_PROBABILITIES:
            kinds.pop()
        both.append(Counter(_ALIKE.get(kind, kind) for kind in kinds))
    return both[0], both[1]


def _computes(layer: LayerTrace) -> bool:
    return not (layer.weights or layer.states or layer.rearranges)


def _agree(x: LayerTrace, y: LayerTrace) -> bool:
    outputs = ((x.output, y.output), (x.training_output, y.training_output))
    return all(a is not None and b is not None and same_numbers(*aligned(a, b)) for a, b in outputs)
