"""Noise of which no numbers show how strong it is: what the layers say decides.

Such is what draws inside of a recurrent or an attention layer, and what augments images: it is
switched off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from frameworks.diverge.differences import Difference, difference
from frameworks.live.correspondence import Network, place_of
from frameworks.live.pairs import Compared, Pair, joined
from frameworks.live.reads import Reads
from frameworks.live.settings import differing
from frameworks.recordings.trace import Facts, Value

__all__ = ["PLACE", "SILENT", "compare_silent"]

PLACE = "place of noise"  # what is compared, beside the settings

# Settings of noise: no numbers show that of layers that draw inside, nor what is said in words.
SILENT = ("rate", "stddev", "input_dropout", "recurrent_dropout", "noise")


def compare_silent(pair: Pair) -> Iterator[Compared]:
    """Compare how strong layers say their noise is; one that states nothing at all has none.

    Noise that is said in words, and that only one side has, is a difference, unless the other has
    the same one elsewhere, but before the same layers that learn.
    """
    a, b = pair.a.layers, pair.b.layers
    places = _Places(pair)
    for k, (i, j) in enumerate(pair.matching.layers):
        x, y = a[i].facts, b[j].facts
        states_all = x.values and y.values
        unequal = differing(x, y)
        for name in (each for each in SILENT if each in unequal):
            ours, theirs = x.values.get(name), y.values.get(name)
            if name == "noise" or states_all:
                place = joined(place_of(a, i), place_of(b, j))
                found = _apart(f"{place} ({x.kind})", ours, theirs)
                yield Compared(place, found, (i, j), key=(name, k, 0))
        if x.kind == y.kind and _said(x) == _said(y) is not None and places.differ(i, j):
            place = joined(place_of(a, i), place_of(b, j))
            yield Compared(place, _elsewhere(f"{place} ({x.kind})"), (i, j), key=(PLACE, k, 0))
    yield from _alone(pair, places)


@dataclass
class _Places:
    """Where noise stands: before which layers that learn, on any way."""

    pair: Pair

    @cached_property
    def _reads(self) -> Reads:
        (a, b), pair = self.pair.names, self.pair
        return Reads(Network.of(a, pair.a), Network.of(b, pair.b), alike=0.0)

    def differ(self, i: int, j: int) -> bool:
        """Return whether the i-th layer of a stands before others than the j-th of b."""
        partners = dict(self.pair.matching.layers)
        ours = {partners.get(k) for k in self._reads.followed(0, i)}
        return None not in ours and ours != self._reads.followed(1, j)


def _elsewhere(where: str) -> Difference:
    return Difference(f"{where}: the place of its noise", np.inf, None, (), ("", ""))


def _alone(pair: Pair, places: _Places) -> Iterator[Compared]:
    """Compare the layers whose noise is said in words, and whose kind the other side has not."""
    traces = pair.a.layers, pair.b.layers
    unlike = [
        pairs
        for pairs in pair.matching.layers
        if len({layers[k].facts.kind for layers, k in zip(traces, pairs, strict=True)}) > 1
    ]
    noises = [
        {
            k: (facts.kind, words)
            for k in (*pair.matching.only[side], *(pairs[side] for pairs in unlike))
            if (words := _said(facts := layers[k].facts))
        }
        for side, layers in enumerate(traces)
    ]
    for side, layers in enumerate(traces):
        others = dict(noises[1 - side])
        for k, noise in noises[side].items():
            same = [other for other, its in others.items() if its == noise]
            kind, words = noise
            where, place = f"{place_of(layers, k)} ({kind})", place_of(layers, k)
            if same:
                here = [m for m in same if not places.differ(*((k, m) if side == 0 else (m, k)))]
                others.pop((here or same)[0])
                if not here and side == 0:
                    yield Compared(place, _elsewhere(where), (k, same[0]), key=(PLACE, k, 1))
                continue
            both = (words, None) if side == 0 else (None, words)
            found = _apart(f"{where}, which only {pair.names[side]} has", *both)
            at = (k, None) if side == 0 else (None, k)
            yield Compared(place, found, at, key=("noise", k, 1 + side))


def _apart(where: str, ours: Value, theirs: Value) -> Difference:
    """Return how far two strengths are apart; what is stated in words is so without measure."""
    if isinstance(ours, str) or isinstance(theirs, str):
        return Difference(f"{where}: its noise", np.inf, None, (), ("", ""))
    x, y = (float(each) if isinstance(each, int | float) else 0.0 for each in (ours, theirs))
    return difference(f"{where}: the strength of its noise", x, y, None)


def _said(facts: Facts) -> str | None:
    """Return what a layer draws in words, if they say it: its random numbers are switched off."""
    words = facts.values.get("noise")
    return words if isinstance(words, str) else None
