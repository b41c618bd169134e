"""Why an optimizer may take a different step on equal gradients, or a loop other batches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from frameworks.diverge.causes.loops import other_batches
from frameworks.diverge.causes.rules import (
    AdamRule,
    MomentumRule,
    Rule,
    adam_rules,
    learning_rate,
    momentum_rules,
)
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number
from frameworks.spec import float32

__all__ = ["HYPOTHESES"]

_MOMENTA = (0.9, 0.5, 0.99, 0.95, 0.8, 0.75)  # also tried rounded to float32


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays]).astype(np.float64)


@dataclass(frozen=True)
class _Seen:
    """The steps that one side took: θ before them, their gradients, and θ after them."""

    start: np.ndarray
    gradients: list[np.ndarray]
    after: np.ndarray


def _seen(evidence: Evidence) -> tuple[_Seen, _Seen] | None:
    history = evidence.history
    kept = [pair.gradients for pair in history if pair.gradients is not None]
    if not history or len(kept) < len(history):
        return None
    first, last = history[0], history[-1]
    return (
        _Seen(_flat(first.a.before), [_flat(g) for g, _ in kept], _flat(last.a.after)),
        _Seen(_flat(first.b.before), [_flat(g) for _, g in kept], _flat(last.b.after)),
    )


def _follows(evidence: Evidence, seen: _Seen, rule: Rule) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        moved = rule(seen.start, seen.gradients) - seen.start
    return evidence.matches(moved, seen.after - seen.start)


def _rules(evidence: Evidence) -> Iterator[tuple[str, Rule]]:
    yield from momentum_rules(evidence.spec, [*_MOMENTA, *map(float32, _MOMENTA)])
    yield from adam_rules(evidence.spec)


def not_moved(evidence: Evidence) -> str | None:
    """θ' = θ for some weights."""
    if evidence.parting is None:
        return None
    b = evidence.parting.b
    weights = sorted(evidence.parted & set(range(len(b.after))))  # a result has more than weights
    a = evidence.parting.a
    still = [
        i
        for i in weights
        if np.array_equal(b.before[i], b.after[i]) and not np.array_equal(a.before[i], a.after[i])
    ]
    if not still or "loss" in evidence.found.where:
        return None
    if len(still) == len(b.after):
        return f"no weight moves in {evidence.names[1]}"
    which = ", ".join(f"weights.{i}" for i in still)
    return f"{evidence.names[1]} does not move {which}: frozen, or left out"


def other_rule(evidence: Evidence) -> str | None:
    """Each side's θ follows from its gradients by a known rule, and the rules differ."""
    seen = _seen(evidence)
    if seen is None:
        return None
    a, b = seen
    ours, rule = next(
        ((n, r) for n, r in _rules(evidence) if _follows(evidence, a, r)), (None, None)
    )
    theirs = next((n for n, r in _rules(evidence) if _follows(evidence, b, r)), None)
    if said := evidence.both("uses", ours, theirs):
        return said
    return None if rule is None or theirs == ours else _other_rate(evidence, b, rule)


def divides_by_zero(evidence: Evidence) -> str | None:
    """θ' is not a number where, and only where, the gradient is 0: 0/0, as without an ε."""
    seen = _seen(evidence)
    if seen is None or evidence.parting is None:
        return None
    (a, b), step = seen, evidence.parting
    if not (np.isfinite(a.after).all() and all(np.isfinite(g).all() for g in b.gradients)):
        return None
    if not np.array_equal(~np.isfinite(_flat(step.b.after)), b.gradients[0] == 0):
        return None
    return f"{evidence.names[1]} divides 0 by zero in the first step, where the gradient is 0"


def _other_rate(evidence: Evidence, b: _Seen, rule: AdamRule | MomentumRule) -> str | None:
    """Side a's rule with r η instead of η."""
    pair = evidence.history[0]
    start = _flat(pair.a.before)
    r = evidence.ratio(_flat(pair.a.after) - start, _flat(pair.b.after) - start)
    if r is None or not _follows(evidence, b, replace(rule, eta=r * rule.eta)):
        return None
    names = evidence.names
    return f"the learning rate of {names[1]} is {as_number(r)} times that of {names[0]}"


def other_first_step(evidence: Evidence) -> str | None:
    """Δθ' = r Δθ on the first step."""
    if not evidence.history:
        return None
    pair = evidence.history[0]
    start = _flat(pair.a.before)
    moved = _flat(pair.a.after) - start, _flat(pair.b.after) - start
    return evidence.times("the first step", *moved)


def other_gradients(evidence: Evidence) -> str | None:
    """Side a's rule, on changed gradients or without the optimizer's state."""
    seen = _seen(evidence)
    if seen is None:
        return None
    a, b = seen
    rule = next((r for _, r in _rules(evidence) if _follows(evidence, a, r)), None)
    if rule is None or len(b.gradients) < 2 or not np.isfinite(b.after).all():
        return None
    if _follows(evidence, b, rule):
        return None
    g = b.gradients
    ways = {
        "gradients add up from step to step, as without zero_grad": list(np.cumsum(g, axis=0)),
        "every step uses the gradient of the previous step": [g[0], *g[:-1]],
        "every step uses the first gradient": [g[0]] * len(g),
    }
    for words, changed in ways.items():
        if _follows(evidence, replace(b, gradients=changed), rule):
            return f"in {evidence.names[1]} {words}"
    each = [
        _Seen(_flat(pair.b.before), [gradient], _flat(pair.b.after))
        for pair, gradient in zip(evidence.history, g, strict=True)
    ]
    if all(_follows(evidence, step, rule) for step in each):
        return f"in {evidence.names[1]} the optimizer loses its state at every step"
    return None


def decayed(evidence: Evidence) -> str | None:
    """θ' − θ = −r θ₀ for all weights, kernels or biases: a decay that the other side lacks."""
    pair = evidence.parting
    if pair is None:
        return None
    for which in ("all weights", "kernels only", "biases only"):
        some = [
            i
            for i, w in enumerate(pair.a.after)
            if which == "all weights" or (w.ndim > 1) == (which == "kernels only")
        ]
        w = _flat([pair.a.before[i] for i in some]) if some else np.zeros(0)
        d = _flat([pair.a.after[i] - pair.b.after[i] for i in some]) if some else w
        rate = evidence.ratio(w, d)
        if rate is not None and rate > 0:
            decay = as_number(rate / learning_rate(evidence.spec))
            more, less = evidence.names[::-1]
            return f"{more} adds a decay of η times {decay} to {which}, {less} does not"
    return None


def rounded_to_float32(evidence: Evidence) -> str | None:
    """θ' = float32(θ)."""
    if evidence.parting is None or evidence.a.side.dtype != "float64":
        return None
    if evidence.rounded(*(_flat(step.after) for step in (evidence.parting.a, evidence.parting.b))):
        return f"every weight of {evidence.names[1]} is exactly representable in float32"
    return None


HYPOTHESES: tuple[Hypothesis, ...] = (
    rounded_to_float32,
    not_moved,
    other_rule,
    other_gradients,
    decayed,
    other_first_step,
    other_batches,
)
