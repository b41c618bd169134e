"""Which layers correspond for sure, and which of several that read the same are taken to."""

from collections.abc import Iterable, Mapping, Sequence

from frameworks.live.correspondence import Branches, Network
from frameworks.live.outlines import only_pairs, told_apart
from frameworks.live.reads import Reads

__all__ = ["Told"]


class Told:
    """Layers of two networks that are told apart, by position; and those that are guessed.

    Names, and what the models are given, tell first; then what is `tried`, and what reads the same
    numbers. Of several that read the same, those that are called again go with the layer that they
    went with before; if both sides keep their own weights, those that begin with equal ones; the
    others in the order in which they run.
    """

    def __init__(
        self, a: Network, b: Network, ours: Sequence[int], theirs: Sequence[int],
        reads: Reads | None, tried: Mapping[int, int], keeps: bool,
    ) -> None:  # fmt: skip
        self._a, self._b, self._left, self._keeps = a, b, ({*ours}, {*theirs}), keeps
        self.pairs: dict[int, int] = {}
        self.guessed: list[Branches] = []
        alike = reads.alike if reads else []
        told = told_apart(a, b, [*ours], [*theirs])
        self._add((self._calls_by_reads(told, reads) if reads else told).items())
        self._add(tried.items())
        self._add((i, j) for (i, *others), (j, *more) in alike if not others and not more)
        learning = [group for group in sorted(alike) if a.layers[group[0][0]].weights]
        for group in learning:
            self._add_group(*group)
        self._add_called_again(ours, theirs)
        self.sure = self.pairs.keys() - tried.keys()  # of the layers that learn
        if reads:
            self._add_by_what_follows(reads, [group for group in alike if group not in learning])

    def _add(self, pairs: Iterable[tuple[int, int]]) -> None:
        for i, j in pairs:
            if i in self._left[0] and j in self._left[1]:
                self.pairs[i] = j
                self._left[0].remove(i)
                self._left[1].remove(j)

    def _calls_by_reads(self, told: Mapping[int, int], reads: Reads) -> dict[int, int]:
        """Pair the calls of a layer that is called again by what they read, where that tells.

        A siamese network may be given its second input first.
        """
        calls = dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]]()
        for i, j in told.items():
            if not reads.same(i, j):
                key = self._a.layers[i].weights, self._b.layers[j].weights
                calls.setdefault(key, []).append(i)
        found = dict(told)
        for own in calls.values():
            others = [told[i] for i in own]
            known = only_pairs(own, others, reads.same)
            rest = (
                (i for i in own if i not in known),
                (j for j in others if j not in known.values()),
            )
            found |= known | dict(zip(*rest, strict=True))
        return found

    def _free(self, side: int, some: Iterable[int]) -> list[int]:
        return [k for k in some if k in self._left[side]]

    def _add_called_again(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """Pair calls of layers of which other calls are paired."""
        a, b = self._a.layers, self._b.layers
        partners = {a[i].weights: b[j].weights for i, j in self.pairs.items() if a[i].weights}
        for i in self._free(0, ours):
            own = partners.get(a[i].weights)
            self._add((i, j) for j in self._free(1, theirs) if b[j].weights == own)

    def _add_by_what_follows(self, reads: Reads, groups: Sequence[Branches]) -> None:
        """Pair functions that read the same by what learns from them in training, or by facts."""
        for ours, theirs in groups:
            own, others = self._free(0, ours), self._free(1, theirs)
            if len(own) + len(others) > 2:
                after = {i: {self.pairs.get(k) for k in reads.followed(0, i)} for i in own}
                self._add_equal(after, {j: {*reads.followed(1, j)} for j in others})
                facts = {i: self._a.layers[i].facts for i in own}
                self._add_equal(facts, {j: self._b.layers[j].facts for j in others})
            if len(own) == len(others):
                self._add(zip(self._free(0, own), self._free(1, others), strict=True))

    def _add_equal(self, ours: Mapping[int, object], theirs: Mapping[int, object]) -> None:
        """Pair what has one value that nothing else has."""
        own, others = self._free(0, ours), self._free(1, theirs)
        self._add(only_pairs(own, others, lambda i, j: ours[i] == theirs[j]).items())

    def _add_group(self, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """Pair layers that read the same, and note where their order alone tells which is which."""
        self._add_called_again(ours, theirs)
        if self._keeps:
            own_weights = {i: _first_weight(self._a, i) for i in ours}
            self._add_equal(own_weights, {j: _first_weight(self._b, j) for j in theirs})
        own, others = self._free(0, ours), self._free(1, theirs)
        self._add(zip(own, others, strict=False))
        parts = (
            {self._a.layers[i].weights for i in own},
            {self._b.layers[j].weights for j in others},
        )
        if own and others and max(map(len, parts)) > 1:
            self.guessed.append((own, others))


def _first_weight(network: Network, position: int) -> tuple[tuple[int, ...], bytes]:
    """Return what tells the first weight of a layer that learns from others: its own numbers."""
    values = network.weights[network.layers[position].weights[0]].values
    return values.shape, (values.astype(float) + 0.0).tobytes()
