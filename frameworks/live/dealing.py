"""Which masks the calls of dropout take: those that correspond drop the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from frameworks.draws import Dealt, Dropped
from frameworks.live.loops import Calls
from frameworks.recordings.trace import NOISE, LayerTrace

__all__ = ["Dropping", "Hand", "deal"]

_STRENGTHS = {**dict.fromkeys(NOISE, "rate"), "gaussian noise": "stddev"}

Pairs = Sequence[tuple[int, int]]
Hand = list[Dealt] | None


@dataclass(frozen=True)
class Dropping:
    """The layers of one side, call by call; which of them are compared as one; what is dropped."""

    layers: Sequence[LayerTrace]
    calls: Calls
    dropped: Sequence[Dropped]

    @classmethod
    def stated(cls, layers: Sequence[LayerTrace], calls: Calls) -> "Dropping":
        """Return what a recorded side says that it dropped."""
        return cls(layers, calls, [each for each in map(_dropped, layers) if each.rate])

    @property
    def numbers(self) -> dict[int, int] | None:
        """The number of each call of dropout, by its position; None if they do not tally."""
        stated = {k: d for k, layer in enumerate(self.layers) if (d := _dropped(layer)).rate}
        if len(stated) != len(self.dropped) or not all(
            map(_tallies, stated.values(), self.dropped)
        ):
            return None
        return {k: number for number, k in enumerate(stated)}


def deal(a: Dropping, b: Dropping, pairs: Pairs) -> tuple[Hand, Hand]:
    """Return the masks that the calls of both sides take: a's own, and b's those of its partners.

    Where the calls of a loop stand for one, each takes its step of one mask. None where it is not
    known, layer by layer, what drops.
    """
    ours, theirs = a.numbers, b.numbers
    if ours is None or theirs is None:
        return None, None
    of_a = {k: Dealt(number) for k, number in ours.items()}
    of_b = {k: Dealt(len(ours) + number) for k, number in theirs.items()}
    for i, j in pairs:
        own, other = a.calls[i], b.calls[j]
        if own[0] in ours and other[0] in theirs:
            of_a |= _steps(own, ours[own[0]])
            of_b |= _steps(other, ours[own[0]])
    return list(of_a.values()), list(of_b.values())


def _steps(calls: tuple[int, ...], number: int) -> dict[int, Dealt]:
    return {k: Dealt(number, step, len(calls)) for step, k in enumerate(calls)}


def _dropped(layer: LayerTrace) -> Dropped:
    """Return what a layer says that it drops, of activations of which shape; of none, rate 0."""
    facts, row = layer.facts, layer.inputs[0].shape[1:] if layer.inputs else ()
    rate = facts.values.get(_STRENGTHS.get(facts.kind, ""))
    strength = float(rate) if isinstance(rate, int | float) else 0.0
    return Dropped(strength, row, normal=facts.kind.startswith("gaussian"))


def _tallies(stated: Dropped, drawn: Dropped) -> bool:
    """Return whether a call draws as its layer says, perhaps one number for several activations."""
    pairs = zip(stated.shape, drawn.shape, strict=False)
    alike = (stated.rate, stated.normal, len(stated.shape)) == (
        *(drawn.rate, drawn.normal, len(drawn.shape)),
    )
    return alike and all(own in (1, whole) for whole, own in pairs)
