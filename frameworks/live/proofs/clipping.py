"""Whether a step clips the norm of its gradients, which then has a size that somebody wrote.

G' = g min(1, c / (‖g‖ + ε)), where ε is 1e-6 in PyTorch and c has two digits at most.
"""

from collections.abc import Sequence

import numpy as np

from frameworks.live.pairs import Pair
from frameworks.live.proofs.cause import Cause
from frameworks.live.proofs.gradient_changes import Gradients
from frameworks.recordings.trace import Trace

__all__ = ["any_at_a_limit", "norms_clipped"]

_ADDED = 1e-6  # PyTorch's ε
_LEAST = 1e-3  # nobody clips below it
_ROUNDING = {"float64": 1e-9, "float32": 1e-6}  # relative, of a norm

Norms = tuple[float, float]  # of the two sides


def norms_clipped(pair: Pair, found: list[Gradients]) -> Cause | None:
    """Name the limit at which a side clips the norm of its whole gradient, or of each weight's.

    If both do, both are named: by how much less than its limit a norm is, by PyTorch's ε, depends
    on the gradient alone.
    """
    rounding = _ROUNDING[found[0].dtype]
    for what, norms in _norms(pair, found).items():
        if not all(map(_in_proportion, found, norms)):
            continue
        limits = [_limits([each[k] for each in norms], rounding) for k in (0, 1)]
        shares = [abs(x / (limits[0] or 1) - y / (limits[1] or 1)) for x, y in norms]
        if all(limits) and max(shares) <= rounding:
            (one, its), (other, has) = sorted(zip(pair.names, limits, strict=True))
            sentence = f"{one} clips the norm of {what} at {its:g}, {other} at {has:g}"
            return Cause(sentence, "gradient")
        for k, limit in enumerate(limits):
            pairs = [(each[k], each[1 - k]) for each in norms]
            if limit and all(_clips(limit, *each, rounding) for each in pairs):
                sentence = f"{pair.names[k]} clips the norm of {what} at {limit:g}"
                return Cause(sentence, "gradient")
    return None


def any_at_a_limit(pair: Pair, found: list[Gradients]) -> bool:
    """Return whether any norm is such that it may have been clipped: then no factor is a cause."""
    rounding = _ROUNDING[found[0].dtype]
    every = [x for norms in _norms(pair, found).values() for each in norms for x in each]
    return any(_limit(norm, rounding) for norm in every)


def _norms(pair: Pair, found: list[Gradients]) -> dict[str, list[Norms]]:
    """Return the norms that a step may clip, for each of the gradients that differ."""
    whole = _of_all(pair.a), _of_all(pair.b)
    each = [(_norm([g.a]), _norm([g.b])) for g in found]
    return {"the whole gradient": [whole] * len(found), "each weight's gradient": each}


def _of_all(trace: Trace) -> float:
    pairs = zip(trace.weights, trace.gradients, strict=True)
    return _norm([gradient for weight, gradient in pairs if weight.trainable])


def _norm(arrays: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(sum(float(np.square(a, dtype=float).sum()) for a in arrays)))


def _in_proportion(g: Gradients, norms: Norms) -> bool:
    """Return whether two gradients differ as the two norms do."""
    if g.a.shape != g.b.shape or not all(norms):
        return False
    larger, smaller = (g.a, g.b) if norms[0] > norms[1] else (g.b, g.a)
    return g.equal(larger * (min(norms) / max(norms)), smaller)


def _limits(norms: Sequence[float], rounding: float) -> float:
    """Return the one limit that all norms are at; 0 if there is none."""
    limits = {_limit(norm, rounding) for norm in norms}
    return limits.pop() if len(limits) == 1 else 0.0


def _limit(norm: float, rounding: float) -> float:
    """Return the limit that a norm is at, or by ε below it; 0 if there is none."""
    limit = float(f"{norm:.2g}")
    if limit < _LEAST:
        return 0.0
    return limit if -rounding <= 1 - norm / limit <= _ADDED / limit + rounding else 0.0


def _clips(limit: float, norm: float, whole: float, rounding: float) -> bool:
    """Return whether a norm is another one, clipped at a limit."""
    exact = (limit, limit * whole / (whole + _ADDED))
    return whole > norm and any(abs(norm - each) <= rounding * each for each in exact)
