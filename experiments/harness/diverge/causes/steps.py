"""Why an optimizer may take another step with the same gradients, or a loop other batches."""

from collections.abc import Iterator

import numpy as np

from experiments.harness.diverge.causes.loops import other_batches
from experiments.harness.diverge.causes.rules import Rule, adam_rules, momentum_rules
from experiments.harness.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]

_MOMENTA = (0.9, 0.5, 0.99, 0.95, 0.8, 0.75)  # in use; and the same rounded to float32
_MANY = 12  # steps whose gradients are enough to tell rules apart


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays]).astype(np.float64)


def _seen(evidence: Evidence) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray] | None:
    """Return θ₀, the gradients, and θ as side a and side b have it after them."""
    history = evidence.history
    if not history or any(pair.gradients is None for pair in history):
        return None
    gradients = [_flat(pair.gradients or []) for pair in history]
    last = history[-1]
    return _flat(history[0].a.before), gradients, _flat(last.a.after), _flat(last.b.after)


def _rules(evidence: Evidence) -> Iterator[tuple[str, Rule]]:
    yield from momentum_rules(evidence.spec, [*_MOMENTA, *(float(np.float32(m)) for m in _MOMENTA)])
    yield from adam_rules(evidence.spec)


def not_moved(evidence: Evidence) -> str | None:
    """θ' = θ for some weights."""
    if not evidence.history:
        return None
    b = evidence.history[-1].b
    still = [
        i
        for i in sorted(evidence.parted)
        if np.array_equal(b.before[i], b.after[i]) and evidence.history[-1].a.after[i].size
    ]
    if not still or evidence.found.where.startswith("the batch's loss"):
        return None
    which = "no weight" if len(still) == len(b.after) else ", ".join(f"weights.{i}" for i in still)
    verb = "moves" if len(still) == len(b.after) else "not moved by the step; frozen, or left out"
    return f"{which} {verb} in {evidence.names[1]}"


def other_rate(evidence: Evidence) -> str | None:
    """Δθ' = r Δθ on the first step, for all weights or for some."""
    seen = _seen(evidence)
    if seen is None or len(evidence.history) > 1:
        return None
    start, _, a, b = seen
    r = evidence.ratio(a - start, b - start)
    n = len(evidence.a.batch.X)
    if r is None:
        return None
    known = {float(n): " (the number of rows)", 1 / n: " (one over the number of rows)", -1.0: ""}
    words = next((w for value, w in known.items() if abs(r - value) < 1e-6 * abs(value)), "")
    return f"the step of {evidence.names[1]} is {as_number(r)} times as large{words}"


def other_rule(evidence: Evidence) -> str | None:
    """Each side's θ is what some rule makes of the gradients: which ones."""
    seen = _seen(evidence)
    if seen is None:
        return None
    start, gradients, a, b = seen
    if not np.isfinite(b).all():
        return _not_finite(evidence)
    ours = theirs = None
    for name, rule in _rules(evidence):
        after = rule(start, gradients)
        if ours is None and evidence.matches(after - start, a - start):
            ours = name
        if theirs is None and evidence.matches(after - start, b - start):
            theirs = name
    if theirs is None or theirs == ours:
        return None
    return f"{evidence.names[1]} takes {theirs}" + (f"; {evidence.names[0]}, {ours}" if ours else "")


def _not_finite(evidence: Evidence) -> str | None:
    """1 − β⁰ = 0: counted from 0, the first correction divides by nothing."""
    if len(evidence.history) > 1:
        return None
    return f"{evidence.names[1]} divides by zero in the first step, as where steps count from 0"


def other_gradients(evidence: Evidence) -> str | None:
    """Side a's rule, on gradients that were changed on the way."""
    seen = _seen(evidence)
    if seen is None:
        return None
    start, gradients, a, b = seen
    ours = next((r for _, r in _rules(evidence) if evidence.matches(r(start, gradients), a)), None)
    if ours is None or not np.isfinite(b).all():
        return None
    stale = [gradients[0], *gradients[:-1]]
    ways = {
        "gradients add up from step to step, as without zero_grad": list(np.cumsum(gradients, 0)),
        "every step takes the gradient of the step before": stale,
        "every step takes the first gradient": [gradients[0]] * len(gradients),
        "the optimizer forgets its memory at every step": None,
    }
    before = _flat(evidence.history[-1].a.before)
    for words, changed in ways.items():
        after = ours(before, gradients[-1:]) if changed is None else ours(start, changed)
        if evidence.matches(after - start, b - start):
            return f"in {evidence.names[1]} {words}"
    return None


def decayed(evidence: Evidence) -> str | None:
    """θ' − θ = −r θ₀ for all weights, kernels or biases: a decay that the other side lacks."""
    if not evidence.history:
        return None
    pair = evidence.history[-1]
    groups = {"all weights": range(len(pair.a.after)), "kernels alone": None, "biases alone": None}
    for which in groups:
        some = [
            i
            for i, w in enumerate(pair.a.after)
            if which == "all weights" or (w.ndim > 1) == (which == "kernels alone")
        ]
        w = _flat([pair.a.before[i] for i in some]) if some else np.zeros(0)
        d = _flat([pair.a.after[i] - pair.b.after[i] for i in some]) if some else w
        rate = evidence.ratio(w, d)
        if rate is not None:
            decay = as_number(rate / evidence.spec.learning_rate)
            return f"{evidence.names[1]} draws {which} towards 0, by η times {decay}"
    return None


def rounded_to_float32(evidence: Evidence) -> str | None:
    """θ' = float32(θ)."""
    if not evidence.history or evidence.a.side.dtype != "float64":
        return None
    after = _flat(evidence.history[-1].b.after)
    if np.array_equal(after, after.astype(np.float32)):
        return f"every weight in {evidence.names[1]} is one that float32 holds"
    return None


HYPOTHESES: tuple[Hypothesis, ...] = (
    rounded_to_float32,
    not_moved,
    other_rate,
    other_rule,
    other_gradients,
    decayed,
    other_batches,
)
