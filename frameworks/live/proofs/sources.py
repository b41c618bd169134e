"""Why equal layers may be given different numbers: they are connected to other layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from frameworks.live.correspondence import place_of
from frameworks.live.outputs import aligned
from frameworks.live.pairs import Pair, joined
from frameworks.live.proofs.cause import Cause, Proof, same_numbers
from frameworks.live.proofs.layer_side import LayerSide
from frameworks.live.proofs.sentences import both, listed

__all__ = ["prove_sources"]

_IN_ANY_ORDER = ("sum", "product", "maximum", "minimum")


def prove_sources(pair: Pair, a: LayerSide, b: LayerSide) -> Proof:
    """Prove that a layer is given the outputs of other layers than its counterpart is.

    Every array that enters either is the output of one layer before it, all these layers have
    counterparts, whose outputs agree, and those of one side are not those of the other.
    """
    ours, theirs = _Sources(a), _Sources(b)
    found, given = ours.found, theirs.found
    if None in found or None in given or not found or len(found) != len(given):
        return Proof()
    partners = dict(pair.matching.layers)
    expected = [partners.get(k) for k in found if k is not None]
    if None in expected or not set(given) <= set(partners.values()):
        return Proof()
    used = [j for j in given if j is not None]
    if {a.layer.facts.kind, b.layer.facts.kind}.intersection(_IN_ANY_ORDER):
        expected, used = sorted(expected, key=str), sorted(used, key=str)
    agree = all(_same(ours.output(i), theirs.output(j)) for i, j in pair.matching.layers
                if i in found or j in given)  # fmt: skip
    if expected == used or not agree:
        return Proof()
    back = {j: i for i, j in pair.matching.layers}
    if ours.places == theirs.places:
        return Proof()  # other calls of one layer, which its place does not tell apart
    words = ours.words(theirs, partners), theirs.words(ours, back)
    sentence = both((a.name, b.name), words[0], words[1])
    return Proof([Cause(sentence, joined(a.place, b.place), ("inputs",))])


@dataclass(frozen=True)
class _Sources:
    """Which layers' outputs a layer is given."""

    side: LayerSide

    def output(self, position: int) -> np.ndarray | None:
        """Return what a call before it returned."""
        layer = self.side.trace.layers[position]
        return layer.training_output if self.side.training else layer.output

    @cached_property
    def found(self) -> list[int | None]:
        """For every input, the last layer before that returned it; None if there is none."""
        layers = self.side.trace.layers
        before = [k for k in range(self.side.position) if not layers[k].rearranges]
        return [
            next((k for k in reversed(before) if _same(self.output(k), x)), None)
            for x in self.side.inputs
        ]

    @property
    def places(self) -> list[str]:
        """Name the layers that are found."""
        return [place_of(self.side.trace.layers, k) for k in self.found if k is not None]

    def words(self, other: "_Sources", partners: Mapping[int, int]) -> str:
        """Say it; the side that is named last names the counterparts of what the other has not."""
        names = []
        for k, name, theirs in zip(self.found, self.places, other.found, strict=True):
            assert k is not None
            partner = partners[k]
            if partner != theirs and self.side.name > other.side.name:
                name += f" ({other.side.name}'s {place_of(other.side.trace.layers, partner)})"
            names.append(name)
        what = "the output" if len(names) == 1 else "the outputs"
        return f"gives {self.side.place} {what} of {listed(names)}"


def _same(x: np.ndarray | None, y: np.ndarray | None) -> bool:
    return x is not None and y is not None and same_numbers(*aligned(x, y))
