"""Why the rows of an embedding may move differently: repeated tokens, squared one by one.

Keras on TensorFlow keeps the gradient of an embedding as a list of occurrences, and optimizers that
square it square every occurrence: v has Σ gᵢ² where others have (Σ gᵢ)². Tokens that occur once
are not affected.
"""

from collections.abc import Sequence

import numpy as np

from frameworks.live.descent import Weights
from frameworks.live.pairs import Pair, joined
from frameworks.live.proofs.cause import Cause
from frameworks.live.proofs.sentences import both
from frameworks.recordings.trace import LayerTrace, Trace

__all__ = ["by_occurrence", "prove_occurrences"]


def by_occurrence(trace: Trace) -> dict[int, LayerTrace]:
    """Return the embeddings whose gradient is squared by occurrence, by their weight."""
    if all(facts.kind in ("sgd", "lion") for facts in trace.optimizer):
        return {}
    return {
        layer.weights[0]: layer
        for layer in trace.layers
        if layer.facts.values.get("gradient") == "by occurrence" and layer.weights
    }


def prove_occurrences(
    pair: Pair, side: int, expected: Sequence[Weights], taken: Sequence[Weights]
) -> Cause | None:
    """Prove it on the first step of one side: all rows follow the rule but those of repeats."""
    trace = (pair.a, pair.b)[side]
    for position, layer in by_occurrence(trace).items():
        after, rule = taken[0][position], expected[0][position]
        tokens, counts = np.unique(layer.inputs[0].astype(int), return_counts=True)
        other = np.abs(after - rule).max(axis=1) > 1e-12 * np.abs(after).max()
        repeated = tokens[counts > 1]
        if not other.any() or not set(np.flatnonzero(other)) <= set(repeated):
            continue
        matched = next((each for each in pair.matching.weights
                        if position in (each.a, each.b)[side]), None)  # fmt: skip
        if matched is None:
            continue
        names = [t.weights[k].name for t, k in ((pair.a, matched.a[0]), (pair.b, matched.b[0]))]
        words = ["squares the sum of a token's gradients"] * 2
        words[side] = (
            f"squares each occurrence of a token by itself in {trace.weights[position].name}"
        )
        return Cause(both(pair.names, words[0], words[1]), joined(*names), ("gradient",))
    return None
