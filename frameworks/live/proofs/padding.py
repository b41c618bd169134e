"""Why a window may see other borders: one side pads in a layer of its own, otherwise or not."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from frameworks.live.outputs import aligned
from frameworks.live.pairs import joined
from frameworks.live.proofs.cause import Cause, Proof, equal_within, exchanged, smallest
from frameworks.live.proofs.layer_side import LayerSide
from frameworks.live.proofs.sentences import both, phrase
from frameworks.live.settings import differing
from frameworks.recordings.trace import Facts

__all__ = ["prove_padding"]

_SAME = 1e-12  # relative: the same numbers, but for what rounds before

Sides = tuple[tuple[int, int], ...]  # zeros before and after, for each axis


def prove_padding(a: LayerSide, b: LayerSide, padded: LayerSide) -> Proof:
    """Prove in which settings two windows differ, of which one is given its input `padded` already.

    The zeros count as that layer's own padding. What the settings that then differ explain is the
    whole difference, or nothing is said.
    """
    plain = b if padded is a else a
    sides = _zeros_around(plain.inputs[0], padded.inputs[0])
    own = padded.layer.facts
    inside = own.values.get("padding")
    if sides is None or not isinstance(inside, tuple) or not all(map(_is_pair, inside)):
        return Proof()
    total = tuple((x + p, y + q) for (x, y), (p, q) in zip(sides, inside, strict=True))
    said = f"{own.said.get('padding', 'padding')} after a pad by {_listed(sides)}"
    folded = Facts(own.kind, {**own.values, "padding": total}, {**own.said, "padding": said})

    def gives(facts: Facts, output: np.ndarray) -> bool:
        computed = plain.computed(facts)
        return computed is not None and equal_within(
            *aligned(computed, output), 1.0, padded.trace.dtype
        )

    base = exchanged(folded, plain.layer.facts, ["padding"])
    if not gives(base, plain.output):
        base = plain.layer.facts
    names = differing(base, folded)

    def works(some: Sequence[str]) -> bool:
        return gives(exchanged(folded, base, some), padded.output)

    if not names or not works(names):
        return Proof()
    settings = smallest(names, works)
    facts = {id(plain): plain.layer.facts, id(padded): folded}
    words = [phrase(facts[id(each)], settings, each.place) for each in (a, b)]
    sentence = both((a.name, b.name), words[0], words[1])
    return Proof([Cause(sentence, joined(a.place, b.place), settings)])


def _is_pair(x: object) -> bool:
    """Return whether something is zeros before and after; a function may state another form."""
    return isinstance(x, tuple) and len(x) == 2


def _zeros_around(x: np.ndarray, padded: np.ndarray) -> Sides | None:
    """Return how many zeros stand around x, (n, ..., d), in what is padded; None if nothing does.

    >>> _zeros_around(np.ones((1, 2, 1)), np.array([[[0.0], [0.0], [1.0], [1.0]]]))
    ((2, 0),)
    """
    more = [after - before for before, after in zip(x.shape, padded.shape, strict=False)]
    if x.ndim != padded.ndim or x.ndim < 3 or min(more) < 0 or more[0] or more[-1]:
        return None
    for before in product(*(range(each + 1) for each in more[1:-1])):
        sides = tuple((k, each - k) for k, each in zip(before, more[1:-1], strict=True))
        difference = np.abs(np.pad(x, ((0, 0), *sides, (0, 0))) - padded)
        if difference.max(initial=0) <= _SAME * np.abs(x).max(initial=0):
            return sides
    return None


def _listed(sides: Sides) -> str:
    return str(sides[0] if len(sides) == 1 else sides)
