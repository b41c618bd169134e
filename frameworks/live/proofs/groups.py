"""Where the groups of two optimizers differ: for which weights, and what makes them equal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from frameworks.live.correspondence import WeightPair
from frameworks.live.pairs import Pair
from frameworks.live.proofs.sentences import advice, listed, phrase
from frameworks.live.settings import differing
from frameworks.live.tracing import Change
from frameworks.recordings.trace import Facts, Value

__all__ = ["Groups"]

_DECAYS = {"coupled_decay", "decoupled_decay"}
_KINDS = 3  # of groups that differ alike; what the others do is not said
_NAMED = 4  # weights; of more, the first three are named


@dataclass(frozen=True)
class Groups:
    """The pairs of groups that share weights, and the settings that are said to differ in some."""

    pair: Pair
    settings: Sequence[str]
    apart: frozenset[WeightPair]  # after the first step

    @cached_property
    def shared(self) -> list[tuple[int, int]]:
        """The pairs of groups, by position, that hold corresponding weights."""
        found = (self._of(each) for each in self.pair.matching.weights)
        return [each for each in dict.fromkeys(found) if min(each) >= 0]

    @cached_property
    def differing(self) -> list[tuple[int, int]]:
        """Those that differ in one of the settings."""
        wanted = set(self.settings)
        return [each for each in self.shared if wanted & set(differing(*self._facts(each)))]

    @property
    def phrases(self) -> list[str]:
        """What each side does, and in which weights, where not all are in one group."""
        if not self._several:
            return [phrase(facts, self.settings) for facts in self._facts(self.differing[0])]
        kinds: dict[str, list[tuple[int, int]]] = {}
        for each in self.differing:
            kinds.setdefault(repr(self._settings_of(each)), []).append(each)
        said = [self._phrases_of(alike) for alike in [*kinds.values()][:_KINDS]]
        more = [f"has {len(kinds) - _KINDS} more such groups"] if len(kinds) > _KINDS else []
        return [listed([*texts, *more]) for texts in zip(*said, strict=True)]

    def _phrases_of(self, alike: Sequence[tuple[int, int]]) -> list[str]:
        """Return what each side does in groups that differ alike, and in which weights."""
        both = self._facts(alike[0])
        own = [name for name in self.settings if name in differing(*both)]
        pairs = zip(both, self._names(alike), strict=True)
        return [
            text.replace("the weights", names, 1) if set(own) <= _DECAYS else f"{text} for {names}"
            for text, names in ((phrase(facts, own), names) for facts, names in pairs)
        ]

    @property
    def remedy(self) -> tuple[Change, ...]:
        """What to change in side b's groups; nothing where one of them would need two values."""
        found: dict[int, list[tuple[str, Value | None]]] = {}
        for i, j in self.shared:
            x = self.pair.a.optimizer[i].values
            wanted = [(name, x.get(name)) for name in self.settings]
            if found.setdefault(j, wanted) != wanted:
                return ()
        places = self._places("optimizer, group {}", "optimizer")
        return tuple(
            Change(place, name, value)
            for j, place in places.items() for name, value in found[j]
        )  # fmt: skip

    @property
    def advice(self) -> str:
        """The remedy in words; or that float32 holds other numbers, if that is all."""
        said = self._advice() if self.remedy else ""
        if not all(self._rounds(each) for each in self.differing):
            return said
        back = replace(self, pair=self.pair.swapped)
        either = [said or (back._advice() if back.remedy else ""), "choose a λ that float32 holds"]
        return ", or ".join(filter(None, either))

    def _advice(self) -> str:
        """Return what to write in each of side b's groups; "" where no words do for one of them."""
        places = self._places("group {} of the optimizer", "the optimizer")
        of_b = {j: (i, j) for i, j in self.differing}
        parts = []
        for j, groups in of_b.items():
            x, y = self._facts(groups)
            parts.append(advice(self.pair.names[1], places[j], y, x, self.settings))
        return listed(parts) if all(parts) else ""

    def _rounds(self, groups: tuple[int, int]) -> bool:
        """Return whether the decays are one in float32, to which a framework rounded a penalty."""
        if tuple(self.settings) != ("coupled_decay",):
            return False
        both = self._facts(groups)
        decays = [facts.values.get("coupled_decay", 0.0) for facts in both]
        x, y = np.asarray(decays, dtype="float32")
        said = [facts.said.get("coupled_decay", "") for facts in both]
        return bool(x == y) and any("_regularizer" in s and "rounded to" in s for s in said)

    @property
    def _several(self) -> bool:
        return len(self.pair.a.optimizer) > 1 or len(self.pair.b.optimizer) > 1

    def _of(self, each: WeightPair) -> tuple[int, int]:
        return self.pair.a.weights[each.a[0]].group, self.pair.b.weights[each.b[0]].group

    def _facts(self, groups: tuple[int, int]) -> tuple[Facts, Facts]:
        return self.pair.a.optimizer[groups[0]], self.pair.b.optimizer[groups[1]]

    def _places(self, of_several: str, of_one: str) -> dict[int, str]:
        several = len(self.pair.b.optimizer) > 1
        return {j: of_several.format(j + 1) if several else of_one for _, j in self.differing}

    def _names(self, alike: Sequence[tuple[int, int]]) -> list[str]:
        """Return the names of the weights in some groups, for each side."""
        found = [each for each in self.pair.matching.weights if self._of(each) in alike]
        if len(found) > _NAMED:  # the place is among those that are apart
            found.sort(key=lambda each: each not in self.apart)
        names = [
            [self.pair.a.weights[each.a[0]].name for each in found],
            [self.pair.b.weights[each.b[0]].name for each in found],
        ]
        return [
            listed(each) if len(each) <= _NAMED else listed([*each[:3], f"{len(each) - 3} others"])
            for each in names
        ]

    def _settings_of(self, groups: tuple[int, int]) -> list[tuple[object, ...]]:
        both = self._facts(groups)
        return [tuple(facts.values.get(name) for name in self.settings) for facts in both]
