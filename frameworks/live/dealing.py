"""Which masks the calls of dropout take: those that correspond drop the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from frameworks.draws import Dealt, Dropped
from frameworks.live.loops import Calls
from frameworks.recordings.trace import LayerTrace

__all__ = ["Dropping", "Hand", "deal"]

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
        dropping = [layer for layer in layers if _rate(layer)]
        return cls(layers, calls, [Dropped(_rate(x), _row(x)) for x in dropping])

    @property
    def numbers(self) -> dict[int, int] | None:
        """The number of each call of dropout, by its position; None if they do not tally."""
        dropping = [k for k, layer in enumerate(self.layers) if _rate(layer)]
        stated = [Dropped(_rate(self.layers[k]), _row(self.layers[k])) for k in dropping]
        if stated != list(self.dropped):
            return None
        return {k: number for number, k in enumerate(dropping)}


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


def _rate(layer: LayerTrace) -> float:
    rate = layer.facts.values.get("rate")
    return float(rate) if layer.facts.kind == "dropout" and isinstance(rate, int | float) else 0.0


def _row(layer: LayerTrace) -> tuple[int, ...]:
    return layer.inputs[0].shape[1:] if layer.inputs else ()
