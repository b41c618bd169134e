"""What a loss of scratch says of itself."""

from typing import Any

import scratch
from frameworks.live.stating import Entry, facts
from frameworks.recordings.trace import Facts

__all__ = ["loss_facts"]

Entries = dict[str, Entry]

_KINDS: dict[type, str] = {
    scratch.CategoricalCrossEntropy: "categorical cross-entropy",
    scratch.BinaryCrossEntropy: "binary cross-entropy",
    scratch.MeanSquaredError: "mean squared error",
    scratch.SumSquaredError: "mean squared error",
    scratch.HalfSquaredError: "half squared error",
    scratch.MeanAbsoluteError: "mean absolute error",
    scratch.Huber: "huber",
    scratch.KLDivergence: "kl divergence",
    scratch.CosineLoss: "cosine",
    scratch.PerceptronLoss: "perceptron",
}


def loss_facts(loss: Any, logits: bool | None = None) -> Facts:
    """Return the facts of a loss; cross-entropies take logits, whatever `logits` says."""
    name = type(loss).__name__
    if isinstance(loss, scratch.SequenceLoss):
        return _of_sequences(loss)
    if isinstance(loss, scratch.WeightedMean):  # without weights of rows, the loss inside
        return loss_facts(loss.loss, logits)
    kind = _KINDS.get(type(loss), name)
    summed = type(loss) in (scratch.SumSquaredError, scratch.HalfSquaredError)
    entries: Entries = {"reduction": ("sum" if summed else "mean", name)}
    if kind.endswith("cross-entropy"):
        entries |= _cross_entropy(loss)
    if isinstance(loss, scratch.Huber):
        entries |= {"delta": (loss.delta, f"δ={loss.delta}"), "divisor": (1.0, "no division by δ")}
    if isinstance(loss, scratch.KLDivergence):
        entries["takes"] = "probabilities", name
        entries |= {"clip": (loss.clip, f"clip={loss.clip}")} if loss.clip else {}
    if isinstance(loss, scratch.CosineLoss):
        entries["offset"] = loss.offset, f"offset={loss.offset}"
    return facts(kind, entries)


def _cross_entropy(loss: Any) -> Entries:
    entries: Entries = {
        "takes": ("logits", type(loss).__name__),
        "smoothing": (loss.smoothing, f"smoothing={loss.smoothing}"),
    }
    if loss.v is not None:
        weights = tuple(loss.v.tolist())
        name = "weights_of_rows"
        if getattr(loss, "weighted_mean", False) or loss.v.shape == (2,):
            name = "class_weights"
        entries[name] = weights, f"class_weights={weights}"
    if getattr(loss, "sum_over_rows", False):
        entries["reduction"] = "mean of the rows' sums", "sum_over_rows=True"
    return entries


def _of_sequences(loss: scratch.SequenceLoss) -> Facts:
    inner = loss_facts(loss.loss)
    entries = {name: (value, inner.said[name]) for name, value in inner.values.items()}
    if loss.ignore is not None:
        entries["ignored"] = loss.ignore, f"ignore={loss.ignore}"
    if loss.over == "all":
        entries["divided_by"] = "all steps", "over='all'"
    return facts(inner.kind, entries)
