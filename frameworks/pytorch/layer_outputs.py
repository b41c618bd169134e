"""A look at what each module of a PyTorch network is given and returns."""

from typing import Any

import numpy as np
import torch
from torch import nn

from frameworks.probe import LayerOutput, kind_of
from frameworks.pytorch.dropout import channels_first, takes_images
from frameworks.pytorch.layouts import layout_of

__all__ = ["layer_outputs"]


def layer_outputs(network: nn.Module, X: torch.Tensor) -> list[LayerOutput]:
    """Run a network on X; return what each of its innermost modules computed, in call order.

    Images are returned channels-last, sequences as (n, t, d).
    """
    found: list[LayerOutput] = []
    seen: set[nn.Module] = set()
    first = False  # whether images are (n, c, h, w)

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal first
        before, first = takes_images(module) or first, channels_first(module, first)
        own = 0 if module in seen else _weights(module)
        given = _array(inputs[0], before) if inputs and torch.is_tensor(inputs[0]) else None
        values: np.ndarray | None = None
        others: tuple[np.ndarray, ...] = ()
        if isinstance(module, nn.RNNBase):
            others = _sequences(module, output)
        elif isinstance(module, nn.MultiheadAttention):
            output = output[0]
        if torch.is_tensor(output):
            values = _array(output, first)
        seen.add(module)
        found.append(LayerOutput(_kind(module), type(module).__name__, values, own, given, others))

    hooks = [module.register_forward_hook(note) for module in network.modules() if _ends(module)]
    try:
        network(X)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _ends(module: nn.Module) -> bool:
    return isinstance(module, nn.MultiheadAttention) or not list(module.children())


def _kind(module: nn.Module) -> str:
    both = isinstance(module, nn.RNNBase) and module.bidirectional
    return "bidirectional" if both else kind_of(module)


def _weights(module: nn.Module) -> int:
    count = layout_of(module).count
    if isinstance(module, nn.MultiheadAttention):
        count += layout_of(module.out_proj).count
    return count


def _array(x: torch.Tensor, channels_first: bool) -> np.ndarray:
    x = x.detach().movedim(1, -1) if channels_first and x.ndim > 2 else x.detach()
    return x.numpy().copy(order="C")


def _sequences(module: nn.RNNBase, output: Any) -> tuple[np.ndarray, ...]:
    """Return every step's output (n, t, d), unless it is packed, and the last states (n, d)."""
    steps, last = output
    h = last[0] if isinstance(last, tuple) else last
    states = _array(torch.cat(list(h), dim=-1), False)
    if not torch.is_tensor(steps):
        return (states,)
    return _array(steps if module.batch_first else steps.transpose(0, 1), False), states
