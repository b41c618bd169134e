"""Why the step of a restricted Boltzmann machine may differ: which units are sampled, and when.

The step is computed once more, with one of its lines exchanged for one that is often written wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from frameworks.diverge.causes.activations import sigmoid
from frameworks.diverge.causes.machine import MISTAKES, Machine
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import First
from frameworks.diverge.side import Step
from frameworks.diverge.trajectory import first_steps
from scratch import Batch

__all__ = ["other_measure", "other_step"]

Array = np.ndarray
_MORE = 6  # steps beyond the one that differs


def _machine(first: First, batch: Batch, named: dict[str, Array]) -> Machine | None:
    """Return a side's machine before its first step; None if its network is none."""
    weights, X = first.opened.initial_weights, batch.X
    if len(weights) != 3 or X.ndim != 2 or weights[0].ndim != 2:
        return None
    W, c, b = (w.astype(float) for w in weights)
    if W.shape != (X.shape[1], len(c)) or b.shape != X.shape[1:] or len(b) == len(c):
        return None
    drawn = [u for u in named.values() if u.ndim == 2 and u.dtype.kind == "f" and (u % 1).any()]
    of_h, of_v = ([u for u in drawn if u.shape[1] == len(a)] for a in (c, b))
    if len(of_h) != 1 or len(of_v) > 1:
        return None
    states = [a for a in first.opened.adapter.get_states() if a.shape == of_h[0].shape]
    return Machine(W, c, b, X, of_h[0], next(iter(of_v), None), next(iter(states), None))


def other_step(evidence: Evidence) -> str | None:
    """The gradients of side b, step by step, follow from side a's machine with one mistake.

    Several steps are taken, as the chains remember: those up to the one that differs, and more.
    """
    first = evidence.a
    if _machine(first, first.batch, _drawn(first)) is None:
        return None
    pairs = first_steps(first.side, evidence.b.side, len(evidence.history) + _MORE)
    given: list[Any] = [pair.gradients for pair in pairs]
    ours, theirs = ([each[side] for each in given] for side in (0, 1))
    mine = _machines(first, [(pair.a, pair.batch) for pair in pairs])
    other = _machines(first, [(pair.b, pair.batch) for pair in pairs])
    if not all(map(all, _follow(evidence, Machine, mine, ours))):
        return None
    stock = _follow(evidence, Machine, other, theirs)
    found = []
    for words, kind in MISTAKES.items():
        changed = _follow(evidence, kind, other, theirs)
        both = [
            [x or y for x, y in zip(*each, strict=True)]
            for each in zip(stock, changed, strict=True)
        ]
        if all(map(all, both)) and not all(map(all, stock)):
            found.append(f"{evidence.names[1]} {words}{_alone(stock, changed)}")
    return found[0] if len(found) == 1 else None


def _drawn(first: First) -> dict[str, Array]:
    return first.opened.adapter.stream.peek(len(first.batch.X)).named


def _machines(first: First, steps: Sequence[tuple[Step, Batch]]) -> list[Machine]:
    """Return the machine before each step, all with the chains before the first."""
    stream, found = first.side.open()[1].adapter.stream, []
    for step, batch in steps:
        machine = _machine(first, batch, stream(len(batch.X)).named)
        assert machine is not None  # as the first step has one
        W, c, b = step.before
        found.append(replace(machine, W=W, c=c, b=b))
    return found


def _follow(
    evidence: Evidence, kind: type[Machine], steps: Sequence[Machine], given: list[list[Array]]
) -> list[list[bool]]:
    """Return, for each step, which of its gradients follow from a kind of machine."""
    found, chains = [], steps[0].chains
    for each, those in zip(steps, given, strict=True):
        fields: dict[str, Any] = vars(each) | {"chains": chains}
        gradients, moved = kind(**fields).step()
        chains = None if chains is None else moved
        scales = [float(np.abs(g).max()) for g in those]
        found.append([*map(evidence.matches, gradients, those, scales)])
    return found


def _alone(stock: list[list[bool]], changed: list[list[bool]]) -> str:
    """Say in which gradients alone a mistake is, if others follow from the formula only."""
    if all(map(all, changed)):
        return ""
    every = zip(*(map(all, zip(*each, strict=True)) for each in (stock, changed)), strict=True)
    some = [f"weights.{i}" for i, (right, wrong) in enumerate(every) if wrong and not right]
    return f", in the gradient of {', '.join(some)} alone"


def other_measure(evidence: Evidence) -> str | None:
    """Each side's reported loss is a measure of its own of the rows."""
    machine = _machine(evidence.a, evidence.a.batch, _drawn(evidence.a))
    if machine is None:
        return None
    measures, named = [*_measures(machine, _drawn(evidence.a))], []
    for value in map(float, evidence.pair):
        named.append(next((words for words, x in measures if evidence.matches(x, value)), None))
    return evidence.both("reports", *named)


def _measures(machine: Machine, drawn: dict[str, Array]) -> Iterator[tuple[str, float]]:
    v, d = machine.v, machine.v.shape[1]

    def free_energy(v: Array) -> Array:
        return -(v @ machine.b) - np.logaddexp(0, v @ machine.W + machine.c).sum(axis=1)

    for pixels in (u for u in drawn.values() if u.shape == v.shape and not (u % 1).any()):
        for which, other in (("flipped", np.abs(v - pixels)), ("set to 1", np.maximum(v, pixels))):
            odds = free_energy(other) - free_energy(v)
            measured = float(np.logaddexp(0, -odds).mean())
            yield f"{d} times the pseudo-likelihood of a pixel that is {which}", d * measured
            yield f"the pseudo-likelihood of a pixel that is {which}", measured
    if machine.chains is None:
        z = machine.logits(machine.uniform_h < machine.hidden(v))
        for what, each in (("logits", z), ("probabilities, taken for logits", sigmoid(z))):
            entropy = float(np.mean(np.logaddexp(0, each) - v * each))
            yield f"the cross-entropy of reconstructed {what}", entropy
