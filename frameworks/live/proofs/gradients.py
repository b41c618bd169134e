"""Why the gradient may differ though the loss agrees: what one side does to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from frameworks.live.correspondence import WeightPair
from frameworks.live.levels import cancels
from frameworks.live.pairs import Compared, Pair, joined
from frameworks.live.proofs.cause import Cause, Proof, equal_within
from frameworks.live.proofs.sentences import both, listed

__all__ = ["prove_gradient"]

Array = np.ndarray
_ROUNDING = 1e-9  # of a norm, which is clipped to a number that somebody wrote
_LEAST = 1e-6  # a factor that is nearer to 1 is no factor


def prove_gradient(pair: Pair, found: Compared) -> Proof:
    """Prove a frozen or detached weight, a factor, a clipping, or a decay in the gradient.

    No side's facts say what its gradient is: only what both numbers show is named.
    """
    differing = [each for each in _pairs(pair) if each.differs]
    if found.weights is None or not differing:
        return Proof()
    for prove in (_frozen, _frozen_row, _norm_clipped, _in_order):
        if (cause := prove(pair, differing)) is not None:
            return Proof([cause])
    return Proof()


@dataclass(frozen=True)
class _Gradients:
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


def _pairs(pair: Pair) -> Iterator[_Gradients]:
    for each in pair.matching.weights:
        if not cancels(pair, each):
            yield _gradients(pair, each)


def _gradients(pair: Pair, each: WeightPair) -> _Gradients:
    a, b, i, j = pair.a, pair.b, each.a[0], each.b[0]
    return _Gradients(
        pair.names,
        (a.weights[i].name, b.weights[j].name),
        (a.weights[i].trainable, b.weights[j].trainable),
        a.weights[i].values,
        a.gradients[i],
        b.gradients[j],
        a.dtype,
    )


def _frozen(pair: Pair, found: list[_Gradients]) -> Cause | None:
    """All that differs is zero on one side: frozen, as it says, or without a gradient."""
    for side, name in enumerate(pair.names):
        zero = [g for g in found if not (g.a, g.b)[side].any()]
        if len(zero) != len(found) or any(not (g.a, g.b)[1 - side].any() for g in found):
            continue
        which = listed([g.names[side] for g in found])
        said = [g.trainable[side] for g in found]
        if not any(said):
            words = [f"trains {which}", f"trains {which}"]
            words[side] = f"has {which} frozen"
            words[1 - side] = f"trains {listed([g.names[1 - side] for g in found])}"
            return Cause(both(pair.names, words[0], words[1]), found[0].place, ("frozen",))
        if all(said):
            verb = "it is" if len(found) == 1 else "they are"
            sentence = f"in {name} no gradient reaches {which}, though {verb} trained"
            return Cause(sentence, found[0].place, odd=name)
    return None


def _frozen_row(pair: Pair, found: list[_Gradients]) -> Cause | None:
    """All that differs is a row of an embedding, which has no gradient where it is said so."""
    if len(found) != 1 or found[0].a.shape != found[0].b.shape:
        return None
    (g,) = found
    for side, trace in enumerate((pair.a, pair.b)):
        position = next(i for i, w in enumerate(trace.weights) if w.name == g.names[side])
        layer = next((x for x in trace.layers if position in x.weights), None)
        row = None if layer is None else layer.facts.values.get("frozen_row")
        own, other = ((g.a, g.b), (g.b, g.a))[side]
        if layer is None or not isinstance(row, int) or own[row].any():
            continue
        rest = np.delete(other, row, axis=0)
        if np.array_equal(np.delete(own, row, axis=0), rest) or g.equal(
            np.delete(own, row, axis=0), rest
        ):
            words = [f"trains row {row} of {name}" for name in g.names]
            words[side] = f"has no gradient for row {row} of {g.names[side]}"
            words[side] += f" ({layer.facts.said['frozen_row']})"
            return Cause(both(pair.names, words[0], words[1]), g.place, ("frozen_row",))
    return None


def _norm_clipped(pair: Pair, found: list[_Gradients]) -> Cause | None:
    """G' = g min(1, c/(‖g‖ + ε)) for all weights, with a c of few digits: ε is 1e-6 in PyTorch."""
    sides = [[g for w, g in zip(x.weights, x.gradients, strict=True) if w.trainable]
             for x in (pair.a, pair.b)]  # fmt: skip
    norms = [float(np.sqrt(sum(float((g * g).sum()) for g in each))) for each in sides]
    clipped = int(norms[1] < norms[0])
    least, largest = norms[clipped], norms[1 - clipped]
    limit = float(f"{least:.2g}")
    exact = [limit, limit * largest / (largest + 1e-6)]
    if not limit or not any(abs(least - norm) <= _ROUNDING * norm for norm in exact):
        return None
    for g in found:
        more, less = (g.a, g.b) if clipped else (g.b, g.a)
        if more.shape != less.shape or not g.equal(more * (least / largest), less):
            return None
    name = pair.names[clipped]
    return Cause(f"{name} clips the norm of the whole gradient at {limit:g}", "gradient")


def _in_order(pair: Pair, found: list[_Gradients]) -> Cause | None:
    """Try each change of one side's gradient; both ways, unless it is its own inverse."""
    for change in (_factor, _clipped, _decayed, _transposed):
        said = []
        for names, x, y in ((pair.names, 0, 1), (pair.names[::-1], 1, 0)):
            ours = [(g.a, g.b)[x] for g in found]
            theirs = [(g.a, g.b)[y] for g in found]
            if (words := change(found, ours, theirs, names[0], names[1])) is not None:
                said.append(words)
        if len(set(said)) == 1:
            place = found[0].place if len(found) == 1 else "gradient"
            return Cause(said[0], place)
    return None


Change = Callable[[list[_Gradients], list[Array], list[Array], str, str], str | None]


def _factor(
    found: list[_Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = r g with the same r > 1 for all that differs."""
    flat, scaled = (np.concatenate([x.ravel() for x in each]) for each in (ours, theirs))
    if flat.shape != scaled.shape or np.count_nonzero(flat) < 2:
        return None
    largest = int(np.abs(flat).argmax())
    r = float(scaled[largest] / flat[largest])
    if not abs(r) > 1 + _LEAST:
        if r == -1 and np.array_equal(-flat, scaled):
            names = " and ".join(sorted((one, other)))
            return f"the gradients of {_which(found)} have opposite signs in {names}"
        return None
    if not all(g.equal(r * x, y) for g, x, y in zip(found, ours, theirs, strict=True)):
        return None
    return f"the gradient of {_which(found)} in {other} is {r:.6g} times that in {one}"


def _which(found: list[_Gradients]) -> str:
    return listed([g.place for g in found]) if len(found) < 4 else f"{len(found)} weights"


def _clipped(
    found: list[_Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = g, but no element exceeds ± c."""
    c = max(float(np.abs(y).max(initial=0)) for y in theirs)
    at_limit = sum(int((np.abs(y) == c).sum()) for y in theirs)
    if at_limit < 2 or not c:
        return None
    pairs = zip(found, ours, theirs, strict=True)
    if all(x.shape == y.shape and g.equal(np.clip(x, -c, c), y) for g, x, y in pairs):
        return f"{other} clips every element of the gradient at ± {c:.6g}"
    return None


def _decayed(
    found: list[_Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = g + λ w with one λ > 0: a weight decay that is not in the loss."""
    if any(x.shape != y.shape for x, y in zip(ours, theirs, strict=True)):
        return None
    w = np.concatenate([g.start.ravel() for g in found])
    d = np.concatenate([(y - x).ravel() for x, y in zip(ours, theirs, strict=True)])
    if np.count_nonzero(w) < 2:
        return None
    rate = float(d @ w / (w @ w))
    if rate <= 0 or not equal_within(rate * w, d, 1.0, found[0].dtype):
        return None
    return f"{other} adds {rate:.6g} w to the gradient of {_which(found)}, {one} does not"


def _transposed(
    found: list[_Gradients], ours: list[Array], theirs: list[Array], one: str, other: str
) -> str | None:
    """G' = gᵀ."""
    pairs = list(zip(found, ours, theirs, strict=True))
    if not all(x.ndim == 2 and x.T.shape == y.shape and g.equal(x.T, y) for g, x, y in pairs):
        return None
    names = sorted((one, other))
    return (
        f"the gradients of {_which(found)} in {names[0]} and {names[1]} are each other transposed"
    )
