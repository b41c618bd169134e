"""Why the loss of equal outputs may differ: proven from what both say of their losses."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frameworks.live.pairs import SHORTER, Compared, Pair
from frameworks.live.proofs.cause import Cause, Proof, equal_within, exchanged, smallest
from frameworks.live.proofs.loss_side import LossSide
from frameworks.live.proofs.sentences import advice, both, phrase
from frameworks.live.settings import differing
from frameworks.live.tracing import Change
from frameworks.live.wording import a_kind
from frameworks.recordings.trace import Facts
from scratch import sigmoid, softmax

__all__ = ["prove_loss", "prove_outputs"]

# Of logits on one side and probabilities on the other: the outputs are as different.
_FORMULATIONS = ("takes", "clip", "least_logarithm")


def prove_loss(pair: Pair, found: Compared) -> Proof:
    """Prove why equal outputs have other losses, penalties of the weights included."""
    a, b = LossSide(pair.names[0], pair.a), LossSide(pair.names[1], pair.b)
    if a.outputs is None or b.outputs is None:
        return Proof()
    if found.key == SHORTER:
        return _of_shorter(a, b, found.found.error)
    return _Losses(a, b, found.found.error).prove()


def _of_shorter(a: LossSide, b: LossSide, gap: float) -> Proof:
    """Prove that one side divides its loss by a fixed number, and the other by that of the rows."""
    for odd, even in ((a, b), (b, a)):
        fewer, expected = odd.trace.shorter_loss, even.without_last_row()
        if fewer is None or expected is None or odd.penalty is None or even.penalty is None:
            continue
        n = len(even.trace.inputs[0])
        seen = np.array([even.trace.shorter_loss, fewer])
        told = np.array([expected + even.penalty, expected * (n - 1) / n + odd.penalty])
        if equal_within(told, seen, gap, odd.trace.dtype):
            divided = f"divides its loss by {n}, however many rows a batch has"
            return Proof([Cause(f"{odd.name} {divided}", "loss", odd=odd.name)], odd=odd.name)
    return Proof()


def prove_outputs(pair: Pair) -> Proof:
    """Prove that the losses take outputs for different things: logits, or probabilities."""
    a, b = LossSide(pair.names[0], pair.a), LossSide(pair.names[1], pair.b)
    if a.outputs is None or b.outputs is None or a.facts.values.get("takes") is None:
        return Proof()
    gap = abs(a.seen - b.seen) / max(abs(a.seen), abs(b.seen), 1e-300)
    if a.facts.values["takes"] == b.facts.values.get("takes"):
        return Proof()
    return _Losses(a, b, gap).by_form()


@dataclass(frozen=True)
class _Losses:
    a: LossSide
    b: LossSide
    gap: float

    def prove(self) -> Proof:
        """Prove the cause by settings, by penalties, or of an odd side."""
        a, b = self.a, self.b
        own = [self._stated(side) for side in (a, b)]
        if all(own):
            return self._by_settings()
        if own[0] == own[1]:
            return Proof()
        odd, even = (a, b) if own[1] else (b, a)
        if odd.value(odd.facts) is None or odd.penalty is None:
            return Proof()
        return self._by_mistake(odd)

    def by_form(self) -> Proof:
        """Both follow from what they say, and one would have the other's loss by its form."""
        if not all(self._stated(side) for side in (self.a, self.b)):
            return Proof()
        wrong = []
        for side, other in ((self.a, self.b), (self.b, self.a)):
            for takes in ("logits", "probabilities", "log-probabilities"):
                changed = {**side.facts.values, "takes": takes}
                value = side.value(replace(side.facts, values=changed))
                if takes != side.facts.values["takes"] and value is not None:
                    if self._equal(other, value + (other.penalty or 0.0)):
                        wrong.append((side, takes))
        if len({side.name for side, _ in wrong}) != 1 and not self._equal_outputs():
            return Proof()
        return Proof([self._cause(("takes",))]) if wrong else Proof()

    def _equal_outputs(self) -> bool:
        x, y = self.a.outputs, self.b.outputs
        return equal_within(x, y, 1.0, self.a.trace.dtype)

    def _stated(self, side: LossSide) -> bool:
        value, penalty = side.value(side.facts), side.penalty
        if value is None or penalty is None:
            return False
        return self._equal(side, value + penalty)

    def _equal(self, side: LossSide, value: float | None) -> bool:
        if value is None:
            return False
        return equal_within(np.array(value), np.array(side.seen), self.gap, side.trace.dtype)

    def _by_settings(self) -> Proof:
        a, b = self.a, self.b
        if a.facts.kind != b.facts.kind:
            said = [f"has {a_kind(side.facts.kind)} for its loss" for side in (a, b)]
            return Proof([Cause(both((a.name, b.name), said[0], said[1]), "loss", ("kind",))])
        ours, theirs = a.penalty or 0.0, b.penalty or 0.0
        names = differing(a.facts, b.facts)

        def works(some: Sequence[str]) -> bool:
            value = b.value(exchanged(a.facts, b.facts, some))
            return value is not None and self._equal(a, value + ours)

        causes: list[Cause] = []
        if ours != theirs and works(()):
            return Proof([self._penalties(ours, theirs)])
        alike = [name for name in names if name not in _FORMULATIONS]
        all_of = next((some for some in (names, alike) if some and works(some)), None)
        settings = smallest(all_of, works) if all_of else self._by_clipping()
        if not settings:
            return Proof()
        if ours != theirs:
            causes.append(self._penalties(ours, theirs))
        return Proof([self._cause(settings), *causes])

    def _by_clipping(self) -> tuple[str, ...]:
        """Return what one side does to probabilities, if the other's logits had that loss by it."""
        for side, other in ((self.a, self.b), (self.b, self.a)):
            takes = [each.facts.values.get("takes") for each in (side, other)]
            z = other.outputs
            if takes != ["probabilities", "logits"] or z is None:
                continue
            p = softmax(z) if side.facts.kind == "categorical cross-entropy" else sigmoid(z)
            value = other.value(exchanged(side.facts, other.facts, _FORMULATIONS), p)
            if value is not None and self._equal(side, value + (side.penalty or 0.0)):
                names = differing(side.facts, other.facts)
                return tuple(name for name in names if name in _FORMULATIONS[1:])
        return ()

    def _cause(self, settings: tuple[str, ...]) -> Cause:
        a, b = self.a, self.b
        said = [_phrase(side, settings) for side in (a, b)]
        values = a.facts.values
        changes = tuple(Change("loss", name, values[name]) for name in settings if name in values)
        complete = len(changes) == len(settings)
        return Cause(
            both((a.name, b.name), said[0], said[1]),
            "loss",
            settings,
            remedy=changes if complete else (),
            advice=advice(b.name, "the loss", b.facts, a.facts, settings) if complete else "",
        )

    def _penalties(self, ours: float, theirs: float) -> Cause:
        """Say which side adds penalties of its weights."""
        a, b = self.a, self.b
        digits = 17 if f"{ours:.6g}" == f"{theirs:.6g}" else 6  # so many tell any two apart
        said = [f"adds penalties of {p:.{digits}g} to its loss" if p else "adds no penalty"
                for p in (ours, theirs)]  # fmt: skip
        return Cause(both((a.name, b.name), said[0], said[1]), "loss", ("decay",))

    def _by_mistake(self, odd: LossSide) -> Proof:
        """One side's loss is not what it says: try what it could be."""
        found: dict[str, float | None] = {}
        for words, value in _mistakes(odd):
            if self._equal(odd, value):
                found.setdefault(words, value)
        if len(found) != 1:
            return Proof(odd=odd.name)
        (words,) = found
        column = self._column(odd) if words.startswith("broadcasts") else ""
        cause = Cause(f"{odd.name} {words}", "loss", odd=odd.name, advice=column)
        return Proof([cause], odd=odd.name)

    def _column(self, odd: LossSide) -> str:
        """Say how a loss that broadcasts is given targets that are shaped as its outputs."""
        flat = odd.trace.outputs[0].ndim == 1
        shaped, words = ("y[:, 0]", "without a") if flat else ("y[:, None]", "with a")
        pair = f"({shaped}, y)" if odd is self.a else f"(y, {shaped})"
        given = f"give {odd.name} targets {words} column"
        return f"{given}, {shaped}, in its loop, and give diverge y={pair}"


def _phrase(side: LossSide, settings: Sequence[str]) -> str:
    """Return what a side's loss does; of outputs that it takes for logits, what they are."""
    said = phrase(side.facts, settings)
    if settings == ("takes",):
        return f"takes its outputs for {side.facts.values['takes']} ({side.facts.said['takes']})"
    return f"{said} in its loss"


def _mistakes(side: LossSide) -> Iterator[tuple[str, float | None]]:
    """Yield what a loss could be instead of what it says, with its value."""
    value, penalty, z = side.value(side.facts), side.penalty, side.outputs
    assert value is not None
    assert penalty is not None
    assert z is not None
    n, k = len(z), math.prod(z.shape[1:])
    if penalty:
        yield "leaves out the penalties that its layers state", value
    factors = {
        "takes the sum over the rows and outputs, not their mean": n * k,
        "takes the sum over the rows, not their mean": n,
        "takes the sum over the outputs, not their mean": k,
        "takes half of its loss": 0.5,
        "takes its loss twice": 2.0,
        "negates its loss": -1.0,
    }
    for words, r in factors.items():
        if r != 1:
            yield words, r * value + penalty
    evaluated = side.value(side.facts, side.trace.outputs[0])
    if evaluated is not None and evaluated != value:
        yield "computes its loss in evaluation mode", evaluated + penalty
    if (of_pairs := side.of_all_pairs()) is not None:
        shapes = f"outputs {z.shape} with targets {(n,) if z.ndim > 1 else (n, 1)}"
        yield f"broadcasts {shapes} to {(n, n)} in its loss", of_pairs + penalty
    for words, outputs in _other_outputs(side.facts, z):
        other = side.value(side.facts, outputs)
        yield words, None if other is None else other + penalty
    smoothing = side.facts.values.get("smoothing")
    if smoothing is not None:
        for epsilon in (0.05, 0.1, 0.15, 0.2, 0.3):
            changed = replace(side.facts, values={**side.facts.values, "smoothing": epsilon})
            other = side.value(changed)
            if epsilon != smoothing and other is not None:
                yield f"smooths its labels by {epsilon}, not {smoothing}", other + penalty


def _other_outputs(facts: Facts, z: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield outputs that a loss may have been given instead."""
    of_classes = facts.kind == "categorical cross-entropy"
    if facts.values.get("takes") == "logits":
        name = "softmax" if of_classes else "sigmoid"
        yield (
            f"applies a {name} before a loss that takes logits",
            (softmax(z) if of_classes else sigmoid(z)),
        )
    if facts.values.get("takes") == "log-probabilities":
        yield "gives logits to a loss that takes log-probabilities", z
        yield "gives probabilities to a loss that takes log-probabilities", np.exp(z)
