"""A penalty in one side's loss against weight decay in the other side's optimizer.

l Σ w² adds 2 l w to the gradient, and so does a coupled decay of 2 l, but to the gradient alone. To
compare the two, a penalty that is stated is taken out of the loss and its gradient, and stated as a
decay. Of one that a step of one's own adds, or adds to the gradient alone, only the gradients tell:
the other side's decay is then added to its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from frameworks.live.pairs import Pair, accumulates, clips, decays
from frameworks.recordings.trace import Facts, LayerTrace, StepTrace, Trace, Weight

__all__ = ["as_judged", "decay_in_gradients", "penalties_as_decay"]

Arrays = Sequence[np.ndarray]

_SAME = {"float64": 1e-12, "float32": 1e-5}  # relative: gradients that differ by rounding alone


def penalties_as_decay(pair: Pair) -> tuple[Pair, str]:
    """Return the pair with a penalty as a decay, if only the other side decays, and a note of it.

    Else the pair as it is, without a note. Of the losses those of the first steps are left.
    """
    sides = [_Penalties.of(trace) for trace in (pair.a, pair.b)]
    decaying = decays(pair.a), decays(pair.b)
    for k, (own, other) in enumerate((sides, sides[::-1])):
        if own is None or other is None:
            continue
        if any(own.rates) and not any(other.rates) and decaying[1 - k] and not decaying[k]:
            traces = [pair.a, pair.b]
            traces[k] = own.as_decay()
            names = pair.names[k], pair.names[1 - k]
            steps = len(traces[k].steps)
            note = (
                f"the penalties of {names[0]} and the weight decay of {names[1]} are compared as "
                f"one: gradients, and the losses of the first {steps} steps, without them; later "
                "losses are not compared, but the weights at the end are"
            )
            magnified = _ratio(own.trace.first_loss, traces[k].first_loss)
            return replace(pair, a=traces[0], b=traces[1], magnified=magnified), note
    return pair, ""


def decay_in_gradients(pair: Pair) -> tuple[Pair, str]:
    """Return the pair with one side's decay in its gradients, if the other has it there.

    Else the pair as it is, without a note.
    """
    sides = pair.a, pair.b
    if decays(pair.a) == decays(pair.b) or any(clips(x) or accumulates(x) for x in sides):
        return pair, ""
    k = 0 if decays(pair.a) else 1
    own, other, names = sides[k], sides[1 - k], (pair.names[k], pair.names[1 - k])
    decayed, limit = _with_decay_in_gradients(own), max(_SAME[trace.dtype] for trace in sides)

    def agrees(gradients: Arrays) -> bool:
        positions = [(each.a[0], each.b[0])[:: 1 - 2 * k] for each in pair.matching.weights]
        return all(_are_same(gradients[i], other.gradients[j], limit) for i, j in positions)

    if agrees(own.gradients) or not agrees(decayed.gradients):
        return pair, ""
    note = (
        f"the decay of {names[0]}'s optimizer is compared as a part of its gradients, to which "
        f"{names[1]} adds as much"
    )
    return replace(pair, a=decayed) if k == 0 else replace(pair, b=decayed), note


def _are_same(x: np.ndarray, y: np.ndarray, limit: float) -> bool:
    if x.shape != y.shape:
        return False
    return bool(np.abs(x - y).max(initial=0) <= limit * np.abs(y).max(initial=0))


def _with_decay_in_gradients(trace: Trace) -> Trace:
    groups = [facts.values.get("coupled_decay") or 0.0 for facts in trace.optimizer]
    rates = [groups[weight.group] if weight.group >= 0 else 0.0 for weight in trace.weights]

    def with_decay(gradients: Arrays, weights: Arrays) -> list[np.ndarray]:
        return [g + rate * w for g, rate, w in zip(gradients, rates, weights, strict=True)]

    start = [weight.values for weight in trace.weights]
    before, steps = [start, *(step.weights for step in trace.steps)], []
    for step, weights in zip(trace.steps, before, strict=False):
        known = step.gradients is not None and weights is not None
        steps.append(replace(step, gradients=with_decay(step.gradients or (), weights or ()))
                     if known else step)  # fmt: skip
    shorter = trace.shorter_gradients
    return replace(
        trace,
        gradients=with_decay(trace.gradients, start),
        shorter_gradients=None if shorter is None else with_decay(shorter, start),
        steps=steps,
        optimizer=[
            replace(facts, values={**facts.values, "coupled_decay": 0.0})
            for facts in trace.optimizer
        ],
    )


def as_judged(trace: Trace, judged: Trace) -> Trace:
    """Return another trace of a side with its penalties, or its decay, where the judged one's are.

    So its own trace in float64 differs from that in float32 by rounding alone.
    """
    if decays(trace) and not decays(judged):
        return _with_decay_in_gradients(trace)
    own, other = _Penalties.of(trace), _Penalties.of(judged)
    if own is None or other is None or not any(own.rates) or any(other.rates):
        return trace
    return own.as_decay()


def _ratio(whole: float, rest: float) -> float:
    """Return how much larger the relative rounding of a loss is when a part is taken out of it."""
    return max(1.0, abs(whole / rest)) if rest and isfinite(whole / rest) else 1.0


@dataclass(frozen=True)
class _Penalties:
    """A trace, and for each weight the λ of its penalty's gradient λ w, in words, too."""

    trace: Trace
    rates: Sequence[float]
    said: Sequence[str]

    @classmethod
    def of(cls, trace: Trace) -> "_Penalties | None":
        """Read the penalties; None if there is one of another form, or gradients are clipped."""
        rates, said = [0.0] * len(trace.weights), [""] * len(trace.weights)
        if clips(trace):
            return None
        for layer in trace.layers:
            for k in layer.weights:
                part, values = trace.weights[k].name.rsplit(".", 1)[-1], layer.facts.values
                others = f"{part}_penalty", f"{part}_l1", "activity_penalty"
                if any(values.get(name) for name in others):
                    return None
                rate = values.get(f"{part}_decay", 0.0)
                if not isinstance(rate, float | int):
                    return None
                rates[k] = float(rate)
                words = layer.facts.said.get(f"{part}_decay", "")
                said[k] = words.partition(", a gradient")[0]
        return cls(trace, rates, said)

    def as_decay(self) -> Trace:
        """Return the trace with decays in the optimizer's groups instead of penalties."""
        trace, groups = self.trace, dict[tuple[int, float, str], int]()
        weights = []
        for weight, rate, said in zip(trace.weights, self.rates, self.said, strict=True):
            key = weight.group, rate, said
            held = weight.group >= 0
            group = groups.setdefault(key, len(groups)) if held else weight.group
            weights.append(replace(weight, group=group))
        optimizer = [self._group(*key) for key in groups]
        values = [weight.values for weight in trace.weights]
        shorter, penalty = trace.shorter_loss, self._penalty(values)
        return replace(
            trace,
            layers=[self._layer(layer) for layer in trace.layers],
            weights=weights,
            optimizer=optimizer,
            first_loss=trace.first_loss - penalty,
            shorter_loss=None if shorter is None else shorter - penalty,
            gradients=self._without(trace.gradients, values),
            shorter_gradients=(
                None
                if trace.shorter_gradients is None
                else self._without(trace.shorter_gradients, values)
            ),
            steps=list(self._steps(weights)),
        )

    def _layer(self, layer: LayerTrace) -> LayerTrace:
        values = {k: v for k, v in layer.facts.values.items() if not k.endswith("_decay")}
        return replace(layer, facts=replace(layer.facts, values=values))

    def _group(self, group: int, rate: float, said: str) -> Facts:
        facts = self.trace.optimizer[group]
        if not rate:
            return facts
        return replace(
            facts,
            values={**facts.values, "coupled_decay": rate},
            said={**facts.said, "coupled_decay": said},
        )

    def _steps(self, weights: Sequence[Weight]) -> "list[StepTrace]":
        before, found = [weight.values for weight in weights], []
        for step in self.trace.steps:
            if step.gradients is None or step.weights is None:
                break
            loss = step.loss - self._penalty(before)
            found.append(replace(step, loss=loss, gradients=self._without(step.gradients, before)))
            before = step.weights
        return found

    def _penalty(self, weights: Arrays) -> float:
        pairs = zip(self.rates, weights, strict=True)
        return sum(rate / 2 * float((w * w).sum(dtype=float)) for rate, w in pairs)

    def _without(self, gradients: Arrays, weights: Arrays) -> list[np.ndarray]:
        triples = zip(gradients, self.rates, weights, strict=True)
        return [g - rate * w if rate else g for g, rate, w in triples]
