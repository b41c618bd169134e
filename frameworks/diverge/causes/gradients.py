"""Why a gradient may differ though the loss agrees."""

import numpy as np

from frameworks.diverge.causes.backward import other_derivative
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]

Gradients = list[np.ndarray]


def _pair(evidence: Evidence) -> tuple[Gradients, Gradients]:
    return evidence.a.loss_and_gradients[1], evidence.b.loss_and_gradients[1]


def _flat(arrays: Gradients) -> np.ndarray:
    return np.concatenate([a.ravel() for a in arrays])


def _known_factor(r: float, n: int, k: int) -> str:
    """Say what makes one gradient r times another, if that is known."""
    known = {
        float(n): ", as a sum over the rows is of their mean",
        float(k): ", as a sum over the outputs is of their mean",
        2.0: ", as that of a square without its ½",
    }
    return next((words for value, words in known.items() if abs(r - value) < 1e-6 * value), "")


def _again(evidence: Evidence, some: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return some gradients of both sides in the second step: one batch tells no rule."""
    one, other = (_flat([x.gradients_again[i] for i in some]) for x in (evidence.a, evidence.b))
    return one, other


def clipped(evidence: Evidence) -> str | None:
    """G' = g min(1, c/‖g‖), or each element clipped to ± c."""
    ours, theirs = (_flat([g[i] for i in evidence.arrays]) for g in _pair(evidence))
    c = float(np.abs(theirs).max())
    if c and (np.abs(theirs) == c).sum() > 1 and evidence.matches(np.clip(ours, -c, c), theirs):
        return f"{evidence.names[1]} clips every element of the gradient at ± {as_number(c)}"
    norm = float(np.linalg.norm(theirs))
    r = evidence.ratio(ours, theirs)
    if r and 0 < r < 1 and abs(norm - float(f"{norm:.2g}")) < 1e-9 * norm:
        x, y = _again(evidence, evidence.arrays)
        if not evidence.matches(x * min(1.0, norm / (float(np.linalg.norm(x)) or norm)), y):
            return None
        return f"{evidence.names[1]} clips the gradient's norm at {as_number(norm)}"
    return None


def factor(evidence: Evidence) -> str | None:
    """G' = r g for all weights, or for those that differ, in the second step too."""
    ours, theirs = _pair(evidence)
    some = sorted(evidence.parted)
    for which, chosen in (("the whole gradient", evidence.arrays), (_which(evidence, some), some)):
        pair = [_flat([g[i] for i in chosen]) for g in (ours, theirs)]
        if (r := evidence.ratio(*pair)) is not None and (said := evidence.say_times(which, r)):
            x, y = _again(evidence, chosen)
            if not evidence.matches(r * x, y):
                continue
            n, k = len(evidence.a.outputs), evidence.a.outputs[0].size
            return said + _known_factor(r, n, k)
    return None


def _which(evidence: Evidence, some: list[int]) -> str:
    gradients = evidence.a.loss_and_gradients[1]
    kernels = [i for i in evidence.arrays if gradients[i].ndim > 1]
    for what, group in (
        ("kernels'", kernels),
        ("biases'", [i for i in evidence.arrays if i not in kernels]),
    ):
        if some == group:
            return f"the {what} gradient alone"
    return f"the gradient of {', '.join(f'weights.{i}' for i in some)} alone"


def missing(evidence: Evidence) -> str | None:
    """G' = 0 for the weights that differ."""
    ours, theirs = _pair(evidence)
    if any(theirs[i].any() or not ours[i].any() for i in evidence.parted):
        return None
    which = ", ".join(f"weights.{i}" for i in sorted(evidence.parted))
    return f"{evidence.names[1]} has no gradient for {which}: frozen, or left out"


def exchanged(evidence: Evidence) -> str | None:
    """G' = 0 for some of the weights that differ, g = 0 for all others."""
    ours, theirs = _pair(evidence)
    some = sorted(evidence.parted)
    if any(ours[i].any() and theirs[i].any() for i in some):
        return None
    alone = [", ".join(f"weights.{i}" for i in some if g[i].any()) for g in (ours, theirs)]
    return evidence.both(
        "has a gradient for", *(f"{each} only" if each else None for each in alone)
    )


def rearranged(evidence: Evidence) -> str | None:
    """G' = gᵀ, for a square matrix; g rotated by 180° for a kernel."""
    i = evidence.item.position
    x, y = (g[i] for g in _pair(evidence))
    ways = {"transposed": x.T, "rotated by 180°": x[::-1, ::-1]} if x.ndim > 1 else {}
    for way, changed in ways.items():
        if changed.shape == y.shape and evidence.matches(changed, y):
            one, other = sorted(evidence.names)
            return f"the gradient of weights.{i} in {one} is that in {other}, {way}"
    return None


def penalty(evidence: Evidence) -> str | None:
    """G' = g + λ w for the weights that differ: a penalty that is not in the loss."""
    ours, theirs = _pair(evidence)
    some = sorted(evidence.parted)
    w = _flat([evidence.a.opened.initial_weights[i] for i in some])
    d = _flat([theirs[i] - ours[i] for i in some])
    rate = evidence.ratio(w, d)
    if rate is None or rate < 0:
        return None
    most, less = evidence.names[::-1]
    return f"{most} adds {as_number(rate)} w to the gradient, {less} does not: weight decay"


def rounded_to_float32(evidence: Evidence) -> str | None:
    """G' = float32(g)."""
    if evidence.rounded(*map(_flat, _pair(evidence))):
        return f"every gradient element of {evidence.names[1]} is exactly representable in float32"
    return None


HYPOTHESES: tuple[Hypothesis, ...] = (
    clipped,
    other_derivative,
    factor,
    missing,
    exchanged,
    rearranged,
    penalty,
    rounded_to_float32,
)
