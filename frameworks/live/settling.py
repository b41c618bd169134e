"""What corresponds, settled by numbers: with shared weights, like layers are given like numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from math import perm

from frameworks.live.correspondence import Branches, Matching, Network, WeightPair, place_of
from frameworks.live.matching import match
from frameworks.live.reads import Reads

__all__ = ["Look", "settle"]

Look = Callable[[Matching], tuple[Network, Network]]
Pairs = dict[int, int]
Found = tuple[list[tuple[int, int]], list[WeightPair]]  # which layers and weights correspond

_WAYS = 24  # in which branches of one input are paired, four with four
_LOOKS = 250  # at most, as each runs the models


def settle(
    networks: tuple[Network, Network],
    mapping: Mapping[str, str] | None,
    look: Look,
    alike: float,
    keeps: bool = False,
) -> Matching:
    """Match two networks, look how they run with shared weights, and match them anew by that.

    `look` returns both networks as they run once the weights of what corresponds are shared; their
    numbers are the same if they differ by less than `alike`, relative to the largest. If each side
    `keeps` its own weights, equal ones tell what corresponds; else they only tell of one seed.

    A layer corresponds to the one of its kind and shape that reads the same numbers, whichever runs
    first. Branches that read the same are told apart by what follows from them.
    """
    return _Settling(networks, mapping, look, alike, keeps).settled()


@dataclass(frozen=True)
class _Way:
    """One way in which layers may correspond, with what of it is tried."""

    tried: Pairs
    matching: Matching
    reads: Reads

    @property
    def count(self) -> int:
        return self.reads.count(self.matching.layers)

    @property
    def is_right(self) -> bool:
        return self.reads.all_are(self.matching.layers)


@dataclass
class _Settling:
    networks: tuple[Network, Network]
    mapping: Mapping[str, str] | None
    look: Look
    alike: float
    keeps: bool
    looks: int = field(default=0, init=False)
    # In which order the latest group was told apart, and how much more then read the same.
    order: tuple[tuple[int, int], ...] = field(default=(), init=False)
    gain: int = field(default=0, init=False)

    def settled(self) -> Matching:
        best, likely, asked = self._follow(None, {}), list[Branches](), set[int]()
        while not best.is_right:
            group = next((g for g in best.matching.guessed if not asked & {*g[0]}), None)
            if group is None:
                break
            asked |= {*group[0]}
            better = self._better(best, group)
            if better is not None:
                best = better
                likely.append(group)
        done = best.matching
        if best.is_right:
            done.guessed = []  # it makes no difference
        else:
            done.likely = likely
            done.guessed = [g for g in done.guessed if not _is_among(g, likely)]
        done.notes += _note(self.networks[0], done.guessed)
        return done

    def _better(self, best: _Way, group: Branches) -> _Way | None:
        """Return the one way of a group after which most reads the same; None if none stands out.

        The way in which another group was told apart is tried first: most repeat themselves.
        """
        own, others = group
        known = dict(best.matching.layers)
        now = {i: known[i] for i in own if i in known}
        ways = list(_assignments(own, others))
        if not ways:
            return self._by_exchanging(best, now)
        ways.sort(key=lambda pairs: (pairs != now, _order(pairs, group) != self.order))
        tried = [replace(best, tried={**best.tried, **now})]
        for pairs in ways[1:] if ways[0] == now else ways:
            if self.looks >= _LOOKS:
                return None
            tried.append(self._follow(best.reads, {**best.tried, **pairs}))
            gain = tried[-1].count - best.count
            if tried[-1].is_right or 0 < self.gain <= gain:
                self.order, self.gain = _order(pairs, group), gain
                return tried[-1]
        counts = [way.count for way in tried]
        first = counts.index(max(counts))
        if counts.count(max(counts)) > 1:
            return None
        if first:
            found = tried[first].tried
            self.order = _order({i: found[i] for i in own if i in found}, group)
            self.gain = max(counts) - best.count
        return tried[first]

    def _by_exchanging(self, best: _Way, now: Pairs) -> _Way | None:
        """Return the way to which exchanging two branches leads, as long as more reads the same."""
        way = replace(best, tried={**best.tried, **now})
        for i, k in combinations(now, 2):
            if self.looks >= _LOOKS:
                return None
            pairs = {**way.tried, i: way.tried[k], k: way.tried[i]}
            other = self._follow(way.reads, pairs)
            if other.count > way.count:
                way = other
        return way if way.count > best.count else None

    def _match(self, reads: Reads | None, tried: Pairs) -> Matching:
        return match(*self.networks, self.mapping, reads, tried, self.keeps)

    def _follow(self, reads: Reads | None, tried: Pairs) -> _Way:
        """Match by what is tried and by what is read, until nothing more follows from it."""
        matching, seen = self._match(reads, tried), list[Found]()
        while True:
            reads = Reads(*self.look(matching), self.alike)
            self.looks += 1
            seen.append((matching.layers, matching.weights))
            matching = self._match(reads, tried)
            if (matching.layers, matching.weights) in seen or self.looks >= _LOOKS:
                return _Way(tried, matching, reads)


def _order(pairs: Pairs, group: Branches) -> tuple[tuple[int, int], ...]:
    """Return which place of a group is paired with which, by their order."""
    return tuple((group[0].index(i), group[1].index(j)) for i, j in pairs.items())


def _assignments(ours: list[int], theirs: list[int]) -> Iterator[Pairs]:
    """Yield the ways to pair all of the fewer layers, if there are not too many."""
    few = min(len(ours), len(theirs))
    if perm(max(len(ours), len(theirs)), few) > _WAYS:
        return
    for own in permutations(ours, few) if len(ours) > few else [ours]:
        for others in permutations(theirs, few) if len(ours) == few else [theirs]:
            yield dict(zip(own, others, strict=True))


def _is_among(group: Branches, others: list[Branches]) -> bool:
    return any({*group[0]} & {*each[0]} for each in others)


def _note(network: Network, groups: list[Branches]) -> Iterator[str]:
    guessed = dict.fromkeys(place_of(network.layers, i) for ours, _ in groups for i in ours)
    if guessed:
        yield (
            f"{', '.join(guessed)} read the same numbers and are taken to correspond in the order "
            "in which they run: where they do not, that alone makes the two differ, and "
            "mapping={...} says which ones do"
        )
