"""What one side may do to the gradient for some weights: each as a change of the other side's."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from frameworks.live.pairs import joined
from frameworks.live.proofs.cause import equal_within
from frameworks.live.proofs.sentences import listed

__all__ = ["CHANGES", "Change", "Gradients", "factor_between", "is_written"]

Array = np.ndarray
_WRITTEN = 1e-7  # a factor that was rounded to float32 is that near to the number written
_LEAST = 1e-6  # a factor that is nearer to 1 is no factor


@dataclass(frozen=True)
class Gradients:
    """The gradients for two corresponding weights."""

    sides: tuple[str, str]
    names: tuple[str, str]
    trainable: tuple[bool, bool]
    start: Array
    a: Array
    b: Array
    dtype: str

    @property
    def place(self) -> str:
        """The names of the weights, in the order of the sides' names."""
        return joined(*(name for _, name in sorted(zip(self.sides, self.names, strict=True))))

    @property
    def gap(self) -> float:
        """How far apart they are, relative to the larger one."""
        if self.a.shape != self.b.shape:
            return np.inf
        largest = max(float(np.abs(x).max(initial=0)) for x in (self.a, self.b))
        return float(np.abs(self.a - self.b).max(initial=0)) / largest if largest else 0.0

    @property
    def differs(self) -> bool:
        """Whether they differ by more than rounding."""
        return self.gap > (1e-12 if self.dtype == "float64" else 1e-4)

    def equal(self, x: Array, y: Array) -> bool:
        """Return whether x is y, but for a small fraction of the gap."""
        return equal_within(x, y, self.gap, self.dtype)


Change = Callable[[list[Gradients], list[Array], list[Array], str, str], str | None]


def _factor(
    found: list[Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = r g with the same r > 1 for all that differs."""
    flat, scaled = (np.concatenate([x.ravel() for x in each]) for each in (ours, theirs))
    if flat.shape != scaled.shape or not _varies(flat):
        return None
    r = _ratio(flat, scaled)
    if not abs(r) > 1 + _LEAST:
        if r == -1 and np.array_equal(-flat, scaled):
            names = " and ".join(sorted((one, other)))
            return f"the gradients of {_which(found)} have opposite signs in {names}"
        return None
    if not all(g.equal(r * x, y) for g, x, y in zip(found, ours, theirs, strict=True)):
        return None
    return f"the gradient of {_which(found)} in {other} is {r:.6g} times that in {one}"


def _ratio(x: Array, y: Array) -> float:
    largest = int(np.abs(x).argmax())
    return float(y[largest] / x[largest])


def is_written(r: float) -> bool:
    """Return whether a factor is a number that somebody would write, or that shapes make.

    That is one of three digits, or a ratio of whole numbers, or the root of one; or 1 over these.

    >>> [is_written(r) for r in (2.0, 1 / 0.37, 65536.0, 16 / 15, 8**0.5, 5.7369041)]
    [True, True, True, True, True, False]
    """
    r = max(abs(r), 1 / abs(r)) if r else 1.0
    near = [float(f"{r:.3g}"), 1 / float(f"{1 / r:.3g}")]
    near += [float(Fraction(r).limit_denominator(64)), float(round(r * r)) ** 0.5]
    return any(abs(r - each) <= _WRITTEN * r for each in near)


def factor_between(found: list[Gradients]) -> float:
    """Return by what the gradients of one side are the other's, if by a factor."""
    return _ratio(
        *(
            np.concatenate([x.ravel() for x in xs])
            for xs in ([g.a for g in found], [g.b for g in found])
        )
    )


def _varies(x: Array) -> bool:
    """Return whether numbers have several sizes: any two pairs (g, −g) are multiples."""
    sizes = np.abs(x[x != 0])
    return sizes.size > 1 and bool(np.ptp(sizes) > _LEAST * sizes.max())


def _which(found: list[Gradients]) -> str:
    return listed([g.place for g in found]) if len(found) < 4 else f"{len(found)} weights"


def _clipped(
    found: list[Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = g, but no element exceeds ± c."""
    c = max(float(np.abs(y).max(initial=0)) for y in theirs)
    at_limit = sum(int((np.abs(y) == c).sum()) for y in theirs)
    if at_limit < 2 or not c or not _varies(np.concatenate([x.ravel() for x in ours])):
        return None
    pairs = zip(found, ours, theirs, strict=True)
    if all(x.shape == y.shape and g.equal(np.clip(x, -c, c), y) for g, x, y in pairs):
        return f"{other} clips every element of the gradient at ± {c:.6g}"
    return None


def _decayed(
    found: list[Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = g + λ w with one λ > 0: a weight decay that is not in the loss."""
    if any(x.shape != y.shape for x, y in zip(ours, theirs, strict=True)):
        return None
    w = np.concatenate([g.start.ravel() for g in found])
    d = np.concatenate([(y - x).ravel() for x, y in zip(ours, theirs, strict=True)])
    if not _varies(w):
        return None
    rate = float(d @ w / (w @ w))
    if rate <= 0 or not equal_within(rate * w, d, 1.0, found[0].dtype):
        return None
    return f"{other} adds {rate:.6g} w to the gradient of {_which(found)}, {one} does not"


def _transposed(
    found: list[Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = gᵀ."""
    pairs = list(zip(found, ours, theirs, strict=True))
    if not all(x.ndim == 2 and x.T.shape == y.shape and g.equal(x.T, y) for g, x, y in pairs):
        return None
    names = sorted((one, other))
    return (
        f"the gradients of {_which(found)} in {names[0]} and {names[1]} are each other transposed"
    )


CHANGES: tuple[Change, ...] = (_factor, _clipped, _decayed, _transposed)
