"""Where PyTorch's objects keep arrays beside a model; see `frameworks.live.kept_beside`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

__all__ = ["attributes_of_weights", "inner_of", "is_numbers", "parts_of_module"]

_OWN = ("state", "param_groups", "defaults")  # of an optimizer
_AVERAGES = {"ax"}  # of the weights, in the state of PyTorch's own optimizers: ASGD's


def is_numbers(x: Any) -> bool:
    """Return whether this is a tensor or an array of floating-point numbers."""
    if isinstance(x, torch.Tensor):
        return x.is_floating_point()
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def parts_of_module(x: Any) -> Mapping[str, Any] | None:
    """Return the weights of a module, then its buffers, by name; None for anything else."""
    if not isinstance(x, nn.Module):
        return None
    buffers = {name: each for name, each in x.named_buffers() if each.is_floating_point()}
    return {**dict(x.named_parameters()), **buffers}


def inner_of(x: Any) -> list[tuple[str, Any]] | None:
    """Return what an optimizer holds; of its state, if it is PyTorch's own, averages alone."""
    if not isinstance(x, Optimizer):
        return None
    held = [(name, each) for name, each in vars(x).items() if name not in _OWN]
    states = [x.state.get(p, {}) for group in x.param_groups for p in group["params"]]
    names = dict.fromkeys(name for state in states for name in state)
    if type(x).__module__.startswith("torch.optim."):
        names = dict.fromkeys(names.keys() & _AVERAGES)
    return [*held, *((name, [state.get(name) for state in states]) for name in names)]


def attributes_of_weights(weights: Sequence[nn.Parameter]) -> list[tuple[str, Any]]:
    """Return the tensors that weights have as attributes, by name, and their hooks."""
    names = dict.fromkeys(name for p in weights for name in vars(p))
    attributes = [(name, [vars(p).get(name) for p in weights]) for name in names]
    return [*attributes, *(("", p._backward_hooks) for p in weights)]
