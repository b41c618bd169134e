"""The steps that one side took, and what an optimizer with certain facts would have made of them.

Each step is predicted from the weights before it, so that one wrong step spoils no later one. What
an optimizer remembers is built up from the side's own gradients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from frameworks.diverge.evidence import Evidence
from frameworks.live.rules import rule_of
from frameworks.recordings.trace import Facts

__all__ = ["Taken", "predict", "taken_by", "with_values"]

Array = np.ndarray


@dataclass(frozen=True)
class Taken:
    """T steps on p weights: θ before each, its gradient, and θ after it, all (T, p)."""

    before: Array
    gradients: Array
    after: Array
    norms: Array  # (T,) of the gradients of all weights
    kernels: Array  # (p,) of booleans: whether a weight belongs to a kernel

    def some(self, count: int) -> "Taken":
        """Return the same steps on `count` of the weights, evenly spread."""
        p = len(self.kernels)
        i = np.unique(np.linspace(0, p - 1, min(p, count)).astype(int))
        columns = {name: getattr(self, name)[:, i] for name in ("before", "gradients", "after")}
        return replace(self, kernels=self.kernels[i], **columns)

    @property
    def moved(self) -> Array:
        """What each step adds to the weights."""
        return self.after - self.before


def taken_by(evidence: Evidence) -> tuple[Taken, Taken] | None:
    """Return the steps of both sides; None unless the gradients of all are known.

    Of several networks, those of the one that differs first.
    """
    history = evidence.history
    if not history or any(pair.gradients is None for pair in history):
        return None
    sides, some = [], evidence.arrays
    for side, steps in enumerate(([p.a for p in history], [p.b for p in history])):
        before = [steps[0].before[i] for i in some]
        gradients = [pair.gradients[side] for pair in history if pair.gradients is not None]
        g = np.stack([_flat([each[i] for i in some]) for each in gradients])
        sides.append(
            Taken(
                before=np.stack([_flat([step.before[i] for i in some]) for step in steps]),
                gradients=g,
                after=np.stack([_flat([step.after[i] for i in some]) for step in steps]),
                norms=np.sqrt((g * g).sum(axis=1)),
                kernels=_flat([np.full(w.shape, w.ndim > 1) for w in before]) > 0,
            )
        )
    return sides[0], sides[1]


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays]).astype(np.float64)


def with_values(facts: Facts, **values: Any) -> Facts:
    """Return the facts with other values."""
    return replace(facts, values={**facts.values, **values})


def predict(
    facts: Facts,
    taken: Taken,
    *,
    rates: Sequence[float] | None = None,
    resets: Sequence[int] = (),
    twice: Sequence[int] = (),
    counts: bool = True,
) -> Array | None:
    """Return θ after each step (T, p), from θ before it; None if the facts are of no known rule.

    `rates`: factors of η, step by step; `resets`: steps before which the optimizer forgets;
    `twice`: steps at which it acts twice on the gradient; unless it `counts`, every step is its
    first. Beside the facts of `frameworks.live.rules`: `first`, the number of the first step, and
    `decays`: "all", "kernels" or "biases".
    """
    rule, values = rule_of(facts), facts.values
    if rule is None:
        return None
    state: dict[str, Array] = {}
    t, found = _number(values, "first", 1), []
    decaying = _decaying(values, taken.kernels)
    steps = zip(taken.before, taken.gradients, taken.norms, strict=True)
    for k, (w, g, norm) in enumerate(steps):
        if k in resets:
            state, t = {}, _number(values, "first", 1)
        eta = _number(values, "learning_rate", 0) * (1.0 if rates is None else rates[k])
        g = _clipped(g, float(norm), values)
        for _ in range(1 + (k in twice)):
            pull = _number(values, "coupled_decay", 0) * w * decaying
            w = w - eta * _number(values, "decoupled_decay", 0) * w * decaying
            with np.errstate(all="ignore"):
                w = rule(w, g + pull, state, int(t), eta)
            t += counts
        found.append(w)
    return np.stack(found)


def _number(values: Mapping[str, Any], name: str, default: float) -> float:
    return float(values.get(name, default))


def _decaying(values: Mapping[str, Any], kernels: Array) -> Array:
    some = "kernels" if values.get("not_decayed") else values.get("decays", "all")
    every: Array = np.ones(len(kernels), bool)
    return every if some == "all" else kernels if some == "kernels" else ~kernels


def _clipped(g: Array, norm: float, values: Mapping[str, Any]) -> Array:
    if limit := values.get("clip_value"):
        return np.clip(g, -limit, limit)
    if limit := values.get("clip_global_norm"):
        return g * (limit / max(norm + _number(values, "clip_epsilon", 0), limit))
    return g
