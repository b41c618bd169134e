"""Whether a gradient is a multiple of the other side's: by a factor, or scaled to a norm.

One batch does not tell one from the other, so both sides are asked for the gradients of a second
one, at the same weights. In G' = r g the factor is the same there; G' = g min(1, c / (‖g‖ + ε)) has
the same norm there, but for ε, which is 1e-6 in PyTorch, or is g.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from frameworks.live.pairs import Pair
from frameworks.live.proofs.cause import Cause
from frameworks.live.proofs.gradient_changes import Array, Gradients, varies, which
from frameworks.recordings.trace import Trace

__all__ = ["prove_scaling"]

_LEAST = 1e-6  # a factor that is nearer to 1 is no factor
_ADDED = 1e-6  # PyTorch's ε
_SMALL = 1e-3  # nobody clips below it
_WHOLE = "the whole gradient"
_ROUNDING = {"float64": 1e-9, "float32": 1e-5}  # relative, of norms and factors


@dataclass(frozen=True)
class _Unit:
    """Gradients that are scaled as one: in each of the two batches."""

    factors: tuple[float, float]  # by which b's are a's; 0 where they are no multiples
    norms: tuple[tuple[float, float], tuple[float, float]]  # of both sides, batch by batch

    def norms_of(self, side: int) -> list[float]:
        return [norms[side] for norms in self.norms]


def prove_scaling(pair: Pair, found: list[Gradients]) -> Cause | None:
    """Name opposite signs, a norm, or a factor; or say that the factor is another in each batch."""
    if any(g.a.shape != g.b.shape for g in found) or not varies(_flat([g.a for g in found])):
        return None
    place = found[0].place if len(found) == 1 else "gradient"
    if all(np.array_equal(-g.a, g.b) for g in found):
        names = " and ".join(sorted(pair.names))
        return Cause(f"the gradients of {which(found)} have opposite signs in {names}", place)
    if pair.again is None:
        return None
    rounding, ways = _ROUNDING[found[0].dtype], [*_ways(pair, found)]
    for what, units in ways:
        if all(all(unit.factors) for unit in units):
            if sentence := _to_a_norm(pair.names, what, units, rounding):
                return Cause(sentence, "gradient")
    together = next(units[0] for what, units in ways if what == _WHOLE)
    sentence = _by_a_factor(pair.names, which(found), together.factors, rounding)
    return Cause(sentence, place) if sentence else None


def _ways(pair: Pair, found: list[Gradients]) -> Iterator[tuple[str, list[_Unit]]]:
    """Yield what may be scaled as one, and those that are."""
    assert pair.again is not None
    batches = [(pair.a.gradients, pair.b.gradients), pair.again]
    whole = [(_norm(_trained(pair.a, x)), _norm(_trained(pair.b, y))) for x, y in batches]
    if len(found) > 1:
        yield "each weight's gradient", [_unit([g]) for g in found]
    yield _WHOLE, [_unit(found, (whole[0], whole[1]))]
    if len(found) > 1:
        yield f"the gradient of {which(found)}", [_unit(found)]


def _unit(
    found: list[Gradients],
    norms: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> _Unit:
    """Return gradients as one, with their own norms, unless others are given."""
    batches = [[(g.a, g.b) for g in found], [g.again for g in found]]
    sides = [[_flat([each[k] for each in batch]) for k in (0, 1)] for batch in batches]
    first, second = (_factor(a, b, found[0].dtype) for a, b in sides)
    one, other = ((_norm([a]), _norm([b])) for a, b in sides)
    return _Unit((first, second), norms or (one, other))


def _to_a_norm(
    names: tuple[str, str], what: str, units: list[_Unit], rounding: float
) -> str | None:
    """Say to which norm a side scales, or both; one that does so at need clips."""
    limits = [_nearly([n for unit in units for n in unit.norms_of(k)], rounding) for k in (0, 1)]
    if all(limits):
        (one, its), (other, has) = sorted(zip(names, map(_words, limits), strict=True))
        if its == has:
            return None
        return f"{one} scales {what} to a norm of {its}, {other} to {has}, as clipping does"
    equal = all(abs(unit.factors[1] - 1) <= rounding for unit in units)
    for k, name in enumerate(names):
        if limits[k]:
            return f"{name} scales {what} to a norm of {_words(limits[k])}, as clipping does"
        pairs = [(unit.norms[0][k], unit.norms[0][1 - k]) for unit in units]
        limit, least = _limit(pairs, rounding), all(norm < whole for norm, whole in pairs)
        if equal and least and limit and float(f"{limit:.2g}") == float(_words(limit)):
            return f"{name} clips the norm of {what} at {_words(limit)}"
    return None


def _nearly(norms: Sequence[float], rounding: float) -> float:
    """Return the one norm that these are, but for PyTorch's ε; 0 if there is none."""
    largest = max(norms)
    spread = rounding + (_ADDED / largest if largest > _SMALL else 0.0)
    return largest if largest - min(norms) <= spread * largest else 0.0


def _limit(pairs: Sequence[tuple[float, float]], rounding: float) -> float:
    """Return the c of n = c N / (N + ε) for norms n and those of what is scaled, N; 0 for none."""
    for added in (0.0, _ADDED):
        limits = [norm * (whole + added) / whole for norm, whole in pairs]
        if max(limits) - min(limits) <= rounding * max(limits):
            return limits[0]
    return 0.0


def _words(norm: float) -> str:
    """Return a norm, or the number of three digits that it is, but for PyTorch's ε."""
    written = float(f"{norm:.3g}")
    near = abs(1 - norm / written) <= 1e-8 + (_ADDED / written if written > _SMALL else 0.0)
    return f"{written if near else norm:.6g}"


def _by_a_factor(
    names: tuple[str, str], what: str, factors: tuple[float, float], rounding: float
) -> str | None:
    """Say by which factor the gradients differ, if by the same one in both batches."""
    r, again = factors
    if not r or not again:
        return None
    if abs(r - again) > rounding * abs(r):
        one, other = sorted(names)
        return (
            f"the gradients of {what} in {one} and {other} differ by a factor that is another one "
            "in the next batch, as by clipping"
        )
    one, other = names if abs(r) > 1 else names[::-1]
    r = r if abs(r) > 1 else 1 / r
    if not abs(r) > 1 + _LEAST:
        return None
    return f"the gradient of {what} in {other} is {r:.6g} times that in {one}"


def _factor(a: Array, b: Array, dtype: str) -> float:
    """Return the r of b = r a; 0 if there is none."""
    if a.shape != b.shape or not a.any():
        return 0.0
    largest = int(np.abs(a).argmax())
    r = float(b[largest] / a[largest])
    scale = abs(r) * float(np.abs(a).max())
    return r if np.abs(b - r * a).max() <= _ROUNDING[dtype] * scale else 0.0


def _trained(trace: Trace, gradients: Sequence[Array]) -> list[Array]:
    pairs = zip(trace.weights, gradients, strict=True)
    return [gradient for weight, gradient in pairs if weight.trainable]


def _norm(arrays: Sequence[Array]) -> float:
    with np.errstate(over="ignore"):
        return hypot(*(float(np.linalg.norm(a.ravel().astype(float))) for a in arrays))


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([a.ravel() for a in arrays])
