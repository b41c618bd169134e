"""What corresponds, settled by numbers: with shared weights, like layers are given like numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations

from frameworks.live.correspondence import Matching, Network, WeightPair, place_of
from frameworks.live.matching import match
from frameworks.live.reads import Reads

__all__ = ["Look", "settle"]

Look = Callable[[Matching], tuple[Network, Network]]
Pairs = dict[int, int]
Found = tuple[list[tuple[int, int]], list[WeightPair]]  # which layers and weights correspond

_BRANCHES = 4  # of one input: so many can change places in 24 ways
_LOOKS = 60  # at most, as each runs the models


def settle(
    networks: tuple[Network, Network], mapping: Mapping[str, str] | None, look: Look, alike: float
) -> Matching:
    """Match two networks, look how they run with shared weights, and match them anew by that.

    `look` returns both networks as they run once the weights of what corresponds are shared; their
    numbers are the same if they differ by less than `alike`, relative to the largest. A layer
    corresponds to the one of its kind and shape that reads the same numbers, whichever runs first.
    Branches that read the same are told apart by what follows from them.
    """
    return _Settling(networks, mapping, look, alike).settled()


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
    looks: int = field(default=0, init=False)

    def settled(self) -> Matching:
        best, asked, certain = self._follow({}), set[int](), set[int]()
        while not best.is_right:
            groups = (g for g in best.matching.guessed if not asked & {i for i, _ in g})
            group = next(groups, None)
            if group is None:
                break
            ours = {i for i, _ in group}
            asked |= ours
            if len(group) <= _BRANCHES and all(best.reads.same(i, j) for i, j in group):
                ways = [best, *self._others(best, group)]
                counts = [way.count for way in ways]
                if counts.count(max(counts)) == 1:
                    best, certain = ways[counts.index(max(counts))], certain | ours
        done, right = best.matching, best.is_right  # if so, it makes no difference
        done.guessed = [g for g in done.guessed if not right and not certain & {i for i, _ in g}]
        done.notes += _note(self.networks[0], done.guessed)
        return done

    def _follow(self, tried: Pairs) -> _Way:
        """Match by what is tried and by what is read, until nothing more follows from it."""
        matching, seen = match(*self.networks, self.mapping, tried=tried), list[Found]()
        while True:
            reads = Reads(*self.look(matching), self.alike)
            self.looks += 1
            seen.append((matching.layers, matching.weights))
            matching = match(*self.networks, self.mapping, reads, tried)
            if (matching.layers, matching.weights) in seen:
                return _Way(tried, matching, reads)

    def _others(self, way: _Way, group: list[tuple[int, int]]) -> Iterator[_Way]:
        """Yield the other ways in which the branches of a group may correspond."""
        ours, theirs = zip(*group, strict=True)
        for order in list(permutations(theirs))[1:]:
            if self.looks < _LOOKS:
                yield self._follow({**way.tried, **dict(zip(ours, order, strict=True))})


def _note(network: Network, groups: list[list[tuple[int, int]]]) -> Iterator[str]:
    guessed = dict.fromkeys(place_of(network.layers, i) for group in groups for i, _ in group)
    if guessed:
        yield (
            f"{', '.join(guessed)} read the same numbers and are taken to correspond in the order "
            "in which they run: where they do not, that alone makes the two differ, and "
            "mapping={...} says which ones do"
        )
