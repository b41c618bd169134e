"""What an optimizer of one's own keeps in attributes, such as a count, beside its `state_dict`."""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch

__all__ = ["OwnAttributes", "own_attributes", "set_own_attributes"]

_STOCK = {*vars(torch.optim.SGD([torch.zeros(1, requires_grad=True)]))}
_PLAIN = bool | int | float | complex | str | bytes | np.ndarray | np.generic | np.random.Generator


class _Place:
    """Stands for a parameter of the network, whichever that is."""


class OwnAttributes(NamedTuple):
    """Copies of the attributes of each optimizer, with places for parameters in their order."""

    places: list[_Place]
    of_optimizers: list[dict[str, Any]]


def own_attributes(
    optimizers: Iterable[torch.optim.Optimizer], parameters: Sequence[torch.Tensor]
) -> OwnAttributes:
    """Return what optimizers keep in attributes of numbers, tensors, and collections of them."""
    places = [_Place() for _ in parameters]
    memo: dict[int, Any] = {id(p): each for p, each in zip(parameters, places, strict=True)}
    found = []
    for optimizer in optimizers:
        own = {name: x for name, x in vars(optimizer).items() if name not in _STOCK and _is_data(x)}
        found.append(deepcopy(own, memo))
    return OwnAttributes(places, found)


def set_own_attributes(
    optimizers: Iterable[torch.optim.Optimizer],
    parameters: Sequence[torch.Tensor],
    kept: OwnAttributes,
) -> None:
    """Restore what `own_attributes` returned, to optimizers of the same parameters or others."""
    memo = {id(each): p for p, each in zip(parameters, kept.places, strict=True)}
    for optimizer, own in zip(optimizers, kept.of_optimizers, strict=True):
        vars(optimizer).update(deepcopy(own, memo))


def _is_data(x: Any) -> bool:
    """Return whether something is made of numbers and tensors alone: no hook, module, schedule."""
    if isinstance(x, torch.Tensor):
        return x.is_leaf  # others cannot be copied
    if type(x) in (dict, OrderedDict, defaultdict):
        made_by = getattr(x, "default_factory", None)
        return isinstance(made_by, type | None) and all(map(_is_data, (*x.keys(), *x.values())))
    if type(x) in (list, tuple, set, deque):
        return all(map(_is_data, x))
    return x is None or isinstance(x, _PLAIN)
