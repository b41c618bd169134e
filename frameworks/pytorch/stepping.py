"""One step of a live PyTorch training, as the user's own loop takes it."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from frameworks.errors import RequestError
from frameworks.live.model import Training

__all__ = ["loss_of", "step_schedule", "take_step"]

Tensors = Sequence[torch.Tensor]


def loss_of(loss: Any, output: Any, y: Tensors, w: torch.Tensor | None) -> torch.Tensor:
    """Return the user's loss; with row weights, its sum or mean over wᵢ ℓᵢ.

    Several losses are one for each output, and are added. One loss is given the single output and
    target, or all of them.
    """
    if isinstance(loss, list | tuple):
        parts = zip(loss, output, y, strict=True)
        return torch.stack([loss_of(each, a, [b], w) for each, a, b in parts]).sum()
    targets = y[0] if len(y) == 1 else tuple(y)
    if w is None:
        return loss(output, targets)
    if not isinstance(loss, nn.Module) or not hasattr(loss, "reduction"):
        raise RequestError("sample_weight needs a loss of torch.nn with a reduction")
    rows = copy.copy(loss)
    rows.reduction = "none"
    each = rows(output, targets)
    weighted = each * w.reshape(-1, *[1] * (each.ndim - 1))
    return weighted.sum() if loss.reduction == "sum" else weighted.mean()


def take_step(training: Training, X: Tensors, y: Tensors, w: torch.Tensor | None) -> float:
    """Take one optimizer step, and one of the schedule if it follows batches; return the loss."""
    network, optimizer = training.model.train(), training.optimizer
    if training.step is not None:
        inputs, targets = (each[0] if len(each) == 1 else tuple(each) for each in (X, y))
        value = training.step(network, optimizer, training.loss, inputs, targets)
    else:
        losses: list[torch.Tensor] = []

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            losses.append(loss_of(training.loss, network(*X), y, w))
            losses[-1].backward()
            return losses[-1]

        if isinstance(optimizer, torch.optim.LBFGS):  # which calls it as often as it likes
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        value = losses[0]
    loss = float(value.detach() if isinstance(value, torch.Tensor) else value)
    if training.step_on == "batch":
        step_schedule(training.scheduler, loss)
    return loss


def step_schedule(scheduler: Any, loss: float) -> None:
    """Step the schedule; one that waits for a plateau is given the loss."""
    if scheduler is None:
        return
    with warnings.catch_warnings():  # the copy's optimizer has not been wrapped by the schedule
        warnings.filterwarnings("ignore", message=".*optimizer.step()")
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(loss)
        else:
            scheduler.step()
