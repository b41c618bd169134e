"""Why attention, or a normalization without running statistics, may return something else."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from frameworks.diverge.causes.activations import softmax
from frameworks.diverge.causes.layer import input_of, kind_of, weights_of
from frameworks.diverge.causes.sequences import real_steps
from frameworks.diverge.evidence import Evidence, as_number

__all__ = ["other_attention", "other_normalization"]

Array = np.ndarray
_CAUSAL = {  # by how far the last step is ahead that a query looks at
    "without a mask": None,
    "with a causal mask": 0,
    "with a causal mask that lets a step see the next": 1,
    "with a causal mask that hides a step from itself": -1,
}


def other_attention(evidence: Evidence) -> str | None:
    """softmax(q kᵀ/√d) v with another mask, scale, order of q, k, v, or number of heads."""
    weights, x = weights_of(evidence), input_of(evidence)
    if kind_of(evidence) != "attention" or len(weights) not in (4, 8) or x.ndim != 3:
        return None
    ours, theirs = (_attention(evidence, x, weights, y) for y in evidence.pair)
    return evidence.both("attends", ours, theirs)


def _attention(evidence: Evidence, x: Array, weights: list[Array], y: Array) -> str | None:
    for words, found in _ways(x, weights, real_steps(evidence)):
        if found.shape == y.shape and evidence.matches(found, y):
            return words
    return None


def _ways(x: Array, weights: list[Array], real: Array | None) -> Iterator[tuple[str, Array]]:
    d, step = x.shape[2], len(weights) // 4
    pairs = [weights[i : i + step] for i in range(0, len(weights), step)]
    masks = list(_masks(x.shape[1], real))
    for heads in (h for h in range(1, d + 1) if d % h == 0):
        size = d // heads
        for words, allowed in masks:
            said = f"{words}, {heads} heads"
            yield said, _attend(x, pairs, heads, allowed, size**0.5)
            yield f"{said}, not scaled by 1/√d", _attend(x, pairs, heads, allowed, 1.0)
            yield f"{said}, scaled by 1/d", _attend(x, pairs, heads, allowed, float(size))
            if heads > 1:
                whole = _attend(x, pairs, heads, allowed, d**0.5)
                yield f"{said}, scaled by the width of all heads together", whole
                merged = _attend(x, pairs, heads, allowed, size**0.5, merge=False)
                yield f"{said}, whose outputs are merged without a transposition", merged
            keys = _attend(x, pairs, heads, allowed, size**0.5, axis=-2)
            yield f"{said}, with the softmax over the queries", keys
            for order in [*permutations(range(3))][1:]:
                moved = [*(pairs[i] for i in order), pairs[3]]
                name = ", ".join("qkv"[i] for i in order)
                yield (
                    f"{said}, with q, k, v taken from {name}",
                    _attend(x, moved, heads, allowed, size**0.5),
                )


def _masks(t: int, real: Array | None) -> Iterator[tuple[str, Array | None]]:
    for words, ahead in _CAUSAL.items():
        yield words, None if ahead is None else np.tri(t, k=ahead, dtype=bool)
    yield "with a causal mask that is negated", ~np.tri(t, dtype=bool)
    yield "with a causal mask that is transposed", np.tri(t, dtype=bool).T
    if real is not None:
        yield "to what is no padding", real[:, None, None, :]
        yield "with a padding mask that is negated", ~real[:, None, None, :]


def _attend(
    x: Array,
    pairs: list[list[Array]],
    heads: int,
    allowed: Array | None,
    scale: float,
    merge: bool = True,
    axis: int = -1,
) -> Array:
    n, t, d = x.shape
    q, k, v = (
        (x @ W + sum(b)).reshape(n, t, heads, d // heads).swapaxes(1, 2) for W, *b in pairs[:3]
    )
    scores = q @ k.swapaxes(-1, -2) / scale
    if allowed is not None:
        scores = np.where(allowed, scores, np.finfo(scores.dtype).min)
    found = softmax(scores, axis) @ v
    W, *b = pairs[3]
    return (found.swapaxes(1, 2) if merge else found).reshape(n, t, d) @ W + sum(b)


def other_normalization(evidence: Evidence) -> str | None:
    """x̂ with another ε, over other axes, with an unbiased variance, or around 0."""
    kind, weights, x = kind_of(evidence), weights_of(evidence), input_of(evidence)
    if kind not in ("layer normalization", "rms normalization") or len(weights) not in (1, 2):
        return None
    ours, theirs = (_normalized(evidence, x, weights, y) for y in evidence.pair)
    return evidence.both("normalizes", ours, theirs)


def _normalized(evidence: Evidence, x: Array, weights: list[Array], y: Array) -> str | None:
    """Identify the axes, the mean and ε behind y."""
    gamma, *beta = weights
    if y.shape != x.shape:
        return None
    every = tuple(range(1, x.ndim))
    ways: dict[str, tuple[int, ...]] = {
        "every row's last axis": (-1,),
        "every row": every,
        "the steps": (1,),
    }
    for words, axes in ways.items():
        for center, ddof in ((1, 0), (1, 1), (0, 0)):
            shifted = x - center * x.mean(axis=axes, keepdims=True)
            square = (shifted**2).mean(axis=axes, keepdims=True)
            count = x.size / square.size
            variance = square * count / max(count - ddof, 1)
            fitted = _epsilon(shifted, variance, (y - sum(beta)) / np.where(gamma, gamma, 1))
            for epsilon in (float(f"{fitted:.6g}"), fitted):
                found = gamma * shifted / np.sqrt(variance + epsilon) + sum(beta)
                if evidence.matches(found, y):
                    how = "" if center else " around 0"
                    unbiased = ", unbiased" if ddof else ""
                    return f"{words}{how} with ε = {as_number(epsilon)}{unbiased}"
    return None


def _epsilon(shifted: Array, variance: Array, x_hat: Array) -> float:
    """Return ε of x̂ = (x − μ)/√(σ² + ε), from the element that tells it best."""
    ratio = np.where(x_hat, shifted / np.where(x_hat, x_hat, 1), 0) ** 2 - variance
    small = np.broadcast_to(variance, shifted.shape)
    best = np.unravel_index(np.where(x_hat, small, np.inf).argmin(), shifted.shape)
    return max(float(ratio[best]), 0.0)
