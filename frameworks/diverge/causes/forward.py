"""Why a layer may return a different output for the same input."""

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from frameworks.diverge.causes.activations import ACTIVATIONS, activation_of
from frameworks.diverge.causes.attention import other_attention, other_normalization
from frameworks.diverge.causes.kernels import (
    batch_statistics,
    linear,
    other_kernel,
    other_pooling,
    other_window,
)
from frameworks.diverge.causes.layer import input_of, kind_of, weights_of
from frameworks.diverge.causes.passing import passed_on
from frameworks.diverge.causes.sequences import other_direction, other_embedding, other_recurrence
from frameworks.diverge.evidence import Evidence, Hypothesis
from frameworks.probe import LayerOutput

__all__ = ["HYPOTHESES", "INPUTS"]


def other_shape(evidence: Evidence) -> str | None:
    """The outputs have different shapes: in a convolution, the padding or the stride differs."""
    (x, y), before = evidence.pair, input_of(evidence)
    if x.shape == y.shape:
        return None
    if kind_of(evidence) == "convolution" and x.ndim == y.ndim == 4:
        small, large = sorted((x.shape[1:3], y.shape[1:3]))
        return f"the padding or the stride differs: images of {small} and {large} pixels"
    small, large = sorted((x.shape, y.shape))
    return f"the shapes differ, {small} and {large}, for an input of {before.shape}"


def rounded_to_float32(evidence: Evidence) -> str | None:
    """A' = float32(a)."""
    if not evidence.rounded(*evidence.pair):
        return None
    return f"every output of {evidence.names[1]} is exactly representable in float32"


def missing_bias(evidence: Evidence) -> str | None:
    """Z' = X W instead of X W + b."""
    x, y = evidence.pair
    weights = weights_of(evidence)
    if len(weights) != 2 or kind_of(evidence) not in ("dense", "convolution"):
        return None
    z = linear(input_of(evidence), weights[0])
    if z is None or not (evidence.matches(z + weights[1], x) and evidence.matches(z, y)):
        return None
    return f"{evidence.names[1]} leaves the bias out"


def missing_vectors(evidence: Evidence) -> str | None:
    """A' = x instead of x + P, where P is all that the layer has."""
    (x, y), weights, given = evidence.pair, weights_of(evidence), input_of(evidence)
    if len(weights) != 1 or given.shape != x.shape or given.shape[1:] != weights[0].shape:
        return None
    if not (evidence.matches(given + weights[0], x) and evidence.matches(given, y)):
        return None
    return f"{evidence.names[1]} does not add the layer's weights to what it is given"


def other_activation(evidence: Evidence) -> str | None:
    """A' = g(z) instead of f(z)."""
    if weights_of(evidence) or "pooling" in kind_of(evidence) or not kind_of(evidence):
        return None
    z, pair = input_of(evidence), evidence.pair
    found = [activation_of(evidence.matches, z, a) for a in pair]
    if _of_two_kinds(evidence) and "no activation" in found:
        return None  # one that leaves these numbers as they are, or stands elsewhere, is one still
    return evidence.both("has", *(name and f"{name} there" for name in found))


def _of_two_kinds(evidence: Evidence) -> bool:
    """Return whether the place has one layer on side a and another on side b.

    Beside one that draws a function may be lacking, unless there are as many around it.
    """
    pairs = zip(evidence.layers, evidence.places, strict=True)
    kinds = {layers[place].kind for layers, place in pairs if place < len(layers)}
    return len(kinds) == 2 and (not any(map(_draws, kinds)) or _as_many_around(evidence))


def _as_many_around(evidence: Evidence) -> bool:
    """Return whether both sides have as many functions between the layers that learn around."""
    pairs = zip(evidence.layers, evidence.places, strict=True)
    ours, theirs = (_functions_around(layers, place) for layers, place in pairs)
    return ours == theirs


def _functions_around(layers: Sequence[LayerOutput], place: int) -> int:
    before = takewhile(lambda layer: not layer.weights, reversed(layers[:place]))
    after = takewhile(lambda layer: not layer.weights, layers[place:])
    return sum(not _draws(layer.kind) for layer in (*before, *after))


def _draws(kind: str) -> bool:
    return "drop" in kind or "noise" in kind


def applied_twice(evidence: Evidence) -> str | None:
    """A' = g(a): one activation too many, not another one in its place."""
    x, y = evidence.pair
    if _of_two_kinds(evidence):
        return None  # relu(f(z)) = relu(z) for all f that are z above 0
    for name, f in ACTIVATIONS.items():
        if x.shape == y.shape and evidence.matches(f(x), y):
            return f"{evidence.names[1]} applies {name} to the output of {evidence.names[0]}"
    return None


def dropout(evidence: Evidence) -> str | None:
    """A' = a ⊙ mask in evaluation mode, or a mask without the factor 1/(1 − p)."""
    x, y = evidence.pair
    if kind_of(evidence) != "dropout" or x.shape != y.shape:
        return None
    dropped, z = (y == 0) & (x != 0), input_of(evidence)
    if "training" in evidence.found.where:
        if np.array_equal(y, z) and x.any() and evidence.ratio(z[x != 0], x[x != 0]):
            return f"{evidence.names[1]} drops nothing in training mode"
        return evidence.times("what dropout keeps", x, y)
    kept = x[~dropped], y[~dropped]
    if not (dropped.any() and kept[1].any() and np.array_equal(x, z)):
        return None
    if evidence.ratio(*kept) or np.array_equal(*kept):
        share = f"{dropped.mean():.0%} of the outputs are 0"
        return f"dropout is active in evaluation mode in {evidence.names[1]}: {share}"
    return None


def dropout_rate(evidence: Evidence) -> str | None:
    """A = x ⊙ mask on both sides, whose masks are drawn for different rates."""
    x, words = input_of(evidence), []
    if kind_of(evidence) != "dropout" or "training" not in evidence.found.where:
        return None
    places = zip(evidence.layers, evidence.places, evidence.pair, strict=True)
    for side, (layers, place, a) in zip((evidence.a, evidence.b), places, strict=True):
        stream = side.opened.adapter.stream
        number = [layer.kind for layer in layers[:place]].count("dropout")
        if not evidence.matches(x * stream.peek(len(x)).masks[number], a):
            return None
        words.append(f"a rate of {stream.dropped[number].rate!r} there")
    return evidence.both("drops with", *words)


def other_scale(evidence: Evidence) -> str | None:
    """A' = r a."""
    return evidence.times("the output", *evidence.pair)


INPUTS: tuple[Hypothesis, ...] = (passed_on, rounded_to_float32)

HYPOTHESES: tuple[Hypothesis, ...] = (
    other_window,
    other_shape,
    missing_bias,
    missing_vectors,
    other_kernel,
    batch_statistics,
    other_pooling,
    other_recurrence,
    other_direction,
    other_attention,
    other_normalization,
    other_embedding,
    other_activation,
    applied_twice,
    dropout_rate,
    dropout,
    other_scale,
    rounded_to_float32,
)
