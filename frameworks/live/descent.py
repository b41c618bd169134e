"""A descent: the weights that follow from gradients by an optimizer's facts, step by step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from frameworks.live.rates import rates
from frameworks.live.rules import Rule, rule_of
from frameworks.recordings.trace import Facts, Trace

__all__ = ["UNREADABLE", "Descent"]

# What settings raise that are not as they should be: those of a recording may be anything.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

Weights = list[np.ndarray]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Descent:
    """What an optimizer is given, and what it says of itself.

    Clipping, accumulation, weight decay and the learning rate act as in the frameworks: gradients
    are averaged over `accumulated` steps, then clipped; the weights decay; then the rule acts.
    """

    start: Weights
    gradients: Sequence[Weights]  # of every step
    optimizer: Sequence[Facts]  # one for each group of weights
    schedule: Facts | None = None
    every: int = 1  # steps after which the schedule counts one
    groups: Sequence[int] = ()  # of every weight, -1 for none; () for one group of all
    trainable: Sequence[bool] = ()  # () for all
    names: Sequence[str] = ()  # of the weights, for decays that leave some out

    @classmethod
    def of(cls, trace: Trace, steps: int | None = None) -> "Descent":
        """Return the descent of a trace, as far as its gradients were kept."""
        kept: list[Weights] = []
        for step in trace.steps[:steps]:
            if step.gradients is None or step.weights is None:
                break
            kept.append(step.gradients)
        by_epoch = trace.schedule is not None and trace.schedule.values.get("counts") == "epochs"
        return cls(
            start=[weight.values for weight in trace.weights],
            gradients=kept,
            optimizer=trace.optimizer,
            schedule=trace.schedule,
            every=(trace.steps_per_epoch or 1) if by_epoch else 1,
            groups=[weight.group for weight in trace.weights],
            trainable=[weight.trainable for weight in trace.weights],
            names=[weight.name for weight in trace.weights],
        )

    def weights(self) -> list[Weights] | None:
        """Return the weights after every step; None if the facts are not of a known rule."""
        movers = [self._mover(i) for i in range(len(self.start))]
        if None in movers:
            return None
        common: Values = self.optimizer[0].values
        theta, sums = self.start, None
        every, found = int(common.get("accumulated") or 1), []
        with np.errstate(over="ignore", invalid="ignore"):
            for k, g in enumerate(self.gradients):
                sums = g if sums is None else [a + b for a, b in zip(sums, g, strict=True)]
                if (k + 1) % every == 0:
                    used = self._clipped([a / every for a in sums], common)
                    moves = zip(movers, theta, used, strict=True)
                    theta = [move(k, (k + 1) // every, w, dw) for move, w, dw in moves if move]
                    sums = None
                found.append(theta)
        return found

    def _mover(self, i: int) -> "Mover | None":
        """Return the function that moves one weight; None if it is not known."""
        group = self.groups[i] if self.groups else 0
        if group < 0 or (self.trainable and not self.trainable[i]):
            return lambda k, t, w, g: w
        facts = self.optimizer[group]
        rule, eta = rule_of(facts), self._rate(facts.values)
        decays = self._decays(i, facts.values)
        if rule is None or eta is None or decays is None or facts.values.get("overwritten"):
            return None
        return _Mover(rule, facts.values, eta, decays)

    def _rate(self, values: Values) -> Callable[[int], float] | None:
        """Return η of step k = 0, 1, ...; a group's own is to the schedule's as its first one.

        None where a warm-up from 0 hides how the rates of several groups are to each other, or
        where the optimizer states no rate.
        """
        if "learning_rate" not in values:
            return None
        own = float(values["learning_rate"])
        if self.schedule is None:
            return lambda k: own
        schedule = rates(self.schedule)
        if schedule is None:
            return None
        common: Values = self.optimizer[0].values
        first = float(common["learning_rate"])
        if not first and len(self.optimizer) > 1:
            return None
        factor = own / first if first else 1.0
        return lambda k: factor * schedule(k // self.every)

    def _decays(self, i: int, values: Values) -> bool | None:
        """Return whether a weight decays; None if it is not known which do."""
        excluded = values.get("not_decayed", ())
        if any(each == "masked" or each.endswith(" variables") for each in excluded):
            return None
        part = self.names[i].rsplit(".", 1)[-1] if self.names else ""
        return not any(each in part for each in excluded)

    def _clipped(self, g: Weights, values: Values) -> Weights:
        if limit := values.get("clip_value"):
            return [np.clip(each, -limit, limit) for each in g]
        if limit := values.get("clip_norm"):
            return [each * _factor([each], limit, 0.0) for each in g]
        if limit := values.get("clip_global_norm"):
            trained = self.trainable or [True] * len(g)
            counted = [each for each, is_trained in zip(g, trained, strict=True) if is_trained]
            factor = _factor(counted, limit, values.get("clip_epsilon", 0.0))
            return [each * factor for each in g]
        return g


Mover = Callable[[int, int, np.ndarray, np.ndarray], np.ndarray]


@dataclass
class _Mover:
    """One weight's rule, with what it remembers."""

    rule: Rule
    values: Values
    eta: Callable[[int], float]
    decays: bool
    memory: dict[str, np.ndarray] = field(default_factory=dict)

    def __call__(self, k: int, t: int, w: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return the weight after step k, which is the update number t."""
        rate = self.eta(k)
        g = -g if self.values.get("maximize") else g
        if self.decays:
            g = g + self.values.get("coupled_decay", 0.0) * w
            w = w - rate * self.values.get("decoupled_decay", 0.0) * w
        return self.rule(w, g, self.memory, t, rate)


def _factor(g: Weights, limit: float, epsilon: float) -> float:
    """Return min(1, c / (‖g‖ + ε)) for the norm of all arrays together."""
    norm = float(np.sqrt(sum(float((each * each).sum()) for each in g)))
    return limit / max(norm + epsilon, limit)
