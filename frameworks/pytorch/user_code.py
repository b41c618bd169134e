"""The user's model and loss, called and differentiated: what they raise becomes one sentence."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from frameworks.errors import RequestError
from frameworks.pytorch.row_weights import has_losses_of_rows, weighted_loss

__all__ = ["compute_loss", "differentiate", "reason", "run_model"]

Tensors = Sequence[torch.Tensor]


def run_model(model: nn.Module, X: Tensors) -> Any:
    """Return what a model makes of its inputs; RequestError if it fails."""
    try:
        return model(*X)
    except RequestError:
        raise
    except Exception as error:  # of whatever kind a user's module raises
        shapes = " and ".join(str(tuple(x.shape[1:])) for x in X)
        mode = " in training mode" if model.training else ""
        raise RequestError(
            f"the PyTorch model fails{mode} on rows of shape {shapes}: {reason(error)}"
        ) from error


def compute_loss(loss: Any, output: Any, y: Tensors, w: torch.Tensor | None) -> torch.Tensor:
    """Return the user's loss, of one number; with row weights, its sum or mean over wᵢ ℓᵢ.

    A mean divides by what it divides by without them: with equal weights of 1 it is the loss.

    Several losses are one for each output, and are added. One loss is given the single output and
    target, or all of them. RequestError if it fails, or is no number that has a gradient.
    """
    try:
        value = _loss(loss, output, y, w)
    except RequestError:
        raise
    except Exception as error:  # of whatever kind a user's loss raises
        shapes = " and ".join(str(tuple(t.shape)) for t in y)
        raise RequestError(
            f"the PyTorch loss does not take these targets, of shape {shapes}: {reason(error)}"
        ) from error
    if not isinstance(value, torch.Tensor):
        returned = type(value).__name__
        raise RequestError(f"the PyTorch loss must return a tensor, but returned {returned}")
    if value.numel() != 1:
        shape = tuple(value.shape)
        raise RequestError(
            f"the PyTorch loss must return one number, but returned a tensor of shape {shape}: let "
            "it return its mean"
        )
    if torch.is_grad_enabled() and not value.requires_grad:
        raise RequestError(
            "the PyTorch loss has no gradient: it is computed from detached outputs, or under "
            "no_grad"
        )
    return value


def differentiate(loss: torch.Tensor) -> None:
    """Add the gradients of a loss to the parameters' own; RequestError if a backward pass fails."""
    try:
        loss.backward()
    except RequestError:
        raise
    except Exception as error:  # of whatever kind a user's backward pass or hook raises
        raise RequestError(
            f"the backward pass of the PyTorch side fails: {reason(error)}"
        ) from error


def _loss(loss: Any, output: Any, y: Tensors, w: torch.Tensor | None) -> Any:
    if isinstance(loss, list | tuple):
        parts = zip(loss, output, y, strict=True)
        return torch.stack([_loss(each, a, [b], w) for each, a, b in parts]).sum()
    targets = y[0] if len(y) == 1 else tuple(y)
    if w is None:
        return loss(output, targets)
    if not has_losses_of_rows(loss):
        raise RequestError("sample_weight needs a loss of torch.nn with a reduction")
    return weighted_loss(loss, output, targets, w)


def reason(error: Exception) -> str:
    """Return the first line of what an error says, or its type."""
    return str(error).partition("\n")[0] or type(error).__name__
