"""Why the step of two adversaries may differ: which labels, which samples, whose gradients.

The first network makes samples of noise, of the shape of the rows; the second gives each row a
logit. Losses and gradients are computed once more from what the two return.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from frameworks.diverge.causes.activations import sigmoid
from frameworks.diverge.causes.derivatives import DERIVATIVES, Seen
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import First
from frameworks.diverge.side import at_weights

__all__ = ["left_over", "not_detached", "other_adversary"]

Array = np.ndarray
_LABELS = ((1.0, 0.0), (0.0, 1.0), (0.9, 0.0), (0.9, 0.1))  # of rows, and of samples
_PARTS = {"sum": 1.0, "mean": 0.5}  # each loss's share in the discriminator's


@dataclass(frozen=True)
class _Adversaries:
    """Both networks of a side at certain weights, and the noise of a step by its name."""

    first: First
    weights: list[Array]
    noise: dict[str, Array]

    @cached_property
    def samples(self) -> dict[str, Array]:
        """The samples made of each noise."""
        with at_weights(self.first.opened.adapter, self.weights) as adapter:
            return {name: adapter.outputs(z) for name, z in self.noise.items()}

    def entropy(self, x: Array, label: float) -> float:
        """Return the cross-entropy of the discriminator's logits of rows or samples x."""
        with at_weights(self.first.opened.adapter, self.weights) as adapter:
            z = adapter.outputs(x, network=1)
        return float(np.mean(np.logaddexp(0, z) - label * z))

    def gradients(self, name: str, label: float) -> tuple[list[Array], list[Array]] | None:
        """Return what the cross-entropy of samples adds to the gradient of each network."""
        generator = self._seen(0, self.noise[name])
        discriminator = self._seen(1, self.samples[name])
        if not generator or not discriminator:
            return None
        dz = (sigmoid(discriminator[-1].values) - label) / len(self.noise[name])
        dx, of_discriminator = _backward(discriminator, dz)
        return _backward(generator, dx)[1], of_discriminator

    def _seen(self, network: int, x: Array) -> list[Seen]:
        """Return a network's layers for its inputs; none if a derivative is not known."""
        with at_weights(self.first.opened.adapter, self.weights) as adapter:
            layers = adapter.layer_outputs(x, network=network)
        own, found = [self.weights[i] for i in self.first.weights_of[network]], []
        for layer in layers:
            if layer.kind not in DERIVATIVES or layer.inputs is None or layer.values is None:
                return []
            found.append(Seen(layer.kind, layer.inputs, layer.values, own[: layer.weights]))
            own = own[layer.weights :]
        return found


def _backward(layers: Sequence[Seen], dz: Array) -> tuple[Array, list[Array]]:
    """Return dL/dx and the gradients of all weights, from dL/dz of the last layer."""
    found: list[Array] = []
    for layer in reversed(layers):
        dz, gradients = DERIVATIVES[layer.kind](layer, dz.reshape(layer.values.shape))
        found = [*gradients, *found]
    return dz, found


def _adversaries(first: First, weights: list[Array]) -> _Adversaries | None:
    """Return the two at some weights, with the noise of the first step; None for others."""
    X, adapter = first.batch.X, first.opened.adapter
    if len(first.networks) != 2 or first.failures or adapter.outputs(X).shape != X.shape:
        return None
    if adapter.outputs(X, network=1).shape != (len(X), 1):
        return None
    drawn = adapter.stream.peek(len(X)).named
    noise = {name: z for name, z in drawn.items() if z.shape == X.shape and z.dtype.kind == "f"}
    return _Adversaries(first, weights, noise)


def other_adversary(evidence: Evidence) -> str | None:
    """Each side's value is a cross-entropy of its own of the discriminator's logits."""
    values = [np.ravel(value) for value in evidence.pair]
    if any(len(value) != 1 for value in values):
        return None
    named = [_named(evidence, float(value[0])) for value in values]
    return evidence.both(f"takes for the {_words(evidence)}", *named)


def _words(evidence: Evidence) -> str:
    return evidence.found.where.replace("_", " ")


def _named(evidence: Evidence, value: float) -> str | None:
    found = (words for words, x in _losses(evidence) if evidence.matches(x, value))
    return next(found, None)


def _losses(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Yield what either network may learn from, with its value: after the update, then before."""
    first = evidence.a
    before = _adversaries(first, first.opened.initial_weights)
    if before is None or first.watched is None:
        return
    updated = list(before.weights)
    for i in first.in_order_of_updates[0]:
        updated[i] = first.step.after[i]
    after = _Adversaries(first, updated, before.noise)
    for when, pair in (("", after), (" before the first update", before)):
        for name, x in pair.samples.items():
            of = f"of the samples of {name}"
            yield f"the cross-entropy {of}, labelled 1{when}", pair.entropy(x, 1)
            yield f"minus the cross-entropy {of}, labelled 0{when}", -pair.entropy(x, 0)
            yield f"the cross-entropy {of}, labelled 0{when}", pair.entropy(x, 0)
    for name, x in before.samples.items():
        for real, fake in _LABELS:
            total = before.entropy(first.batch.X, real) + before.entropy(x, fake)
            for how, part in _PARTS.items():
                labelled = f"rows, labelled {real:g}, and of the samples of {name}, {fake:g}"
                yield f"the {how} of the cross-entropies of {labelled}", part * total


def not_detached(evidence: Evidence) -> str | None:
    """G' = g + the gradient of the discriminator's loss of its samples, for the generator."""
    two = _adversaries(evidence.a, evidence.a.opened.initial_weights)
    if two is None or evidence.network != 0:
        return None
    ours, theirs = (
        [x.loss_and_gradients[1][i] for i in evidence.arrays] for x in (evidence.a, evidence.b)
    )
    for name in two.noise:
        for label in (0.0, 1.0):
            added = two.gradients(name, label)
            if added is not None and _adds(evidence, ours, added[0], theirs):
                a, b = evidence.a.names
                return (
                    f"{evidence.names[1]} adds the gradient of {b}'s loss of the samples of {name} "
                    f"to that of {a}: they are not detached, and it is not reset"
                )
    return None


def left_over(evidence: Evidence) -> str | None:
    """G' = g + what the step before leaves: the discriminator's gradient is never reset."""
    pairs = evidence.history
    if len(pairs) != 2 or evidence.network != 1 or any(p.gradients is None for p in pairs):
        return None
    before, after = pairs[0].a.before, pairs[0].a.after
    own = evidence.a.weights_of
    mixed = [after[i] if i in own[1] else w for i, w in enumerate(before)]  # D's step came first
    two = _adversaries(evidence.a, mixed)
    given = [[[pair.gradients[side][i] for i in own[1]] for pair in pairs] for side in (0, 1)]  # type: ignore[index]
    for name in two.noise if two is not None else ():
        left = two.gradients(name, 1.0)  # type: ignore[union-attr]
        if left is None:
            return None
        kept = [x + y for x, y in zip(given[0][0], left[1], strict=True)]
        for words, added in (("it is never reset", kept), ("it is reset too early", left[1])):
            if _adds(evidence, given[0][1], added, given[1][1]):
                a, b = evidence.a.names
                return f"{evidence.names[1]} adds what the step of {a} leaves to {b}'s: {words}"
    return None


def _adds(evidence: Evidence, ours: list[Array], added: list[Array], theirs: list[Array]) -> bool:
    """Return whether g' = g + what is added, and not g."""
    same = all(map(evidence.matches, ours, theirs))
    sums = [x + y for x, y in zip(ours, added, strict=True)]
    return not same and all(map(evidence.matches, sums, theirs))
