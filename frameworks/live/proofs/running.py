"""Why running statistics may differ: what a batch normalization adds to them in the first step."""

import numpy as np

from frameworks.live.pairs import Pair, joined
from frameworks.live.proofs.cause import Cause, Proof, equal_within, exchanged, smallest
from frameworks.live.proofs.sentences import advice, both, phrase
from frameworks.live.settings import differing
from frameworks.live.tracing import Change
from frameworks.recordings.trace import Facts, LayerTrace, Trace

__all__ = ["prove_running"]

Statistics = tuple[np.ndarray, np.ndarray]  # mean and variance


def prove_running(pair: Pair) -> Proof:
    """Prove which settings make the running statistics differ after the first step.

    running ← κ running + (1 − κ) new, of the mean and of the variance, biased or unbiased.
    """
    for i, j in pair.matching.layers:
        x, y = pair.a.layers[i], pair.b.layers[j]
        cause = _cause(pair, x, y)
        if cause is not None:
            return Proof([cause])
    return Proof()


def _cause(pair: Pair, x: LayerTrace, y: LayerTrace) -> Cause | None:
    names = [each for each in differing(x.facts, y.facts) if each in ("keep", "unbiased")]
    ours, theirs = _seen(pair.a, x), _seen(pair.b, y)
    if not names or ours is None or theirs is None:
        return None
    gap = max(float(np.abs(p - q).max()) for p, q in zip(ours, theirs, strict=True))

    def equal(facts: Facts, trace: Trace, layer: LayerTrace, seen: Statistics) -> bool:
        found = _next(facts, trace, layer)
        return all(
            equal_within(*both_of, gap, trace.dtype) for both_of in zip(found, seen, strict=True)
        )

    if not equal(x.facts, pair.a, x, ours) or not equal(y.facts, pair.b, y, theirs):
        return None
    settings = smallest(
        names, lambda some: equal(exchanged(x.facts, y.facts, some), pair.b, y, ours)
    )
    place, name = joined(x.path, y.path), pair.names[1]
    said = [phrase(each.facts, settings, each.path) for each in (x, y)]
    return Cause(
        both(pair.names, said[0], said[1]),
        place,
        settings,
        remedy=tuple(Change(y.path, each, x.facts.values[each]) for each in settings),
        advice=advice(name, y.path, y.facts, x.facts, settings),
    )


def _seen(trace: Trace, layer: LayerTrace) -> Statistics | None:
    """Return a batch normalization's statistics after the first step; None if they are unknown."""
    states = trace.steps[0].states if trace.steps else None
    known = layer.facts.kind == "batch normalization" and len(layer.states) == 2
    if states is None or not known or not layer.training_inputs:
        return None
    mean, variance = (states[k] for k in layer.states)
    return mean, variance


def _next(facts: Facts, trace: Trace, layer: LayerTrace) -> Statistics:
    """Return what the statistics become by these facts."""
    X = layer.training_inputs[0]
    axes, m, keep = tuple(range(X.ndim - 1)), X.size // X.shape[-1], facts.values["keep"]
    kept = keep if isinstance(keep, float) else 0.0
    scale = m / (m - 1) if facts.values.get("unbiased") and m > 1 else 1.0
    new = X.mean(axes), X.var(axes) * scale
    mean, variance = (kept * trace.states[k].values + (1 - kept) * s
                      for k, s in zip(layer.states, new, strict=True))  # fmt: skip
    return mean, variance
