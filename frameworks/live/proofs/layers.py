"""Why a layer may return something else: proven with scratch, from what both say of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from frameworks.live.correspondence import place_of
from frameworks.live.outputs import aligned, as_read
from frameworks.live.pairs import Compared, Pair, joined
from frameworks.live.proofs.arrangement import may_be_the_cause
from frameworks.live.proofs.cause import Cause, Proof, equal_within, exchanged, smallest
from frameworks.live.proofs.layer_side import LayerSide
from frameworks.live.proofs.order import prove_order
from frameworks.live.proofs.reading import prove_directions, prove_rows_for_steps
from frameworks.live.proofs.sentences import advice, both, phrase
from frameworks.live.proofs.sources import prove_sources
from frameworks.live.proofs.variants import Variant, variants
from frameworks.live.settings import differing
from frameworks.live.tracing import Change
from frameworks.live.wording import a_kind
from frameworks.recordings.trace import NOISE, Facts

__all__ = ["prove_layer"]


def prove_layer(pair: Pair, found: Compared) -> Proof:
    """Prove why two corresponding layers return different numbers for the same input."""
    i, j = found.layers
    if i is None or j is None:
        return Proof()
    proof = _prove_layer(pair, found, i, j)
    if all(may_be_the_cause(pair, each, (i, j)) for each in proof.causes):
        return proof
    return Proof(odd=proof.odd)


def _prove_layer(pair: Pair, found: Compared, i: int, j: int) -> Proof:
    training = found.found.where.endswith("in training mode")
    a = LayerSide(pair.names[0], pair.a, i, training)
    b = LayerSide(pair.names[1], pair.b, j, training)
    if found.between:
        proofs = (
            prove_order(a, b, pair.matching),
            Proof() if found.lone else prove_sources(pair, a, b),
        )
        return next((proof for proof in proofs if proof.causes), None) or _before(pair, a, b)
    if not (np.isfinite(a.output).all() and np.isfinite(b.output).all()):
        return Proof()
    if any(side.layer.facts.kind.endswith(" cell") for side in (a, b)):
        return Proof()  # one step, from a state that other calls have led to
    if a.layer.facts.kind != b.layer.facts.kind and _composed(pair, i, j):
        return Proof()
    layers = _Layers(a, b, found.found.error)
    return layers.of_other_weights(pair) or layers.inside()


def _composed(pair: Pair, i: int, j: int) -> bool:
    """Return whether one side goes on computing where the other may be done.

    x * hard_sigmoid(x) stands beside silu(x): the hard sigmoid is a part of what differs.
    """
    for side, position in enumerate((i, j)):
        layers, lone = (pair.a, pair.b)[side].layers, pair.matching.only[side]
        paired = (each[side] for each in pair.matching.layers if each[side] > position)
        after = [layers[k] for k in lone if position < k < min(paired, default=len(layers))]
        if any(not each.weights and each.facts.kind not in NOISE for each in after):
            return True
    return False


def _before(pair: Pair, a: LayerSide, b: LayerSide) -> Proof:
    """Prove that what is taken of a layer before is another part of the same sequence."""
    for i, j in reversed(pair.matching.layers):
        if i < a.position and j < b.position:
            ours, theirs = replace(a, position=i), replace(b, position=j)
            if ours.returns and theirs.returns:
                return prove_directions(ours, theirs, _Layers(ours, theirs, 1.0)._equal)
    return Proof()


@dataclass(frozen=True)
class _Layers:
    a: LayerSide
    b: LayerSide
    gap: float

    def inside(self) -> Proof:
        """Prove the cause in a layer that is given equal inputs."""
        a, b = self.a, self.b
        own = [self._equal(side, side.computed(side.layer.facts)) for side in (a, b)]
        if all(own):
            proof = self._by_settings()
            return proof if proof.causes else prove_directions(a, b, self._equal)
        if own[0] == own[1]:
            return Proof()
        odd, even = (a, b) if own[1] else (b, a)
        return prove_rows_for_steps(odd, even) or self._by_variant(odd, even)

    def of_other_weights(self, pair: Pair) -> Proof | None:
        """Prove that one side uses a layer again where the other has one of its own."""
        a, b = self.a, self.b
        weights = [(pair_.a[0], pair_.b[0]) for pair_ in pair.matching.weights]
        own = list(zip(a.layer.weights, b.layer.weights, strict=False))
        holders = [s.other_holder for s in (a, b)]
        if not own or set(own) & set(weights) or (holders[0] is None) == (holders[1] is None):
            return None
        if not (self._equal(a, self._with(a)) and self._equal(b, self._with(b))):
            return None
        said = [_whose_weights(s, k) for s, k in zip((a, b), holders, strict=True)]
        return Proof([self._cause(("weights",), both((a.name, b.name), *said))])

    def _with(self, side: LayerSide) -> np.ndarray | None:
        """Return what side a's layer gives with a side's weights; an embedding's are transposed."""
        facts, weights = self.a.layer.facts, side.weights
        found = self.a.computed(facts, weights=weights)
        turned = [w.T if w.ndim == 2 else w for w in weights]
        again = self.a.computed(facts, weights=turned) if facts.kind == "dense" else None
        return found if self._equal(side, found) else again

    def _equal(self, side: LayerSide, computed: np.ndarray | None) -> bool:
        """Return whether a side returns what was computed from what it was given itself."""
        if computed is None:
            return False
        return equal_within(*aligned(computed, side.output), self.gap, side.trace.dtype)

    def _equal_as_read(self, side: LayerSide, computed: np.ndarray | None) -> bool:
        """Return whether a side returns what was computed of the other side, where it is read."""
        if computed is None:
            return False
        known = (self.b if side is self.a else self.a).layer.unread
        unread = known if known is not None and known.shape == computed.shape else side.layer.unread
        read = as_read(computed, side.output, (unread, side.layer.unread))
        return equal_within(*read, self.gap, side.trace.dtype)

    def _by_settings(self) -> Proof:
        """Both follow from what they say: name the fewest settings whose exchange explains all."""
        a, b = self.a, self.b
        x, y = a.layer.facts, b.layer.facts
        masks = [side.steps for side in (a, b)]
        if x.kind != y.kind:
            return Proof([self._cause(("kind",), _kinds(a, b))])
        names = tuple(differing(x, y))

        def works(some: Sequence[str]) -> bool:
            there = self._gives(exchanged(x, y, some), masks[1])
            return there or self._equal_as_read(b, a.computed(exchanged(y, x, some)))

        if names and works(names):
            settings = smallest(names, works)
            said = [phrase(s.layer.facts, settings, s.place) for s in (a, b)]
            return Proof([self._cause(settings, both((a.name, b.name), said[0], said[1]))])
        if (masks[0] is None) != (masks[1] is None) and self._gives(y, masks[0]):
            said = ["skips the steps that are padding" if mask is not None else
                    "reads every step" for mask in masks]  # fmt: skip
            words = [f"{text} in {s.place}" for text, s in zip(said, (a, b), strict=True)]
            return Proof([self._cause(("masked",), both((a.name, b.name), *words))])
        if "bias" in names and (self._only_bias(a, b) or self._only_bias(b, a)):
            said = [phrase(s.layer.facts, ("bias",), s.place) for s in (a, b)]
            return Proof([self._cause(("bias",), both((a.name, b.name), said[0], said[1]))])
        return Proof()

    def _only_bias(self, more: LayerSide, less: LayerSide) -> bool:
        """Return whether one side without its bias returns what the other does."""
        if len(more.weights) != 2 or len(less.weights) != 1:
            return False
        without = more.computed(less.layer.facts, weights=more.weights[:1])
        return self._equal_as_read(less, without)

    def _gives(self, facts: Facts, steps: np.ndarray | None) -> bool:
        """Return whether side b with these facts returns what side a does."""
        if facts.kind in ("dropout", "alpha dropout") and self.b.training:
            return self._equal(self.a, self.a.computed(facts))
        everything = None
        if self.b.inputs and self.b.inputs[0].ndim == 3:
            everything = np.ones(self.b.inputs[0].shape[:2], bool) if steps is None else steps
        return self._equal_as_read(self.a, self.b.computed(facts, everything))

    def _cause(self, settings: tuple[str, ...], sentence: str) -> Cause:
        a, b = self.a, self.b
        x, y = a.layer.facts, b.layer.facts
        changes = tuple(
            Change(b.layer.path, name, x.values[name]) for name in settings if name in x.values
        )
        complete = len(changes) == len(settings) and bool(b.layer.path)
        return Cause(
            sentence,
            joined(a.place, b.place),
            settings,
            remedy=changes if complete else (),
            advice=advice(b.name, b.place, y, x, settings) if complete else "",
        )

    def _by_variant(self, odd: LayerSide, even: LayerSide) -> Proof:
        """One side is another than it says: try what it could be, which must explain all of it."""
        says = odd.layer.facts.kind == even.layer.facts.kind
        name = odd.name if says and odd.computed(odd.layer.facts) is not None else None
        facts = odd.layer.facts if says else even.layer.facts
        found: dict[str, Variant] = {}
        for each in variants(facts) if odd.inputs else ():
            if self._equal(odd, each.output(odd, facts)):
                found.setdefault(each.family, each)
        if len(found) != 1:
            return Proof(odd=name)
        (variant,) = found.values()
        sentence = f"{variant.says.format(odd=odd.name)} in {odd.place}"
        cause = Cause(sentence, joined(self.a.place, self.b.place), odd=odd.name)
        return Proof([cause], odd=odd.name)


def _whose_weights(side: LayerSide, holder: int | None) -> str:
    """Say whose weights a side's layer uses: its own, or those of another call."""
    if holder is None:
        return f"has weights of its own in {side.place}"
    layers = side.trace.layers
    if layers[holder].path == side.layer.path:
        return f"uses {side.place} again"
    return f"uses the weights of {place_of(layers, holder)} in {side.place}"


def _kinds(a: LayerSide, b: LayerSide) -> str:
    said = [f"applies {a_kind(s.layer.facts.kind)} in {s.place}" for s in (a, b)]
    return both((a.name, b.name), said[0], said[1])
