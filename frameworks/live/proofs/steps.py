"""Why the same gradients may move the weights differently: proven over all recorded steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from frameworks.live.correspondence import WeightPair
from frameworks.live.descent import Descent, Weights
from frameworks.live.levels import cancels
from frameworks.live.pairs import Pair, decays, has_own_steps
from frameworks.live.proofs.cause import Cause, Proof, exchanged, smallest
from frameworks.live.proofs.embeddings import by_occurrence, prove_occurrences
from frameworks.live.proofs.groups import Groups
from frameworks.live.proofs.mistakes import Mistake, mistakes
from frameworks.live.proofs.schedules import describe_schedules
from frameworks.live.proofs.sentences import both, listed
from frameworks.live.proofs.step_side import ROUNDING, StepSide, apart
from frameworks.live.settings import differing, same_kind
from frameworks.live.wording import a_kind

__all__ = ["prove_steps"]

_CARRIED = 1e-4  # of a gap may be rounding of gradients, of which an optimizer makes much
_CLOSER = 1e-2  # a proof must explain all but a hundredth of the difference
_SCHEDULE = "schedule: "


def prove_steps(pair: Pair) -> Proof:
    """Prove why the recorded steps differ, from what both sides say of their optimizers."""
    a, b = StepSide(pair.names[0], pair.a), StepSide(pair.names[1], pair.b)
    if not a.taken or not b.taken:
        return Proof()
    return _Steps(pair, a, b).by_rules().prove()


@dataclass(frozen=True)
class _Steps:
    pair: Pair
    a: StepSide
    b: StepSide

    def by_rules(self) -> "_Steps":
        """Return the same with the rules that act, where an optimizer is a class of one's own.

        Of two optimizers of one kind without a rule, both are known to follow one, or neither.
        """
        kinds = [side.trace.optimizer[0].kind for side in (self.a, self.b)]
        a = self.a.by_rule(kinds[1], self._positions(self.a))
        b = self.b.by_rule(kinds[0], self._positions(self.b))
        found = _Steps(replace(self.pair, a=a.trace, b=b.trace), a, b)
        return self if found._other_kinds() and not self._other_kinds() else found

    def prove(self) -> Proof:
        """Prove the cause by settings, or of an odd side."""
        a, b = self.a, self.b
        if not self.gap > ROUNDING[a.trace.dtype] and not self._lists:
            return Proof()
        computed = [side.descent.weights() for side in (a, b)]
        own = [self._equal(s, c) for s, c in zip((a, b), computed, strict=True) if c is not None]
        if None in computed:
            known = all(own) and self._other_kinds() and not any(map(_is_own, (a, b)))
            return self._by_kind() if known else Proof()
        if all(own):
            found = self._by_kind() if self._other_kinds() else self._by_settings()
            return Proof([*found.causes, *self._by_occurrence(computed)])
        if own[0] == own[1]:
            return Proof()
        return self._by_mistake(*((a, b) if own[1] else (b, a)))

    @cached_property
    def gap(self) -> float:
        """The largest difference between corresponding weights, in any kept step."""
        steps = zip(self.a.taken, self.b.taken, strict=False)
        return max((apart(pair, x, y) for x, y in steps for pair in self.compared), default=0.0)

    @property
    def _lists(self) -> bool:
        """Whether an embedding's gradient is squared by occurrence on one side."""
        return bool(by_occurrence(self.pair.a) or by_occurrence(self.pair.b))

    @cached_property
    def compared(self) -> list[WeightPair]:
        """The weights that a rule moves: not those whose gradient is rounding, or a list."""
        pairs = self.pair.matching.weights
        listed_ones = by_occurrence(self.pair.a), by_occurrence(self.pair.b)
        return [
            each
            for each in pairs
            if not cancels(self.pair, each, 0)
            and not listed_ones[0].keys() & set(each.a)
            and not listed_ones[1].keys() & set(each.b)
        ]

    def _equal(self, side: StepSide, computed: Sequence[Weights]) -> bool:
        """Return whether a side took these steps, but for rounding."""
        limit = min(ROUNDING[side.trace.dtype], _CLOSER * self.gap)
        return side.took(computed, self._positions(side), limit)

    def _positions(self, side: StepSide) -> set[int]:
        return {k for each in self.compared for k in (each.a if side is self.a else each.b)}

    def _by_occurrence(self, computed: Sequence[Sequence[Weights] | None]) -> Iterator[Cause]:
        """Yield the embeddings that one side moves otherwise than its rule, as it says."""
        for k, (side, expected) in enumerate(zip((self.a, self.b), computed, strict=True)):
            if expected is not None:
                cause = prove_occurrences(self.pair, k, expected, side.taken)
                if cause is not None:
                    yield cause

    def _other_kinds(self) -> bool:
        a, b = self.a.trace.optimizer, self.b.trace.optimizer
        return any(not same_kind(a[i], b[j]) for i, j in self.groups if min(i, j) >= 0)

    def _by_kind(self) -> Proof:
        a, b = self.a, self.b
        kinds = [listed(sorted({facts.kind for facts in s.trace.optimizer})) for s in (a, b)]
        said = [f"trains with {a_kind(kind)} optimizer" for kind in kinds]
        sentence = both((a.name, b.name), said[0], said[1])
        return Proof([Cause(sentence, "optimizer", ("kind",))])

    def _by_settings(self) -> Proof:
        """Both follow from what they say: name the fewest settings whose exchange explains all."""
        names = self._names()

        def works(some: Sequence[str]) -> bool:
            computed = self._mixed(some).weights()
            return computed is not None and self._equal(self.a, computed)

        if not (names and works(names) and self._settings_explain_all()):
            return Proof(self._two_biases(self.b.taken))
        causes = [self._cause(smallest(names, works))]
        if len(self.a.trace.optimizer) == 1:  # with a's settings, do two biases still move more?
            same = replace(self.b.descent, optimizer=self.a.trace.optimizer, groups=())
            causes += self._two_biases(same.weights() or [])
        return Proof(causes)

    def _settings_explain_all(self) -> bool:
        """Return whether b's settings lead to b's weights on a's gradients, where they first part.

        Until then the gradients are equal, unless one side's are not those of its own weights.
        """
        computed = self._mixed(()).weights()
        single = [each for each in self.compared if len(each.a) == len(each.b)]
        limit = ROUNDING[self.a.trace.dtype]
        for k, (x, y) in enumerate(zip(self.a.taken, self.b.taken, strict=False)):
            gaps = {each: apart(each, x, y) for each in single}
            if computed is not None and max(gaps.values(), default=0.0) > limit:
                rest = max(limit, _CARRIED * max(gaps.values()))
                return all(apart(each, computed[k], y) <= rest for each in single)
        return True

    @cached_property
    def groups(self) -> list[tuple[int, int]]:
        """The groups of both sides that a weight of side a belongs to."""
        a, b = self.a.trace.weights, self.b.trace.weights
        found = [(weight.group, 0) for weight in a]
        for each in self.pair.matching.weights:
            for i in each.a:
                found[i] = a[i].group, b[each.b[0]].group
        return found

    def _names(self) -> list[str]:
        """Return what differs, in any pair of groups, and in the schedules."""
        a, b = self.a.trace, self.b.trace
        names: dict[str, None] = {}
        for i, j in self.groups:
            if min(i, j) >= 0:
                names |= dict.fromkeys(differing(a.optimizer[i], b.optimizer[j]))
        if self._schedules_differ():
            names[_SCHEDULE] = None
        return list(names)

    def _schedules_differ(self) -> bool:
        x, y = self.a.trace.schedule, self.b.trace.schedule
        if x is None or y is None:
            return x is not y
        rates = [facts.values.get("first_rates") for facts in (x, y)]
        return x.kind != y.kind or bool(differing(x, y)) or rates[0] != rates[1]

    def _mixed(self, some: Sequence[str]) -> Descent:
        """Return side a's descent with b's settings, but for some that are a's."""
        a, b = self.a.trace, self.b.trace
        pairs = list(dict.fromkeys(self.groups))
        mixed = [
            exchanged(a.optimizer[i], b.optimizer[j], some) if min(i, j) >= 0 else a.optimizer[0]
            for i, j in pairs
        ]
        groups = [pairs.index(each) if min(each) >= 0 else -1 for each in self.groups]
        from_a = _SCHEDULE in some or not self._schedules_differ()
        source = self.a.descent if from_a else self.b.descent
        every, schedule = source.every, source.schedule
        return replace(
            self.a.descent, optimizer=mixed, groups=groups, schedule=schedule, every=every
        )

    def _cause(self, settings: tuple[str, ...]) -> Cause:
        a, b = self.a, self.b
        own = [name for name in settings if name != _SCHEDULE]
        limit = ROUNDING[a.trace.dtype]
        moved = (each for each in self.compared if apart(each, a.taken[0], b.taken[0]) > limit)
        groups = Groups(self.pair, own, frozenset(moved))
        parts = [[text] for text in groups.phrases] if own else [[], []]
        if _SCHEDULE in settings:
            steps = min(len(a.trace.steps), len(b.trace.steps))
            per_epoch = a.trace.steps_per_epoch or steps
            words = describe_schedules(a.trace.schedule, b.trace.schedule, steps, per_epoch)
            for part, text in zip(parts, words, strict=True):
                part.append(text)
        later = [self._may_decay_later(side, own) for side in (a, b)]
        for part, may in zip(parts, later, strict=True):
            part[:] = [f"{text} in the first step" if may else text for text in part]
        said = [listed(part) for part in parts]
        complete = len(own) == len(settings) and not any(later)
        return Cause(
            both((a.name, b.name), said[0], said[1]),
            "optimizer" if own else "schedule",
            tuple(own) or ("schedule",),
            remedy=groups.remedy if complete else (),
            advice=groups.advice if complete else "",
        )

    def _may_decay_later(self, side: StepSide, settings: Sequence[str]) -> bool:
        """Return whether a step of the user's own, which adds no decay at first, may add one."""
        return "coupled_decay" in settings and not decays(side.trace) and has_own_steps(side.trace)

    def _two_biases(self, of_b: Sequence[Weights]) -> list[Cause]:
        """Return that two biases which are added both move: their sum moves twice as far as one."""
        if not of_b:
            return []
        limit, first = ROUNDING["float64"], (self.a.taken[0], of_b[0])
        moved = [each for each in self.compared if apart(each, *first) > limit]
        if not moved or any(len(each.a) == len(each.b) for each in moved):
            return []
        more = self.a if len(moved[0].a) > 1 else self.b
        less = self.b if more is self.a else self.a
        at, one = (moved[0].a, moved[0].b) if more is self.a else (moved[0].b, moved[0].a)
        names = listed([more.trace.weights[k].name for k in at])
        words = {more.name: f"trains both {names}, whose sum moves twice as far"}
        words[less.name] = f"trains {less.trace.weights[one[0]].name} alone"
        sentence = both((self.a.name, self.b.name), words[self.a.name], words[self.b.name])
        return [Cause(sentence, names, ("biases",))]

    def _by_mistake(self, odd: StepSide, even: StepSide) -> Proof:
        """One side's steps are not those it says: try what it could do instead."""
        found: dict[str, Mistake] = {}
        for each in mistakes(odd.descent, odd.taken):
            computed = each.descent.weights()
            if each.family not in found and computed is not None and self._equal(odd, computed):
                found[each.family] = each
        if len(found) != 1:
            return Proof(odd=odd.name)
        (mistake,) = found.values()
        sentence = f"in {odd.name} {mistake.says}"
        return Proof([Cause(sentence, "optimizer", odd=odd.name)], odd=odd.name)


def _is_own(side: StepSide) -> bool:
    """Return whether a side trains by a class of one's own, of which no rule is known.

    It may be a stock kind in other words, so that something beside it is the cause.
    """
    return any(facts.kind != facts.kind.lower() for facts in side.trace.optimizer)
