"""Noise that is switched off: no numbers show how strong it is, so what the layers say decides."""

from collections.abc import Iterator

from frameworks.diverge.differences import difference
from frameworks.live.correspondence import place_of
from frameworks.live.pairs import Compared, Pair, joined
from frameworks.live.settings import differing

__all__ = ["SILENT", "compare_silent"]

# Settings of layers whose random numbers may be switched off.
SILENT = ("rate", "stddev", "input_dropout", "recurrent_dropout")


def compare_silent(pair: Pair) -> Iterator[Compared]:
    """Compare how strong corresponding layers say their noise is, where both say anything."""
    a, b = pair.a.layers, pair.b.layers
    for k, (i, j) in enumerate(pair.matching.layers):
        x, y = a[i].facts, b[j].facts
        if not x.values or not y.values:
            continue
        for name in set(SILENT) & set(differing(x, y)):
            ours, theirs = (values.get(name) or 0.0 for values in (x.values, y.values))
            if not isinstance(ours, int | float) or not isinstance(theirs, int | float):
                continue
            place = joined(place_of(a, i), place_of(b, j))
            found = difference(f"{place} ({x.kind}): the strength of its noise", ours, theirs, None)
            yield Compared(place, found, (i, j), key=(name, k, 0))
