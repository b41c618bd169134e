"""Weights of rows in a PyTorch loss: each row's own loss is multiplied, the divisor stays."""

from copy import copy
from typing import Any

import torch
from torch import nn

__all__ = ["has_losses_of_rows", "require_losses_of_rows", "weighted_loss"]


def has_losses_of_rows(loss: Any) -> bool:
    """Return whether a loss is a module that can be told not to reduce the losses of its rows."""
    return isinstance(loss, nn.Module) and hasattr(loss, "reduction")


def require_losses_of_rows(loss: Any) -> None:
    """Raise ValueError for a loss, such as a function, of which only the mean or sum is known."""
    if not has_losses_of_rows(loss):
        raise _no_losses_of_rows(loss)


def weighted_loss(loss: Any, output: Any, targets: Any, w: torch.Tensor) -> torch.Tensor:
    """Return the sum or mean of wᵢ ℓᵢ, for row weights w (n,); with weights of 1, the loss itself.

    A loss of sequences may keep the steps, (n, t), or have them one after the other, (n t,).
    Raises ValueError if the loss reduces the losses of its rows although it is told not to.
    """
    rows = copy(loss)
    rows.reduction = "none"
    each = rows(output, targets)
    if each.ndim == 0 or len(each) % len(w):
        raise _no_losses_of_rows(loss)
    w = w.repeat_interleave(len(each) // len(w))
    weighted = each * w.reshape(-1, *[1] * (each.ndim - 1))
    return weighted.sum() / _divisor(loss, each, targets)


def _divisor(loss: Any, each: torch.Tensor, targets: Any) -> Any:
    """Return what a loss divides the sum of its elements by, as without weights of the rows.

    Of classes, PyTorch averages over those that are not ignored, by the weights of the classes:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    """
    if loss.reduction == "sum":
        return 1
    if loss.reduction == "batchmean":
        return len(each)
    if not isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss) or targets.is_floating_point():
        return each.numel()
    counted = targets[targets != loss.ignore_index]
    return counted.numel() if loss.weight is None else loss.weight[counted].sum()


def _no_losses_of_rows(loss: Any) -> ValueError:
    name = getattr(loss, "__name__", type(loss).__name__)
    return ValueError(
        f"sample_weight, class_weight: PyTorch's loss {name} does not return the loss of each row "
        "to be weighted; use a module of torch.nn, such as nn.MSELoss(), or one of your own that "
        "returns them where its `reduction` is 'none'"
    )
