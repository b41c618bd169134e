"""Why the loss may differ for the same outputs and targets."""

import math
from collections.abc import Iterator

import numpy as np

from frameworks.diverge.causes.forward import ACTIVATIONS
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]

_CLIP = 1e-7  # where Keras clips probabilities


def factor(evidence: Evidence) -> str | None:
    """L' = r L with an r of known origin."""
    a, b = evidence.a.loss_and_gradients[0], evidence.b.loss_and_gradients[0]
    n, k = len(evidence.a.outputs), evidence.a.outputs[0].size
    known = {
        n * k: "a sum over rows and outputs instead of their mean",
        1 / (n * k): "a mean over rows and outputs instead of their sum",
        k: "a sum over the outputs instead of their mean",
        1 / k: "a mean over the outputs instead of their sum",
        n: "a sum over the rows instead of their mean",
        1 / n: "a mean over the rows instead of their sum",
        2 / n: "twice a mean instead of a sum",
        n / 2: "half a sum instead of a mean",
        2.0: "a factor of 2, as from a square without its ½",
        0.5: "a factor of ½",
        -1.0: "the opposite sign",
        1 / math.log(2): "a logarithm to base 2",
        1 / math.log(10): "a logarithm to base 10",
        n / max(n - 1, 1): "a division by n − 1 instead of n",
    }
    for r, words in known.items():
        if r != 1 and evidence.matches(r * a, b):
            return f"{evidence.names[1]} has {words}: the loss is {as_number(r)} times as large"
    return None


def other_formula(evidence: Evidence) -> str | None:
    """The same outputs' loss, by a formula that is mistaken for side a's."""
    b = evidence.b.loss_and_gradients[0]
    z, y = evidence.a.outputs, evidence.a.batch.y
    answers = evidence.a.side.blueprint.task.has_answers
    for words, value in (*(_of_classes(z, y) if answers else ()), *_of_numbers(z, y)):
        if np.isfinite(value) and evidence.matches(value, b):
            return f"the loss of {evidence.names[1]} is {words}"
    return None


def _of_numbers(z: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    if z.shape != y.shape:
        return
    yield "a mean squared error", float(np.mean((z - y) ** 2))
    yield "a mean absolute error", float(np.mean(np.abs(z - y)))
    if z.shape[1:] == (1,):
        pairs = float(np.mean((z - y.T) ** 2))
        yield "taken over all pairs: (n, 1) and (n,) are broadcast to (n, n)", pairs


def _of_classes(z: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    sigmoid, softmax = ACTIVATIONS["a sigmoid"], ACTIVATIONS["a softmax"]
    p = sigmoid(z) if z.shape[1] == 1 else softmax(z)
    entropy = _binary if z.shape[1] == 1 else _categorical
    name = "sigmoid" if z.shape[1] == 1 else "softmax"
    with np.errstate(divide="ignore", invalid="ignore"):
        yield (
            f"computed from probabilities clipped at {_CLIP}",
            entropy(np.clip(p, _CLIP, 1 - _CLIP), y),
        )
        again = sigmoid(p) if z.shape[1] == 1 else softmax(p)
        yield f"given probabilities for logits: the {name} is applied twice", entropy(again, y)
        yield "given logits for probabilities", entropy(np.clip(z, _CLIP, 1 - _CLIP), y)
        yield "a cross-entropy on logits", entropy(p, y)
        yield "a cross-entropy on probabilities", entropy(z, y)
        if y.ndim == 2:
            yield "a mean squared error of probabilities", float(np.mean((p - y) ** 2))
            yield "only the first term, −y log p", -float(np.mean(y * np.log(p)))
            yield "computed with targets of 1 − y", entropy(p, 1 - y)


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
        rate = float(d @ w / (2 * (w @ w))) if w.any() else 0.0
        explained = evidence.matches(2 * rate * w, d)
        if rate and explained and evidence.matches(a + rate * float(w @ w), b):
            return f"{evidence.names[1]} adds a penalty of {as_number(rate)} Σ w² over {which}"
    return None


def smoothing(evidence: Evidence) -> str | None:
    """Targets of (1 − ε) y + ε/k: the loss is linear in ε."""
    z, y = evidence.a.outputs, evidence.a.batch.y
    if y.ndim != 1:  # labels of several classes
        return None
    a, b = evidence.a.loss_and_gradients[0], evidence.b.loss_and_gradients[0]
    log_p = np.log(ACTIVATIONS["a softmax"](z))
    uniform = -float(log_p.mean())
    epsilon = (b - a) / (uniform - a) if uniform != a else 0.0
    if not 0 < epsilon < 1 or abs(epsilon - float(f"{epsilon:.2g}")) > 1e-6:
        return None  # any loss in between gives some ε; one of two digits is no accident
    return f"{evidence.names[1]} smooths the labels by {as_number(epsilon)}"


HYPOTHESES: tuple[Hypothesis, ...] = (factor, other_formula, penalty, smoothing)
