"""What one side may do to the gradient for some weights, besides scaling it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from frameworks.live.pairs import joined
from frameworks.live.proofs.cause import equal_within
from frameworks.live.proofs.sentences import listed

__all__ = ["CHANGES", "Array", "Gradients", "added_decay", "varies", "which"]

Array = np.ndarray
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
    again: tuple[Array, Array]  # those of a second batch; of no numbers where it is not known

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


def varies(x: Array) -> bool:
    """Return whether numbers have several sizes: any two pairs (g, −g) are multiples."""
    sizes = np.abs(x[x != 0])
    return sizes.size > 1 and bool(np.ptp(sizes) > _LEAST * sizes.max())


def which(found: list[Gradients]) -> str:
    """Name the weights, or count them."""
    return listed([g.place for g in found]) if len(found) < 4 else f"{len(found)} weights"


def _clipped(
    found: list[Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = g, but no element exceeds ± c."""
    c = max(float(np.abs(y).max(initial=0)) for y in theirs)
    at_limit = sum(int((np.abs(y) == c).sum()) for y in theirs)
    if at_limit < 2 or not c or not varies(np.concatenate([x.ravel() for x in ours])):
        return None
    pairs = zip(found, ours, theirs, strict=True)
    if all(x.shape == y.shape and g.equal(np.clip(x, -c, c), y) for g, x, y in pairs):
        return f"{other} clips every element of the gradient at ± {c:.6g}"
    return None


def _decayed(
    found: list[Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = g + λ w with one λ > 0: a weight decay that is not in the loss."""
    rate = added_decay(found, ours, theirs)
    if not rate:
        return None
    return f"{other} adds {rate:.6g} w to the gradient of {which(found)}, {one} does not"


def added_decay(found: list[Gradients], ours: list[Array], theirs: list[Array]) -> float:
    """Return the λ > 0 of G' = g + λ w; 0 if there is none."""
    if any(x.shape != y.shape for x, y in zip(ours, theirs, strict=True)):
        return 0.0
    w = np.concatenate([g.start.ravel() for g in found])
    d = np.concatenate([(y - x).ravel() for x, y in zip(ours, theirs, strict=True)])
    if w.shape != d.shape or not varies(w):
        return 0.0
    rate = float(d @ w / (w @ w))
    return rate if rate > 0 and equal_within(rate * w, d, 1.0, found[0].dtype) else 0.0


def _transposed(
    found: list[Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = gᵀ."""
    pairs = list(zip(found, ours, theirs, strict=True))
    if not all(x.ndim == 2 and x.T.shape == y.shape and g.equal(x.T, y) for g, x, y in pairs):
        return None
    names = sorted((one, other))
    return f"the gradients of {which(found)} in {names[0]} and {names[1]} are each other transposed"


CHANGES: tuple[Change, ...] = (_clipped, _decayed, _transposed)
