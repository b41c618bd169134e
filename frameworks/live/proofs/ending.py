"""Why outputs may differ after layers that all agree: one side applies one layer more."""

from frameworks.live.correspondence import place_of
from frameworks.live.outputs import aligned
from frameworks.live.pairs import Pair
from frameworks.live.proofs.cause import Cause, Proof, equal_within
from frameworks.live.wording import a_kind

__all__ = ["prove_ending"]


def prove_ending(pair: Pair) -> Proof:
    """Prove that a layer of one side alone makes its outputs from what the other side returns."""
    for side, (trace, other) in enumerate(((pair.a, pair.b), (pair.b, pair.a))):
        name, without = pair.names[side], pair.names[1 - side]
        for k in reversed(pair.matching.only[side]):
            layer = trace.layers[k]
            if len(layer.inputs) != 1 or layer.output is None:
                continue
            (x,), gap, dtype = layer.inputs, 1.0, trace.dtype
            made = equal_within(*aligned(layer.output, trace.outputs[0]), gap, dtype)
            if made and equal_within(*aligned(x, other.outputs[0]), gap, dtype):
                kind, place = a_kind(layer.facts.kind), place_of(trace.layers, k)
                sentence = f"{name} ends in {kind} ({place}), {without} does not"
                return Proof([Cause(sentence, place, ("layer",))])
    return Proof()
