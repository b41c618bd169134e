"""The verdict on two traces: level by level, to the first that differs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite
from typing import Literal

from frameworks.diverge.findings import Level
from frameworks.diverge.first_batch import FIRST_BATCH, rounding_limit
from frameworks.live.carried import carried
from frameworks.live.correspondence import WeightPair
from frameworks.live.excused import (
    of_another_ratio,
    of_still_weights,
    only_losses_differ,
    unmoved,
    without_losses,
)
from frameworks.live.levels import LEVELS, cancels, compare, largest, largest_beside, limit_of
from frameworks.live.noise import Noise, exact_errors
from frameworks.live.outputs import forms, have_classes_elsewhere
from frameworks.live.pairs import Compared, Pair
from frameworks.live.rewritten import rewritten
from frameworks.recordings.trace import Trace

__all__ = ["Judge", "Judged"]

_NAMED = 3  # layers in a note
_HOLLOW = 1e-3  # relative: a limit above it would excuse faults that people make
_SMALL = 1e-3  # of the largest gradient: float64 holds one below it to 1e-13 of itself, or worse

Verdict = Literal["same", "parted", "measured"]


@dataclass
class Judged:
    """The levels that were reached, and the first comparison that differs."""

    levels: list[Level] = field(default_factory=list)
    level: str = ""  # the first that differs; "" if none does
    found: Compared | None = None
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a note, once."""
        if sentence and sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def same(self) -> bool:
        """Whether nothing that was judged differs."""
        return not self.level

    @property
    def reached(self) -> tuple[float, ...]:
        """How far the two agree, to be compared with others, in the order of the comparison.

        First the level, then whether it is in evaluation mode that they differ, and in which layer,
        or in the outputs behind all layers; at last whether what enters that layer agrees.
        """
        if self.found is None:
            return (len(LEVELS),)
        layer, mode = self.found.layers[0], self.found.key[0]
        return (
            LEVELS.index(self.level),
            mode not in ("layer", "outputs"),
            inf if layer is None else layer,
            not self.found.between,
        )


@dataclass
class Judge:
    """Compares two traces; `noise` measures what rounding does, if a training can be repeated."""

    pair: Pair
    limits: dict[str, float]
    ignored: frozenset[str] = frozenset()
    exact: tuple[Trace | None, Trace | None] = (None, None)  # live sides in float64, for float32
    noise: Callable[[dict[WeightPair, float]], Noise | None] = lambda carried: None
    losses_equal: bool = False

    def judge(self) -> Judged:
        """Compare all levels, to the first that differs."""
        done = Judged()
        self._note_forms(done)
        excused = not self.losses_equal and self._excuses()
        constant = not self.losses_equal and not excused and self._only_a_constant_differs()
        if constant:
            done.notes.append(
                "the losses differ, but their gradients agree: what differs moves no weight"
            )
        for level in LEVELS:
            found = self._compare(level)
            if level == "forward":
                _note_hidden(done, found)
                found = self._without_rewritten(done, found)
            if level == "gradient":
                _note_rounding(done, found)
            found = self._without_still_weights(done, found)
            if excused:
                found = without_losses(level, found)
            elif constant:
                found = [x.limited(None) if x.key[0] == "loss" else x for x in found]
            if level in ("trajectory", "result"):
                found = self._with_noise(done, found)
            if found and self._keep(done, level, found):
                return done
        _note_unmoved(done, unmoved(self.pair))
        if excused:
            done.notes.append(
                "the losses or their gradients differ, but every step moves the weights alike: the "
                "same training, whose loss is written differently, or whose gradients are clipped, "
                "accumulated or decayed at another place, or not seen in a step of its own"
            )
            if of_another_ratio(self.pair):
                done.notes.append(
                    "in a batch of fewer rows the losses differ by another factor: how such "
                    "batches train is not judged"
                )
        return done

    def _excuses(self) -> bool:
        levels = {level: self._compare(level) for level in LEVELS[1:]}
        levels["forward"] = self._without_rewritten(Judged(), levels["forward"])
        return only_losses_differ(self.pair, levels)

    def _only_a_constant_differs(self) -> bool:
        """Return whether losses differ whose gradients do not: by what moves no weight."""
        losses, gradients = self._compare("loss"), self._compare("gradient")
        parted = any(each.found.parted for each in losses)
        finite = all(isfinite(each.found.error) for each in losses)
        return parted and finite and bool(gradients) and not any(x.found.parted for x in gradients)

    def _note_forms(self, done: Judged) -> None:
        first, second = forms(self.pair.a, self.pair.b)
        a, b = self.pair.names
        if first and second and first != second:
            common = "rates" if "rates" in (first, second) else "probabilities"
            done.notes.append(
                f"{a} gives its loss {first}, {b} {second}: outputs are compared as {common}"
            )
        if have_classes_elsewhere(self.pair.a, self.pair.b):
            done.notes.append(
                f"outputs of {a} and {b} have their axes in different orders, as (n, classes, t) "
                "and (n, t, classes): they are compared in the same order"
            )
        if count := sum(cancels(self.pair, each) for each in self.pair.matching.weights):
            which = "one weight is" if count == 1 else f"{count} weights are"
            done.notes.append(
                f"{which} not compared after the first step: the gradient is zero but for "
                "rounding, as that of a bias before a batch normalization"
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

    def _compare(self, level: str) -> list[Compared]:
        return self._with_limits(level, compare(level, self.pair, self.ignored))

    def _without_rewritten(self, done: Judged, found: list[Compared]) -> list[Compared]:
        """Leave out what differs without effect, and say so."""
        left_out = rewritten(self.pair, found)
        rest = [each for each in found if each not in left_out]
        if left_out and not any(each.found.parted for each in rest):
            places = ", ".join(dict.fromkeys(each.place for each in left_out))
            done.note(f"written differently, but what follows from it agrees: {places}")
        return rest

    def _without_still_weights(self, done: Judged, found: list[Compared]) -> list[Compared]:
        """Take the limits off gradients that move nothing, and say so where they differ."""
        still = of_still_weights(self.pair, found)
        if still:
            places = ", ".join(dict.fromkeys(each.place for each in still))
            done.note(
                f"neither side's first step moves {places}, so that their gradients in it are not "
                "compared"
            )
        return [each.limited(None) if each in still else each for each in found]

    def _with_limits(self, level: str, found: list[Compared]) -> list[Compared]:
        limits = [limit_of(level, each, self.limits) for each in found]
        if self._in_float32 and level in FIRST_BATCH:
            limits = self._rounding_limits(level, found)
            magnified = [1.0 if each.weights else self.pair.magnified for each in found]
            if level in ("loss", "step"):
                limits = [limit * more for limit, more in zip(limits, magnified, strict=True)]
        if level == "step":
            carried_on = [self.carried.get(x.weights, 0.0) if x.weights else 0.0 for x in found]
            limits = [limit + more for limit, more in zip(limits, carried_on, strict=True)]
        limited = [each.limited(limit) for each, limit in zip(found, limits, strict=True)]
        return self._with_nudged_gradients(limited) if level == "gradient" else limited

    def _with_nudged_gradients(self, found: list[Compared]) -> list[Compared]:
        """Widen the limits of gradients whose terms nearly cancel: nudged weights move them more.

        Those of queries and keys do, where attention has made all steps of a sequence alike.
        """
        parted = [each for each in found if each.found.parted]
        if not parted or not all(map(self._may_be_rounding, parted)) or self._nudged is None:
            return found
        limits = {each.key: self._nudged.limits.get(("gradient", each.key[1], 1), 0.0)
                  for each in parted}  # fmt: skip
        wider = {
            each.key: None if limit > _HOLLOW else limit
            for each in parted
            if (limit := limits[each.key]) > (each.found.limit or 0.0)
        }
        return [each.limited(wider.get(each.key, each.found.limit)) for each in found]

    def _may_be_rounding(self, each: Compared) -> bool:
        """Return whether a gradient is so small beside all others that its terms may cancel."""
        if each.weights is None or not isfinite(each.found.error):
            return False
        a, b = self.pair.a, self.pair.b
        sides = ((a, each.weights.a[0]), (b, each.weights.b[0]))
        share = 1.0 if self._in_float32 else _SMALL
        return all(largest_beside(x, k) <= share * largest(x.gradients) for x, k in sides)

    @cached_property
    def _nudged(self) -> Noise | None:
        """What weights that are nudged in the last place alone say, if they stay finite."""
        noise = self.noise({})
        return noise if noise is not None and noise.finite else None

    @cached_property
    def carried(self) -> dict[WeightPair, float]:
        """What the gradients' rounding moves in the first step; nothing if they differ by more."""
        return (
            {}
            if any(each.found.parted for each in self._compare("gradient"))
            else carried(self.pair)
        )

    @cached_property
    def _measured(self) -> Noise | None:
        return self.noise(self.carried)

    @property
    def _in_float32(self) -> bool:
        return "float32" in (self.pair.a.dtype, self.pair.b.dtype)

    def _rounding_limits(self, level: str, found: list[Compared]) -> list[float]:
        """Return the limits of a level in float32, from the rounding errors of the live sides."""
        errors = [
            exact_errors(level, self.pair, k, exact)
            for k, exact in enumerate(self.exact)
            if exact is not None
        ]
        keys = [each.key for each in found]
        return [rounding_limit(*(own[key] for own in errors if key in own)) for key in keys]

    def _with_noise(self, done: Judged, found: list[Compared]) -> list[Compared]:
        """Replace the limits by measured ones: in float32 always, in float64 where exceeded."""
        in_float32 = self._in_float32
        if not any(each.found.error for each in found):
            return found
        if not in_float32 and not any(each.found.parted for each in found):
            return found
        if not in_float32 and not all(isfinite(each.found.error) for each in found):
            return found  # no rounding explains what is not finite
        noise = self._measured
        if noise is None or not noise.finite:
            if in_float32:
                done.note("whole trainings were not judged: no nudged training says how far "
                          "rounding drives them apart")  # fmt: skip
            return [_unjudged(each) for each in found] if in_float32 else found
        wider = [each.limited(self._measured_limit(noise, each)) for each in found]
        judged = {each.key for each in found if each.found.limit is not None}
        done.note(_on_noise(noise, [x for x in wider if x.key in judged], in_float32))
        return wider

    def _measured_limit(self, noise: Noise, each: Compared) -> float | None:
        """Return the measured limit, in float64 at least the fixed one; None if it is hollow.

        Nor has a weight one whose gradient is no more than rounding on the side that was measured.
        """
        if each.found.limit is None or not isfinite(each.found.error):
            return each.found.limit
        if each.key not in noise.limits:
            return None if self._in_float32 else each.found.limit
        fixed = 0.0 if self._in_float32 else each.found.limit or 0.0
        magnified = self.pair.magnified if each.key[0] == "loss" else 1.0
        limit = magnified * noise.limits[each.key]
        return None if limit > _HOLLOW else max(fixed, limit)


def _note_hidden(done: Judged, found: list[Compared]) -> None:
    """Name what differs without effect on the training, which outputs may show."""
    places = [*dict.fromkeys(each.place for each in found if each.hidden)]
    if places:
        named = ", ".join(places[:_NAMED]) + ", ..." * (len(places) > _NAMED)
        done.note("only where the loss of the first batch reads nothing, as at padding, the two "
                  f"differ in {named}")  # fmt: skip


def _note_unmoved(done: Judged, names: list[str]) -> None:
    """Name weights of whose training nothing was seen."""
    if names:
        named = ", ".join(names[:_NAMED]) + ", ..." * (len(names) > _NAMED)
        done.note(f"in these steps neither side moves {named}: how they train is not compared")


def _note_rounding(done: Judged, found: list[Compared]) -> None:
    """Name the gradients that are not judged, as rounding alone moves them."""
    places = [*dict.fromkeys(each.place for each in found if each.found.limit is None)]
    if places:
        named = ", ".join(places[:_NAMED]) + ", ..." * (len(places) > _NAMED)
        done.note(f"rounding alone moves the gradients of {named} by a thousandth, as their terms "
                  "cancel: they are not judged")  # fmt: skip


def _on_noise(noise: Noise, found: list[Compared], in_float32: bool) -> str:
    """Say what the noise means: it excuses the difference, or does not, or hides everything."""
    many = f"{noise.trainings} trainings of one side, nudged in the last place,"
    hidden = next((each for each in found if each.found.limit is None), None)
    if hidden is not None and hidden.found.step is not None:
        step, of_loss = hidden.found.step, hidden.key[0] == "loss"
        when, what = (
            (f"from step {step} on", "the loss")
            if of_loss
            else (f"at step {step}", hidden.found.where)
        )
        return f"{when} rounding alone moves {what} by a thousandth: it is not judged"
    if in_float32 or hidden is not None:
        return ""
    if any(each.found.parted for each in found):
        return f"this is not rounding: {many} stay closer together"
    return f"the training amplifies rounding: {many} are as far apart"


def _unjudged(each: Compared) -> Compared:
    """Return a comparison without a limit, unless no rounding could explain it."""
    return each.limited(None) if isfinite(each.found.error) else each


def _first(level: str, found: list[Compared]) -> Compared | None:
    """Return the first comparison that differs; of gradients the last: they flow backwards."""
    parted = [each for each in found if each.found.parted]
    if not parted:
        return None
    return parted[-1] if level == "gradient" else parted[0]
