"""What a PyTorch loss says of itself: a module, or a function of `torch.nn.functional`."""

from typing import Any

import torch
from torch import nn

from frameworks.live.stating import Entry, facts
from frameworks.recordings.trace import Facts

__all__ = ["loss_facts"]

Entries = dict[str, Entry]

_CATEGORICAL, _BINARY = "categorical cross-entropy", "binary cross-entropy"
_KINDS = {
    "CrossEntropyLoss": _CATEGORICAL,
    "NLLLoss": _CATEGORICAL,
    "BCEWithLogitsLoss": _BINARY,
    "BCELoss": _BINARY,
    "MSELoss": "mean squared error",
    "L1Loss": "mean absolute error",
    "HuberLoss": "huber",
    "SmoothL1Loss": "huber",
    "KLDivLoss": "kl divergence",
    "PoissonNLLLoss": "poisson",
    "CosineEmbeddingLoss": "cosine",
    "GaussianNLLLoss": "gaussian negative log-likelihood",
    "MultiMarginLoss": "margin",
    "MultiLabelSoftMarginLoss": "binary cross-entropy of labels",
}
_TAKES = {
    "CrossEntropyLoss": "logits",
    "BCEWithLogitsLoss": "logits",
    "NLLLoss": "log-probabilities",
    "BCELoss": "probabilities",
    "KLDivLoss": "log-probabilities",
}
_FUNCTIONS: dict[str, Any] = {
    "cross_entropy": nn.CrossEntropyLoss,
    "nll_loss": nn.NLLLoss,
    "binary_cross_entropy_with_logits": nn.BCEWithLogitsLoss,
    "binary_cross_entropy": nn.BCELoss,
    "mse_loss": nn.MSELoss,
    "l1_loss": nn.L1Loss,
    "huber_loss": nn.HuberLoss,
    "smooth_l1_loss": nn.SmoothL1Loss,
    "kl_div": nn.KLDivLoss,
    "poisson_nll_loss": nn.PoissonNLLLoss,
}


def loss_facts(loss: Any, logits: bool | None = None) -> Facts:
    """Return the facts of a loss; a function's are those of its module with its defaults.

    `logits` is of no meaning here: a PyTorch loss takes what it is given.
    """
    if not isinstance(loss, nn.Module):
        made = _FUNCTIONS.get(getattr(loss, "__name__", ""))
        if made is None:
            return facts(getattr(loss, "__name__", type(loss).__name__), {})
        loss = made()
    name = next((c.__name__ for c in type(loss).__mro__ if c.__name__ in _KINDS), "")
    kind = _KINDS.get(name, type(loss).__name__)
    entries: Entries = {"reduction": _reduction(kind, getattr(loss, "reduction", "mean"))}
    if name in _TAKES:
        entries["takes"] = _TAKES[name], name
    if kind in (_CATEGORICAL, _BINARY):
        entries |= _cross_entropy(loss)
    if kind == "huber":
        entries |= _huber(loss)
    if kind == "poisson":
        entries |= _poisson(loss)
    if kind == "cosine":
        entries["offset"] = 1.0, "1 − cos"
    return facts(kind, entries)


def _poisson(loss: Any) -> Entries:
    """Return what its outputs are; of rates, what is added to them under the logarithm."""
    said = f"log_input={loss.log_input}"
    entries: Entries = {"takes": ("logarithms" if loss.log_input else "rates", said)}
    if not loss.log_input:
        entries["epsilon"] = loss.eps, f"eps={loss.eps}"
    if loss.full:
        entries["full"] = True, "full=True"
    return entries


def _reduction(kind: str, reduction: str) -> Entry:
    """Return over what is summed; the mean of a divergence is over rows and classes."""
    said = f"reduction={reduction!r}"
    if kind == "kl divergence":
        own = {"batchmean": "mean", "mean": "mean over rows and classes"}
        return own.get(reduction, reduction), said
    return reduction, said


def _cross_entropy(loss: Any) -> Entries:
    smoothing = float(getattr(loss, "label_smoothing", 0.0))
    entries: Entries = {"smoothing": (smoothing, f"label_smoothing={smoothing}")}
    if loss.weight is not None:
        entries["class_weights"] = _numbers(loss.weight), f"weight={_numbers(loss.weight)}"
    if (positive := getattr(loss, "pos_weight", None)) is not None:
        entries["class_weights"] = (1.0, *_numbers(positive)), f"pos_weight={_numbers(positive)}"
    if getattr(loss, "ignore_index", -100) != -100:
        entries["ignored"] = loss.ignore_index, f"ignore_index={loss.ignore_index}"
    if isinstance(loss, nn.BCELoss):
        entries["least_logarithm"] = -100.0, "logarithms from −100 on"
    return entries


def _huber(loss: Any) -> Entries:
    """A smooth L1 loss is Huber's, divided by its β."""
    if isinstance(loss, nn.SmoothL1Loss):
        beta = float(loss.beta)
        return {"delta": (beta, f"beta={beta}"), "divisor": (beta, f"a division by beta={beta}")}
    delta = float(loss.delta)
    return {"delta": (delta, f"delta={delta}"), "divisor": (1.0, "no division by δ")}


def _numbers(tensor: torch.Tensor) -> tuple[float, ...]:
    return tuple(tensor.detach().reshape(-1).tolist())
