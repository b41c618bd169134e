"""Set one fact of a PyTorch object: on a copy, to try a remedy."""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

__all__ = ["set_fact", "set_of_group"]

_MODULES = {
    "epsilon": "eps",
    "rate": "p",
    "slope": "negative_slope",
    "alpha": "alpha",
    "threshold": "threshold",
}
_LOSSES = {"smoothing": "label_smoothing", "delta": "delta", "ignored": "ignore_index"}
_OPTIMIZERS = {
    "learning_rate": "lr",
    "momentum": "momentum",
    "nesterov": "nesterov",
    "dampening": "dampening",
    "rho": "alpha",
    "epsilon": "eps",
    "amsgrad": "amsgrad",
    "centered": "centered",
    "momentum_decay": "momentum_decay",
    "rate_decay": "lr_decay",
    "maximize": "maximize",
}


def set_fact(thing: Any, name: str, value: Any) -> bool:
    """Set a fact of a module, a loss or an optimizer by its canonical name; return if it could be.

    Of an optimizer it is set in every parameter group.
    """
    if isinstance(thing, Optimizer):
        return all([set_of_group(thing, group, name, value) for group in thing.param_groups])
    if isinstance(thing, nn.Module):
        return _set_of_module(thing, name, value)
    return False


def set_of_group(optimizer: Optimizer, group: dict[str, Any], name: str, value: Any) -> bool:
    """Set a fact of one parameter group of an optimizer; return if it could be."""
    if name in ("coupled_decay", "decoupled_decay"):
        decoupled = type(optimizer).__name__ == "AdamW" or group.get("decoupled_weight_decay")
        if bool(decoupled) != (name == "decoupled_decay"):
            return False
        group["weight_decay"] = value or 0.0
        return True
    if name in ("beta_1", "beta_2") and "betas" in group:
        first, second = group["betas"]
        group["betas"] = (value, second) if name == "beta_1" else (first, value)
        return True
    own = "rho" if name == "rho" and "rho" in group else _OPTIMIZERS.get(name)
    if own is None or own not in group:
        return False
    if own == "lr" and isinstance(group[own], torch.Tensor):
        group[own].fill_(value)
    else:
        group[own] = value
    return True


def _set_of_module(module: nn.Module, name: str, value: Any) -> bool:
    if name == "frozen":
        for parameter in module.parameters():
            parameter.requires_grad_(not value)
        return True
    if name == "keep" and isinstance(module, nn.modules.batchnorm._NormBase):
        module.momentum = None if value == "cumulative" else 1 - value
        return True
    if name == "approximate" and isinstance(module, nn.GELU):
        module.approximate = "tanh" if value else "none"
        return True
    if name == "axis" and hasattr(module, "dim"):
        module.dim = value
        return True
    if name == "reduction" and hasattr(module, "reduction"):
        return _set_reduction(module, value)
    own = _MODULES.get(name, _LOSSES.get(name))
    if own is None or not hasattr(module, own):
        return False
    setattr(module, own, value)
    return True


def _set_reduction(loss: Any, value: str) -> bool:
    own = {"mean": "mean", "sum": "sum", "none": "none"}
    if isinstance(loss, nn.KLDivLoss):
        own |= {"mean": "batchmean", "mean over rows and classes": "mean"}
    if value not in own:
        return False
    loss.reduction = own[value]
    return True
