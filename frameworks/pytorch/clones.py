"""Clones of weights that are kept beside a model: slow ones of an optimizer, a teacher, a mean."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

__all__ = ["Clones"]

_Pairs = list[tuple[torch.Tensor, torch.Tensor]]  # what may be a clone, and the parameter


class Clones:
    """Lets what is a clone of a model's weights when other weights are handed over be one after it.

    Clones are a list or a dictionary of tensors, entries of an optimizer's state, or a module, that
    hold all the numbers of the parameters of the model, or of a group.
    """

    def __init__(self, model: nn.Module, optimizer: Any, held: Iterable[Any]) -> None:
        groups = [[*group["params"]] for group in optimizer.param_groups]
        known = [*groups, [p for group in groups for p in group], [*model.parameters()]]
        found = [tensors for x in held for tensors in _tensors_of(x)]
        self._families = [
            pairs for tensors in found for own in known if (pairs := _pairs(tensors, own))
        ]

    @contextmanager
    def following(self) -> Iterator[None]:
        """Write new weights into a model inside of this."""
        equal = [pairs for pairs in self._families if _are_clones(pairs)]
        yield
        with torch.no_grad():
            for clone, parameter in (pair for pairs in equal for pair in pairs):
                clone.copy_(parameter)


def _tensors_of(x: Any) -> Iterator[Sequence[Any]]:
    """Yield the tensors that an object holds, in their order."""
    if isinstance(x, nn.Module):
        yield [*x.parameters()]
    elif isinstance(x, Optimizer):
        states = [*x.state.values()]
        for name in states[0] if states else ():
            yield [state.get(name) for state in states]
    elif isinstance(x, list | tuple | dict):
        yield [*x.values()] if isinstance(x, dict) else x


def _pairs(tensors: Sequence[Any], parameters: Sequence[torch.Tensor]) -> _Pairs:
    """Return what is paired by its order, if all has the shapes of other tensors' parameters."""
    if len(tensors) != len(parameters):
        return []
    pairs = [*zip(tensors, parameters, strict=True)]
    fit = all(isinstance(a, torch.Tensor) and a is not b and a.shape == b.shape for a, b in pairs)
    return pairs if fit else []


def _are_clones(pairs: _Pairs) -> bool:
    """Return whether all are equal; numbers that are all alike, such as zeros, tell nothing."""
    telling = any(p.numel() > 1 and bool((p != p.flatten()[0]).any()) for _, p in pairs)
    return telling and all(torch.equal(a, b) for a, b in pairs)
