"""The stock schedulers of a builder, which knows them only by what calls their `step`."""

from collections.abc import Iterable, Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

__all__ = ["schedulers_within"]


def schedulers_within(*holders: Any) -> list[LRScheduler]:
    """Return the schedulers that optimizers, their hooks or a step hold, as they are reached.

    They are looked for in attributes, in collections and in the variables around functions, not
    among global ones. A scheduler's own schedulers are part of its state.
    """
    found, seen, ahead = list[LRScheduler](), dict[int, Any](), [*holders]
    while ahead:
        each = ahead.pop()
        if id(each) in seen:
            continue
        seen[id(each)] = each  # kept, so that no other object gets its identity
        if isinstance(each, LRScheduler):
            found.append(each)
        else:
            ahead += _held(each)
    return found


def _held(holder: Any) -> Iterable[Any]:
    """Return what an object refers to by attributes, items or variables around it."""
    if isinstance(holder, type | ModuleType | torch.Tensor | str | bytes):
        return ()
    if isinstance(holder, MethodType):
        return holder.__self__, holder.__func__
    if isinstance(holder, partial):
        return holder.func, holder.args, holder.keywords
    if isinstance(holder, FunctionType):
        return *_around(holder), holder.__defaults__, holder.__kwdefaults__
    if isinstance(holder, dict):
        return holder.values()
    if isinstance(holder, list | tuple | set):
        return holder
    return getattr(holder, "__dict__", {}).values()


def _around(function: FunctionType) -> Iterator[Any]:
    """Yield the variables around a function that are assigned."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
