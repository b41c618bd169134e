"""Noise that is switched off: no numbers show how strong it is, so what the layers say decides."""

from collections.abc import Iterator

from frameworks.diverge.differences import difference
from frameworks.live.correspondence import place_of
from frameworks.live.pairs import Compared, Pair, joined
from frameworks.live.settings import differing
from frameworks.recordings.trace import Facts

__all__ = ["SILENT", "compare_silent"]

# Settings of layers whose random numbers may be switched off, and kinds whose numbers always are.
SILENT = ("rate", "stddev", "input_dropout", "recurrent_dropout")
_WITHOUT_MASKS = ("alpha dropout", "gaussian dropout", "gaussian noise")


def compare_silent(pair: Pair) -> Iterator[Compared]:
    """Compare how strong layers say their noise is; one that states nothing at all has none.

    Noise that only one side has is a difference, unless the other has the same one elsewhere.
    """
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
    yield from _alone(pair)


def _alone(pair: Pair) -> Iterator[Compared]:
    """Compare the layers that draw without masks, and whose kind the other side does not have."""
    traces = pair.a.layers, pair.b.layers
    unlike = [
        pairs
        for pairs in pair.matching.layers
        if len({layers[k].facts.kind for layers, k in zip(traces, pairs, strict=True)}) > 1
    ]
    strengths = [
        {
            k: found
            for k in (*pair.matching.only[side], *(pairs[side] for pairs in unlike))
            if (found := _strength(layers[k].facts))
        }
        for side, layers in enumerate(traces)
    ]
    for side, layers in enumerate(traces):
        others = list(strengths[1 - side].values())
        for k, strength in strengths[side].items():
            if strength in others:
                others.remove(strength)
                continue
            place, (kind, name, value) = place_of(layers, k), strength
            both = (value, 0.0) if side == 0 else (0.0, value)
            where = (
                f"{place} ({kind}), which only {pair.names[side]} has: the strength of its noise"
            )
            at = (k, None) if side == 0 else (None, k)
            yield Compared(place, difference(where, *both, None), at, key=(name, k, 1 + side))


def _strength(facts: Facts) -> tuple[str, str, float] | None:
    """Return the kind of a layer's noise, its setting and how strong it is; None without any."""
    values = facts.values
    masked = facts.kind == "dropout" and not {"whole_channels", "noise_shape"} & values.keys()
    if masked or facts.kind not in ("dropout", *_WITHOUT_MASKS):
        return None
    stated = ((name, values.get(name)) for name in SILENT)
    return next(
        ((facts.kind, name, x) for name, x in stated if isinstance(x, int | float) and x > 0), None
    )
