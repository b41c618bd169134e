"""One comparison: both sides are opened, matched, given the same start, traced and judged."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from os import PathLike
from pathlib import Path

from frameworks.console import Advance, counted
from frameworks.errors import RequestError
from frameworks.live.carried import sizes_of
from frameworks.live.correspondence import Matching, WeightPair, check_ignored, names_in
from frameworks.live.data import Data
from frameworks.live.descent import UNREADABLE
from frameworks.live.explaining import explain
from frameworks.live.forward import layers_differ
from frameworks.live.judging import Judge, Judged
from frameworks.live.levels import LEVELS, limits_of
from frameworks.live.meeting import Meeting
from frameworks.live.model import Written
from frameworks.live.noise import Noise, measure_noise
from frameworks.live.one_sided import one_sided
from frameworks.live.pairs import Compared, Pair, by_hand
from frameworks.live.penalties import as_judged, decay_in_gradients, penalties_as_decay
from frameworks.live.proofs import Proof, prove
from frameworks.live.repeating import refuse_unrepeated
from frameworks.live.report import Report
from frameworks.live.request import Given, Request, open_side
from frameworks.live.settings import Setting, differing_settings
from frameworks.live.tracing import Change, Course, LiveSide, draw_course
from frameworks.recordings import check_rows, read_trace
from frameworks.recordings.trace import Arrays, Trace

__all__ = ["Comparison", "name_of_side"]


def name_of_side(side: LiveSide | Trace) -> str:
    """Return what the user calls a side, or its framework."""
    if isinstance(side, Trace):
        return side.framework
    return side.training.name or side.kind.framework


@dataclass
class Comparison:
    """Two sides, live or recorded, with the data and the request."""

    given: tuple[Given, Given]
    data: Data
    request: Request
    report: Advance
    notes: list[str] = field(default_factory=list)
    written: Written | None = None  # what is laid out as the framework of a side has it

    def __post_init__(self) -> None:
        """Read the recordings; a live side follows one in its dtype, too."""
        self._repeated = 0  # the level by which both sides are known to repeat themselves
        self.recorded = [
            read_trace(Path(each)) if isinstance(each, str | PathLike) else None
            for each in self.given
        ]
        for trace in filter(None, self.recorded):
            self.request = replace(self.request, dtype=trace.dtype, seed=trace.seed or 0)
            own = counted(len(trace.steps), "step")
            if self.request.steps not in (Request.steps, len(trace.steps)):
                self.notes.append(f"the recording's {own} are taken, not {self.request.steps:,}")

    def run(self, explain_all: bool = False) -> Report:
        """Compare, prove why the two first differ, and report; or why they differ at all."""
        pair, judged = self._compared()
        other = self._as_written() if judged.level == "forward" else None
        if other is not None:
            with suppress(RequestError):  # where the two do not fit as they are
                again = other._compared()
                if again[1].reached > judged.reached:
                    return other._reported(*again, explain_all)
        return self._reported(pair, judged, explain_all)

    def _compared(self) -> tuple[Pair, Judged]:
        """Let both sides train, and judge what they did."""
        self.notes += [*self.meeting.notes, *self.meeting.note_on_order()]
        self.meeting.start()
        check_ignored(self.request.ignore, self.meeting.networks)
        source = self.meeting.source
        if source is not None and None in self.recorded:
            self.notes.append(f"both start from the weights of {self.names[source == 'b']}")
        first, second = (self._trace(side) for side in self.sides)
        taken = len(first.steps), len(second.steps)
        whole = Pair(first, second, self.names, self.matching, steps=taken)
        self.notes += one_sided(whole)
        pair, notes = _decayed_alike(whole)
        self.notes += notes
        pair = self._as_read(pair)
        return pair, self.judge(pair)

    def _reported(self, pair: Pair, judged: Judged, explain_all: bool) -> Report:
        if judged.found is None:
            return self.as_report(pair, judged, Proof())
        self._refuse_unrepeated(pair, judged.level)
        proof = self._prove(pair, judged)
        report = self.as_report(pair, judged, proof)
        if not explain_all:
            return report
        return replace(report, explanation=explain(pair, judged, partial(self._again, pair)))

    def _as_written(self) -> "Comparison | None":
        """Return the same comparison with images as the framework of both sides has them.

        Of what is flattened on each side, the features may be in one order there alone. Beside
        another framework, which exchanges axes before it flattens, it is the features alone.
        """
        kinds = [side.kind for side in self.sides if isinstance(side, LiveSide)]
        of_one = len(kinds) == 2 and kinds[0] is kinds[1]
        what: Written = "images" if of_one else "features"
        differs = any(self.meeting.reordered) if of_one else self.meeting.reorders
        if self.written or not differs or not any(kind.as_written(what) for kind in kinds):
            return None
        note = "features of images are compared in the order that both sides have, channels first"
        return replace(self, notes=[note], written=what)

    def _as_read(self, pair: Pair) -> Pair:
        """Return a pair whose live sides tell what their losses do not read, if layers differ."""
        if not layers_differ(pair):
            return pair
        a, b = (
            replace(trace, layers=side.layers_as_read(trace.dtype))
            if isinstance(side, LiveSide) and all(x.unread is None for x in trace.layers)
            else trace
            for side, trace in zip(self.sides, (pair.a, pair.b), strict=True)
        )
        return replace(pair, a=a, b=b)

    def _prove(self, pair: Pair, judged: Judged) -> Proof:
        """Return the proven causes; settings of a recording may be such that none can be sought."""
        assert judged.found is not None
        if judged.level == "inputs" and judged.found.weights and all(self.recorded):
            judged.note(
                "the two were recorded from different initial weights and cannot be told apart "
                "further; compare one of them live"
            )
        if judged.level == "forward" and self._may_follow_from_a_guess(judged.found):
            return Proof()
        for name, trace in zip(self.names, (pair.a, pair.b), strict=True):
            if judged.level == "gradient" and by_hand(trace):
                judged.note(
                    f"{name} moves weights beside the optimizer in a step of its own, or sets its "
                    "decay there: no cause is sought in its gradients"
                )
                return Proof()
        try:
            if judged.level == "gradient":
                pair = replace(pair, again=self._gradients_again(pair))
            return prove(pair, judged.level, judged.found)
        except UNREADABLE:
            if not any(self.recorded):
                raise
        judged.notes.append("no cause was sought: a recording's settings are not as they should be")
        return Proof()

    def _may_follow_from_a_guess(self, found: Compared) -> bool:
        """Return whether layers before a place, or weights, correspond by their order alone.

        What enters the place may be another's, too, if these were told apart by what follows.
        """
        position, matching = found.layers[0], self.matching
        if matching.by_order:
            return True
        groups = [*matching.guessed, *(matching.likely if found.between else ())]
        return any(position is None or min(ours) <= position for ours, _ in groups)

    def _gradients_again(self, pair: Pair) -> tuple[Arrays, Arrays] | None:
        """Return both sides' gradients of another batch, of a shorter one where one is recorded."""
        found = []
        for side, trace in zip(self.sides, (pair.a, pair.b), strict=True):
            other = None
            if isinstance(side, LiveSide):
                other = side.another_trace(trace.dtype, self.report)
            again = None if other is None else as_judged(other, trace).steps[1].gradients
            if again is not None:
                found.append(tuple(again))
        if len(found) == 2:
            return found[0], found[1]
        a, b = pair.a.shorter_gradients, pair.b.shorter_gradients
        return (tuple(a), tuple(b)) if a and b else None

    def _again(self, pair: Pair, changes: Sequence[Change]) -> tuple[Pair, Judged] | None:
        """Train the second side again with changes; None if they cannot be made."""
        side = self.sides[1]
        if not isinstance(side, LiveSide) or not all(map(side.can_change, changes)):
            return None
        side.changes += changes
        again, _ = _decayed_alike(replace(pair, b=self._trace(side)))
        again = self._as_read(again)
        return again, self.judge(again)

    @cached_property
    def sides(self) -> tuple[LiveSide | Trace, LiveSide | Trace]:
        """Both sides; a live one follows a recorded one."""
        course = self._course(next(filter(None, self.recorded), None))
        sides = [
            trace or self._open(each, k, course)
            for k, (each, trace) in enumerate(zip(self.given, self.recorded, strict=True))
        ]
        return sides[0], sides[1]

    def _open(self, given: Given, k: int, course: Course) -> LiveSide:
        side = open_side(given, k, self.data, course, self.request.dtype)
        kind = side.kind.as_written(self.written) if self.written else None
        return side if kind is None else replace(side, kind=kind)

    def _course(self, recorded: Trace | None) -> Course:
        request, rows = self.request, self.data.rows
        if recorded is None:
            return draw_course(rows, request.batch_size, request.steps, request.seed)
        if None in self.recorded:
            check_rows(recorded, rows)
        per_epoch = recorded.steps_per_epoch or len(recorded.batches) + 1
        return Course(recorded.batches, per_epoch, recorded.seed or 0)

    @cached_property
    def names(self) -> tuple[str, str]:
        """The names of both sides, told apart if they are the same."""
        a, b = (name_of_side(side) for side in self.sides)
        return (a, b) if a != b else (f"the first {a}", f"the second {b}")

    @cached_property
    def meeting(self) -> Meeting:
        """Both sides before they train."""
        for name, side in zip(self.names, self.sides, strict=True):
            if isinstance(side, LiveSide):
                self.report(f"{name}: layers", 0, None)
        return Meeting(self.sides, self.names, self.request)

    @property
    def matching(self) -> Matching:
        """What corresponds."""
        return self.meeting.matching

    def _trace(self, side: LiveSide | Trace) -> Trace:
        if isinstance(side, Trace):
            return self.meeting.as_compared(side)
        return side.trace(self.request.dtype, self.report)

    def judge(self, pair: Pair) -> Judged:
        """Compare two traces level by level."""
        request = self.request
        return Judge(
            pair=pair,
            limits=limits_of(request.limits),
            ignored=frozenset(request.ignore),
            exact=self._exact(pair),
            noise=partial(self._noise, pair),
            losses_equal=request.losses_equal,
        ).judge()

    def _refuse_unrepeated(self, pair: Pair, level: str) -> None:
        """Raise RequestError if a live side, trained again, differs from itself by this level."""
        reached = LEVELS.index(level)
        for k, (side, trace) in enumerate(zip(self.sides, (pair.a, pair.b), strict=True)):
            if isinstance(side, LiveSide) and reached > self._repeated:
                limits, own = limits_of(self.request.limits), self.matching.own(k)
                refuse_unrepeated(self.names[k], side, trace, own, level, limits, self.report)
        self._repeated = max(self._repeated, reached)

    def _exact(self, pair: Pair) -> tuple[Trace | None, Trace | None]:
        """Return the live sides in float64, for their rounding errors on the first batch."""
        if self.request.dtype == "float64":
            return None, None
        a, b = (
            as_judged(side.trace("float64", self.report, steps=1), judged)
            if isinstance(side, LiveSide)
            else None
            for side, judged in zip(self.sides, (pair.a, pair.b), strict=True)
        )
        return a, b

    def _noise(self, pair: Pair, carried: dict[WeightPair, float]) -> Noise | None:
        """Measure the noise of a live side, where rounding in gradients is carried on so far."""
        self._refuse_unrepeated(pair, LEVELS[-1])
        for k, (side, trace) in enumerate(zip(self.sides, (pair.a, pair.b), strict=True)):
            if isinstance(side, LiveSide):
                own = self.matching.own(k)
                sizes = side.parts.largest(sizes_of(trace, k, carried))
                return measure_noise(side, own, self.request.dtype, self.report, sizes)
        return None

    def as_report(self, pair: Pair, judged: Judged, proof: Proof) -> Report:
        """Return the report on two traces."""
        found, request = judged.found, self.request
        return Report(
            names=self.names,
            steps=min(pair.steps),
            batch_size=len(pair.a.inputs[0]),
            dtype=pair.a.dtype,
            seed=request.seed,
            levels=judged.levels,
            level=judged.level,
            place="" if found is None else found.place,
            difference=None if found is None else found.found,
            between=found is not None and found.between and not found.lone,
            causes=proof.causes,
            odd=proof.odd,
            settings=[row for row in differing_settings(pair) if not self._ignores(row)],
            notes=[*self._layer_notes(pair), *self.matching.notes, *self.notes, *judged.notes],
        )

    def _ignores(self, row: Setting) -> bool:
        return bool({row.name, row.fact, *names_in(row.place)} & {*self.request.ignore})

    def _layer_notes(self, pair: Pair) -> list[str]:
        """Name the layers that only one side has, and say what each side, or both, do otherwise."""
        notes = []
        sides = zip(self.names, (pair.a, pair.b), self.matching.only, strict=True)
        for name, trace, positions in sides:
            if positions:
                kinds = ", ".join(_described(trace, k) for k in positions)
                notes.append(f"layers only in {name}: {kinds}")
        both = [note for note in pair.a.notes if note in pair.b.notes]
        for name, trace in zip(self.names, (pair.a, pair.b), strict=True):
            notes += [f"{name}: {note}" for note in trace.notes if note not in both]
        return [*notes, *both]


def _decayed_alike(pair: Pair) -> tuple[Pair, list[str]]:
    """Return the pair with decays where both sides have them, in whatever way, and what to say."""
    pair, of_penalties = penalties_as_decay(pair)
    pair, of_gradients = decay_in_gradients(pair)
    return pair, [note for note in (of_penalties, of_gradients) if note]


def _described(trace: Trace, position: int) -> str:
    layer = trace.layers[position]
    return f"{layer.path} ({layer.facts.kind})" if layer.path else layer.facts.kind
