"""Why trainings of equal losses may end in other states: the running variance of batch norm."""

import numpy as np

from frameworks.live.pairs import Compared, Pair, joined
from frameworks.live.proofs.cause import Cause, Proof, equal_within
from frameworks.live.proofs.running import prove_running
from frameworks.live.proofs.sentences import both, phrase
from frameworks.live.proofs.steps import prove_steps
from frameworks.live.settings import differing
from frameworks.recordings.trace import LayerTrace, Trace

__all__ = ["prove_result"]


def prove_result(pair: Pair, found: Compared) -> Proof:
    """Prove why the weights at the end differ, or the running variances."""
    proof = prove_steps(pair)
    if proof.causes or proof.odd:
        return proof
    if (proof := prove_running(pair)).causes:
        return proof
    causes = [
        cause
        for i, j in pair.matching.layers
        if (cause := _of_variance(pair, pair.a.layers[i], pair.b.layers[j])) is not None
    ]
    return Proof(causes[:1])


def _of_variance(pair: Pair, x: LayerTrace, y: LayerTrace) -> Cause | None:
    """Of the unbiased variance, all that was added to the start is m/(m−1) times as much.

    m are the numbers of a channel in a batch: v_T = κᵀ v₀ + Σ κᵀ⁻ᵗ (1−κ) s_t, and the losses say
    that both sides had the same s_t.
    """
    known = len(x.states) == len(y.states) == 2 and x.inputs
    if not known or differing(x.facts, y.facts) != ["unbiased"]:
        return None
    keep, X = x.facts.values["keep"], x.inputs[0]
    m, steps = X.size // X.shape[-1], len(pair.a.steps)
    if not isinstance(keep, float) or m < 2 or steps != len(pair.b.steps):
        return None
    ours, theirs = (_added(t, s.states[1], keep**steps) for t, s in ((pair.a, x), (pair.b, y)))
    factor = m / (m - 1)
    r = factor if y.facts.values["unbiased"] else 1 / factor
    if not equal_within(r * ours, theirs, factor - 1, pair.a.dtype):
        return None
    said = [phrase(s.facts, ("unbiased",), s.path) for s in (x, y)]
    return Cause(both(pair.names, said[0], said[1]), joined(x.path, y.path), ("unbiased",))


def _added(trace: Trace, position: int, kept: float) -> np.ndarray:
    """Return what a running variance has gained on its start."""
    return trace.final_states[position] - kept * trace.states[position].values
