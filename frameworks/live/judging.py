"""The verdict on two traces: level by level, to the first that differs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from frameworks.diverge.differences import Difference
from frameworks.diverge.findings import Level
from frameworks.diverge.first_batch import FIRST_BATCH, rounding_limit
from frameworks.live.levels import LEVELS, Compared, Pair, cancels, compare
from frameworks.live.noise import Noise, exact_errors
from frameworks.live.outputs import forms
from frameworks.recordings.trace import Trace

__all__ = ["Judge", "Judged"]

Verdict = Literal["same", "parted", "measured"]


@dataclass
class Judged:
    """The levels that were reached, and the first comparison that differs."""

    levels: list[Level] = field(default_factory=list)
    level: str = ""  # the first that differs; "" if none does
    found: Compared | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing that was judged differs."""
        return not self.level


@dataclass
class Judge:
    """Compares two traces; `noise` measures what rounding does, if a training can be repeated."""

    pair: Pair
    limits: dict[str, float]
    ignored: frozenset[str] = frozenset()
    exact: tuple[Trace, Trace] | None = None  # both sides in float64, if they are in float32
    noise: Callable[[], Noise | None] = lambda: None
    losses_equal: bool = False

    def judge(self) -> Judged:
        """Compare all levels, to the first that differs."""
        done = Judged()
        self._note_forms(done)
        excused = not self.losses_equal and self._only_losses_differ()
        for level in LEVELS:
            found = self._with_limits(level, compare(level, self.pair, self.ignored))
            if level in ("trajectory", "result"):
                found = self._with_noise(done, level, found)
            if excused and level in ("loss", "gradient", "trajectory"):
                found = [replace(each, found=replace(each.found, limit=None)) for each in found]
            if found and self._keep(done, level, found):
                return done
        if excused:
            done.notes.append(
                "the losses and their gradients differ, but every step moves the weights alike: "
                "the same training, whose loss is written differently"
            )
        return done

    def _note_forms(self, done: Judged) -> None:
        first, second = forms(self.pair.a, self.pair.b)
        a, b = self.pair.names
        if first and second and first != second:
            done.notes.append(
                f"{a} gives its loss {first}, {b} {second}: outputs are compared as probabilities"
            )
        if count := sum(cancels(self.pair, each) for each in self.pair.matching.weights):
            what = "weight has" if count == 1 else "weights have"
            done.notes.append(
                f"{count} {what} a gradient of zero but for rounding (a bias before a batch "
                "normalization, for example), and are not compared after the first step"
            )

    def _keep(self, done: Judged, level: str, found: list[Compared]) -> bool:
        """Record a level; return whether it differs."""
        first = _first(level, found)
        verdict: Verdict = "same"
        worst = max((each.found for each in found), key=lambda each: each.of_limit)
        if first is not None:
            verdict, worst = "parted", first.found
            done.level, done.found = level, first
        elif any(each.found.limit is None for each in found):
            verdict = "measured"
        done.levels.append(Level(level, verdict, worst, len(found)))
        return verdict == "parted"

    def _with_limits(self, level: str, found: list[Compared]) -> list[Compared]:
        limits = [self.limits[level]] * len(found)
        if level == "result":
            of_outputs = self.limits["result"]
            limits = [of_outputs if each.place == "outputs" else limits[0] for each in found]
        if self.exact is not None and level in FIRST_BATCH:
            ours, theirs = (exact_errors(level, self.pair, k, self.exact[k]) for k in (0, 1))
            if len(ours) == len(theirs) == len(found):
                limits = [rounding_limit(*both) for both in zip(ours, theirs, strict=True)]
            else:
                limits = [rounding_limit()] * len(found)
        return [_limited(each, limit) for each, limit in zip(found, limits, strict=True)]

    def _with_noise(self, done: Judged, level: str, found: list[Compared]) -> list[Compared]:
        """Replace the limits by measured ones: in float32 always, in float64 where exceeded."""
        in_float32 = self.pair.a.dtype == "float32" or self.pair.b.dtype == "float32"
        if not in_float32 and not any(each.found.parted for each in found):
            return found
        if not np.isfinite([each.found.error for each in found]).all():
            return found  # no rounding explains what is not finite
        noise = self.noise()
        if noise is None or not noise.finite:
            return [_limited(each, None) for each in found] if in_float32 else found
        measured = noise.trajectory if level == "trajectory" else noise.result
        if len(measured) != len(found):
            return found
        if in_float32:
            return [_limited(x, limit) for x, limit in zip(found, measured, strict=True)]
        return self._excused_by(noise, done, found, measured)

    def _excused_by(
        self, noise: Noise, done: Judged, found: list[Compared], measured: list[float]
    ) -> list[Compared]:
        """Return the comparisons of float64 with the larger of the fixed and measured limits."""
        pairs = zip(found, measured, strict=True)
        wider = [_limited(x, max(x.found.limit or 0.0, limit)) for x, limit in pairs]
        many = f"{noise.trainings} trainings of one side, nudged in the last place,"
        if any(each.found.parted for each in wider):
            done.notes.append(f"this is not rounding: {many} stay closer together")
        else:
            done.notes.append(f"the training amplifies rounding: {many} are as far apart")
        return wider

    def _only_losses_differ(self) -> bool:
        """Return whether the loss differs, but neither the outputs nor what any step does."""
        levels = {level: self._with_limits(level, compare(level, self.pair, self.ignored))
                  for level in ("forward", "loss", "step", "result")}  # fmt: skip
        loss = any(each.found.parted for each in levels["loss"])
        steps = [each for each in levels["step"] if each.weights is not None]
        others = [*levels["forward"], *steps, *levels["result"]]
        return loss and bool(steps) and not any(each.found.parted for each in others)


def _limited(each: Compared, limit: float | None) -> Compared:
    return replace(each, found=replace(each.found, limit=limit))


def _first(level: str, found: list[Compared]) -> Compared | None:
    """Return the first comparison that differs; of weights, the one that differs most."""
    parted = [each for each in found if each.found.parted]
    if not parted:
        return None
    if level in ("step", "gradient", "result") and parted[0].weights is not None:
        return max((each for each in parted if each.weights), key=lambda each: each.found.error)
    return parted[0]


def _worst(found: list[Compared]) -> Difference:
    return max((each.found for each in found), key=lambda each: each.of_limit)
