"""Why the loss may differ for the same outputs and targets."""

import math
from collections.abc import Iterator

import numpy as np

from frameworks.diverge.causes.activations import log_softmax, sigmoid, softmax
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]

_LEAST = 1e-3  # smoothing that anybody would ask for
_CLIP = 1e-7  # where Keras clips probabilities


def factor(evidence: Evidence) -> str | None:
    """L' = r L with an r of known origin."""
    a, b = evidence.a.loss_and_gradients[0], evidence.b.loss_and_gradients[0]
    n, k = len(evidence.a.outputs), evidence.a.outputs[0].size
    known = {
        n * k: "as a sum over rows and outputs is of their mean",
        k: "as a sum over the outputs is of their mean",
        n: "as a sum over the rows is of their mean",
        n / 2: "as half a sum is of a mean",
        2.0: "as a square is of its half",
        1 / math.log(2): "as a logarithm to base 2 is of the natural one",
        math.log(10): "as a natural logarithm is of one to base 10",
        n / max(n - 1, 1): "as by a division by n − 1 instead of n",
        -1.0: "",
    }
    for r, words in known.items():
        if evidence.matches(r * a, b) and (said := evidence.say_times("the loss", r)):
            return f"{said}, {words}" if words else said
    return None


def other_formula(evidence: Evidence) -> str | None:
    """The same outputs' losses, each by a known formula."""
    both = (side.loss_and_gradients[0] for side in (evidence.a, evidence.b))
    return evidence.both("has a loss", *(_formula(evidence, value) for value in both))


def _formula(evidence: Evidence, loss: float) -> str | None:
    z, y = evidence.a.outputs, evidence.a.batch.y
    answers = evidence.a.side.blueprint.task.has_answers
    with np.errstate(divide="ignore", invalid="ignore"):
        known = [*(_of_classes(z, y) if answers else ()), *_of_numbers(z, y)]
    for words, value in known:
        if np.isfinite(value) and evidence.matches(value, loss):
            return words
    return None


def _of_numbers(z: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    if z.ndim == 3 and y.ndim == 2:
        yield from _of_sequences(z, y.astype(int))
    if z.shape != y.shape:
        return
    yield "that is a mean squared error", float(np.mean((z - y) ** 2))
    error = np.abs(z - y)
    yield "that is a mean absolute error", float(np.mean(error))
    for delta in (1.0, 1.35, 0.5):
        bent = np.where(error < delta, error**2 / 2, delta * (error - delta / 2))
        yield f"that is Huber's, with δ = {as_number(delta)}", float(np.mean(bent))
    if y.min() >= 0 and y.max() <= 1:
        for which, t in (("", y), (" with targets rounded to 0 or 1", np.rint(y))):
            yield f"that is a cross-entropy on logits{which}", float(np.mean(_on_logits(z, t)))
    if z.shape[1:] == (1,):
        pairs = float(np.mean((z - y.T) ** 2))
        yield "taken over all pairs: (n, 1) and (n,) are broadcast to (n, n)", pairs


def _on_logits(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, z) - y * z


def _of_sequences(z: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield losses of a token at every position of sequences; those of -1 do not count."""
    p = log_softmax(z)
    for which, t in (
        ("", y),
        (", with targets a step late", np.roll(y, 1, axis=1)),
        (", with targets a step early", np.roll(y, -1, axis=1)),
    ):
        total = -np.take_along_axis(p, np.maximum(t, 0)[..., None], axis=-1)[t >= 0].sum()
        yield f"averaged over the positions that count{which}", float(total / (t >= 0).sum())
        yield f"averaged over all positions{which}", float(total / t.size)
        yield f"added up over the positions that count{which}", float(total)


def _of_classes(z: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    p = sigmoid(z) if z.shape[1] == 1 else softmax(z)
    entropy = _binary if z.shape[1] == 1 else _categorical
    name = "sigmoid" if z.shape[1] == 1 else "softmax"
    yield "that is a cross-entropy on logits", entropy(p, y)
    yield (
        f"computed from probabilities clipped at {_CLIP}",
        entropy(np.clip(p, _CLIP, 1 - _CLIP), y),
    )
    again = sigmoid(p) if z.shape[1] == 1 else softmax(p)
    yield f"given probabilities for logits: the {name} is applied twice", entropy(again, y)
    yield "given logits for probabilities", entropy(np.clip(z, _CLIP, 1 - _CLIP), y)
    yield "that is a cross-entropy on probabilities", entropy(z, y)
    single = z.astype(np.float32).astype(np.float64)
    rounded = (sigmoid if z.shape[1] == 1 else softmax)(single)
    yield "of logits rounded to float32", entropy(rounded, y)
    if y.ndim == 1:
        yield from _of_labels(z, p, y.astype(int))
    if y.ndim == 2:
        yield from _of_ones(z, y)
        yield "that is a mean squared error of probabilities", float(np.mean((p - y) ** 2))
        yield "of only the first term, −y log p", -float(np.mean(y * np.log(p)))
        yield "computed with targets of 1 − y", entropy(p, 1 - y)


def _of_labels(z: np.ndarray, p: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield losses of labels (n,) of several classes."""
    own, one_hot = p[np.arange(len(y)), y], np.eye(z.shape[1])[y]
    yield "of probabilities, without their logarithm", -float(np.mean(own))
    yield "that is focal, with γ = 2", -float(np.mean((1 - own) ** 2 * np.log(own)))
    for what, values in (("one-hot targets", z), ("probabilities and one-hot targets", p)):
        yield f"that is a mean squared error of {what}", float(np.mean((values - one_hot) ** 2))
        each = ((values - one_hot) ** 2).sum(axis=1)
        yield f"that is a squared error of {what}, added up over them", float(np.mean(each))


def _of_ones(z: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield losses of one output in which ones and zeros count differently, or are smoothed."""
    ones, zeros = y * np.logaddexp(0, -z), (1 - y) * np.logaddexp(0, z)
    for weight in (2, 3, 5, 10, 0.5):
        yield f"in which ones weigh {weight:g} times", float(np.mean(weight * ones + zeros))
    for by in (0.05, 0.1, 0.2):
        smooth = (1 - by) * y + by / 2
        value = smooth * np.logaddexp(0, -z) + (1 - smooth) * np.logaddexp(0, z)
        yield f"of targets smoothed by {by:g}", float(np.mean(value))


def _binary(p: np.ndarray, y: np.ndarray) -> float:
    return -float(np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def _categorical(p: np.ndarray, y: np.ndarray) -> float:
    return -float(np.mean(np.log(p[np.arange(len(y)), y.astype(int)])))


def penalty(evidence: Evidence) -> str | None:
    """L' = L + λ Σ w², with λ from the gradient: g' − g = 2 λ w."""
    (a, ours), (b, theirs) = evidence.a.loss_and_gradients, evidence.b.loss_and_gradients
    weights = evidence.a.opened.initial_weights
    for which, chosen in {
        "all weights": [True] * len(weights),
        "kernels": [w.ndim > 1 for w in weights],
    }.items():
        every = zip(ours, theirs, weights, chosen, strict=True)
        terms = [(y - x, w) for x, y, w, take in every if take]
        d, w = (np.concatenate([t[i].ravel() for t in terms]) for i in (0, 1))
        rate = float(d @ w / (2 * (w @ w))) if np.count_nonzero(w) > 1 else 0.0
        explained = evidence.matches(2 * rate * w, d)
        if rate > 0 and explained and evidence.matches(a + rate * float(w @ w), b):
            return f"{evidence.names[1]} adds a penalty of {as_number(rate)} Σ w² over {which}"
    return None


def absolute_penalty(evidence: Evidence) -> str | None:
    """L' = L + λ Σ |w|, with λ from the gradient: g' − g = λ sign w."""
    (a, ours), (b, theirs) = evidence.a.loss_and_gradients, evidence.b.loss_and_gradients
    weights = evidence.a.opened.initial_weights
    for which, chosen in {
        "all weights": list(range(len(weights))),
        "kernels": [i for i, w in enumerate(weights) if w.ndim > 1],
    }.items():
        d, w = (
            np.concatenate([x.ravel() for x in arrays])
            for arrays in ([theirs[i] - ours[i] for i in chosen], [weights[i] for i in chosen])
        )
        rate = float(np.median(d * np.sign(w)))
        explained = rate > 0 and evidence.matches(rate * np.sign(w), d)
        if explained and evidence.matches(a + rate * float(np.abs(w).sum()), b):
            return f"{evidence.names[1]} adds a penalty of {as_number(rate)} Σ |w| over {which}"
    return None


def smoothing(evidence: Evidence) -> str | None:
    """Targets of (1 − ε) y + ε/k: the loss is linear in ε."""
    z, y = evidence.a.outputs, evidence.a.batch.y
    if y.ndim != 1:  # labels of several classes
        return None
    a, b = evidence.a.loss_and_gradients[0], evidence.b.loss_and_gradients[0]
    uniform = -float(log_softmax(z).mean())
    epsilon = (b - a) / (uniform - a) if uniform not in (a, np.inf) else 0.0
    if not _LEAST <= epsilon < 1 or abs(epsilon - float(f"{epsilon:.2g}")) > 1e-6 * epsilon:
        return None  # any loss in between gives some ε; one of two digits is no accident
    ours, theirs = (x.loss_and_gradients[1][-1] for x in (evidence.a, evidence.b))
    k = z.shape[1]
    shares = np.bincount(y.astype(int), minlength=k) / len(y)
    # The last bias has the gradient mean(p) − mean(targets).
    if ours.shape != (k,) or not evidence.matches(ours + epsilon * (shares - 1 / k), theirs):
        return None
    return f"{evidence.names[1]} smooths the labels by {as_number(epsilon)}"


HYPOTHESES: tuple[Hypothesis, ...] = (
    penalty,
    absolute_penalty,
    factor,
    other_formula,
    smoothing,
)
