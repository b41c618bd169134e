"""Why a gradient may differ though the loss agrees."""

import numpy as np

from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]

Gradients = list[np.ndarray]


def _pair(evidence: Evidence) -> tuple[Gradients, Gradients]:
    return evidence.a.loss_and_gradients[1], evidence.b.loss_and_gradients[1]


def _flat(arrays: Gradients) -> np.ndarray:
    return np.concatenate([a.ravel() for a in arrays])


def _say_factor(r: float, n: int, k: int) -> str:
    known = {
        float(n): "a sum over the rows instead of their mean",
        1 / n: "a mean over the rows instead of their sum",
        float(k): "a sum over the outputs instead of their mean",
        1 / k: "a mean over the outputs instead of their sum",
        2.0: "a factor of 2, as from a square without its ½",
        0.5: "a factor of ½",
        -1.0: "the opposite sign",
    }
    near = (words for value, words in known.items() if abs(r - value) < 1e-6 * abs(value))
    return next(near, f"a factor of {as_number(r)}")


def clipped(evidence: Evidence) -> str | None:
    """G' = g min(1, c/‖g‖), or each element clipped to ± c."""
    ours, theirs = (_flat(g) for g in _pair(evidence))
    c = float(np.abs(theirs).max())
    if (np.abs(theirs) == c).sum() > 1 and evidence.matches(np.clip(ours, -c, c), theirs):
        return f"{evidence.names[1]} clips every element of the gradient at ± {as_number(c)}"
    norm = float(np.linalg.norm(theirs))
    r = evidence.ratio(ours, theirs)
    if r and 0 < r < 1 and abs(norm - float(f"{norm:.2g}")) < 1e-9 * norm:
        return f"{evidence.names[1]} clips the gradient's norm at {as_number(norm)}"
    return None


def factor(evidence: Evidence) -> str | None:
    """G' = r g for all weights, or for those that differ."""
    ours, theirs = _pair(evidence)
    n, k = len(evidence.a.outputs), evidence.a.outputs[0].size
    r = evidence.ratio(_flat(ours), _flat(theirs))
    if r is not None:
        return f"{evidence.names[1]} has {_say_factor(r, n, k)} in the whole gradient"
    some = sorted(evidence.parted)
    r = evidence.ratio(*(_flat([g[i] for i in some]) for g in (ours, theirs)))
    if r is None:
        return None
    biases = all(ours[i].ndim == 1 for i in some)
    which = "the biases'" if biases else "the kernels'" if _kernels(ours, some) else "these"
    return f"{evidence.names[1]} has {_say_factor(r, n, k)} in {which} gradients only"


def _kernels(gradients: Gradients, some: list[int]) -> bool:
    return all(gradients[i].ndim > 1 for i in some)


def missing(evidence: Evidence) -> str | None:
    """G' = 0 for the weights that differ."""
    theirs = _pair(evidence)[1]
    if any(theirs[i].any() for i in evidence.parted):
        return None
    which = ", ".join(f"weights.{i}" for i in sorted(evidence.parted))
    return f"{evidence.names[1]} has no gradient for {which}: frozen, or left out"


def rearranged(evidence: Evidence) -> str | None:
    """G' = gᵀ, for a square matrix; g rotated by 180° for a kernel."""
    i = evidence.item.position
    x, y = (g[i] for g in _pair(evidence))
    ways = {"transposed": x.T, "rotated by 180°": x[::-1, ::-1]} if x.ndim > 1 else {}
    for way, changed in ways.items():
        if changed.shape == y.shape and evidence.matches(changed, y):
            return f"the gradient of weights.{i} is {way} in {evidence.names[1]}"
    return None


def penalty(evidence: Evidence) -> str | None:
    """G' = g + λ w for the weights that differ: a penalty that is not in the loss."""
    ours, theirs = _pair(evidence)
    some = sorted(evidence.parted)
    w = _flat([evidence.a.opened.initial_weights[i] for i in some])
    d = _flat([theirs[i] - ours[i] for i in some])
    rate = evidence.ratio(w, d)
    if rate is None:
        return None
    return f"{evidence.names[1]} adds {as_number(rate)} w to the gradient: weight decay"


def rounded_to_float32(evidence: Evidence) -> str | None:
    """G' = float32(g)."""
    theirs = _flat(_pair(evidence)[1])
    if theirs.dtype == np.float64 and np.array_equal(theirs, theirs.astype(np.float32)):
        return f"every gradient element of {evidence.names[1]} is exactly representable in float32"
    return None


def kink(evidence: Evidence) -> str | None:
    """The gradient differs below a layer whose derivative is a convention on this batch."""
    layers = evidence.a.training_layers
    x: np.ndarray | None = evidence.a.batch.X
    for position, layer in enumerate(layers):
        after = sum(each.weights for each in layers[position:])
        reached = len(evidence.a.opened.initial_weights) - after
        if evidence.parted and max(evidence.parted) < reached and x is not None:
            zeros = int((x == 0).sum()) if "relu" in layer.kind else 0
            if zeros:
                return (
                    f"{zeros} inputs of layer {position + 1} ({layer.kind}) are exactly 0, where "
                    "the derivative is a convention: 0 from below, 1 from above"
                )
            ties = _ties(x, layer.values) if layer.kind == "max pooling" else 0
            if ties:
                return (
                    f"{ties} windows of layer {position + 1} (max pooling) have several maxima: "
                    "the first, the last or all of them may receive the gradient"
                )
        x = layer.values
    return None


def _ties(x: np.ndarray, z: np.ndarray | None) -> int:
    """Count the windows, which do not overlap, whose maximum occurs more than once."""
    if z is None or x.ndim != 4:
        return 0
    kh, kw = x.shape[1] // z.shape[1], x.shape[2] // z.shape[2]
    cut = x[:, : kh * z.shape[1], : kw * z.shape[2]]
    windows = cut.reshape(len(x), z.shape[1], kh, z.shape[2], kw, z.shape[3])
    equal = windows == z[:, :, None, :, None, :]
    return int((equal.sum(axis=(2, 4)) > 1).sum())


HYPOTHESES: tuple[Hypothesis, ...] = (
    clipped,
    factor,
    missing,
    rearranged,
    penalty,
    rounded_to_float32,
    kink,
)
