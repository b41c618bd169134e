"""What a builder's objects keep beside weights and `state_dict`: in attributes, or around hooks.

A builder makes the same objects at every call. What they keep is copied with places instead of
them, and so can be given to those of another call.
"""

import inspect
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from frameworks.pytorch.plain import (
    CONSTANT,
    Place,
    Returned,
    Taken,
    attributes_of,
    is_global,
    is_object,
    is_plain,
)

__all__ = ["Kept", "kept_by_layers", "kept_by_training", "reached_from", "set_kept"]

_PYTORCH = (nn.Module, Optimizer, LRScheduler, GradScaler)
_STOCK_MODULE = {*vars(nn.Module())} - {"_buffers"}
_STOCK_OPTIMIZER = {*vars(torch.optim.SGD([torch.zeros(1, requires_grad=True)]))}
_IN_STATE_DICT = {"state", "param_groups", "defaults"}
_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")  # of parameters


class Kept(NamedTuple):
    """Copies of what objects hold, by their places, and the generators that cannot be copied."""

    slots: list[tuple[Place, Any, Any]]  # holder, name and copy of what it holds there
    names: list[tuple[Place, set[str]]]  # of all attributes of objects
    generators: list[str]  # that have begun


class _Graph:
    """The objects reached from a builder's: those of its layers, then those of their training."""

    def __init__(self, parts: Any, shared: Iterable[Any]) -> None:
        self.places: dict[int, Place] = {}  # by the identity of what is there
        self._shared = {id(x): x for x in shared}
        parameters, networks, others = _roots(parts)
        for i, x in enumerate(parameters):
            self._place((i,), x)
        start = [*enumerate(networks, len(parameters))]
        self.layers, later = self._follow([((i,), x) for i, x in start], later=())
        later += [((i,), x) for i, x in enumerate(others, len(parameters) + len(networks))]
        hooks = [((i, name), getattr(x, name)) for i, x in enumerate(parameters) for name in _HOOKS]
        self.training, _ = self._follow(later + hooks, later=None)

    def _place(self, path: tuple[Any, ...], x: Any) -> None:
        self.places[id(x)] = Place(path, _kind(x))

    def _follow(self, ahead: Iterable[Any], later: Any) -> tuple[list[Any], list[Any]]:
        """Return the objects that hold others, and, unless `later` is None, whose turn is later."""
        holders, left, ahead = list[Any](), list[Any](), deque(ahead)
        while ahead:
            path, x = ahead.popleft()
            if id(x) in self.places or id(x) in self._shared or not _holds(x):
                continue
            if later is not None and isinstance(x, Optimizer | LRScheduler):
                left.append((path, x))
                continue
            self._place(path, x)
            holders.append(x)
            slots = _slots(x).items()
            ahead += [((*path, k), v) for k, v in slots if not is_plain(v, self.places)]
        return holders, left

    def kept_by(self, holders: Sequence[Any]) -> Kept:
        """Return what some of the objects hold."""
        taken, slots, generators = Taken(self.places), list[Any](), list[str]()
        objects = [x for x in holders if _has_attributes(x)]
        names = [(self.places[id(x)], {*attributes_of(x)}) for x in objects]
        for holder in holders:
            for name, x in _slots(holder).items():
                if isinstance(x, GeneratorType):
                    begun = inspect.getgeneratorstate(x) != inspect.GEN_CREATED
                    generators += [x.__name__] * begun
                elif not (id(x) in self._shared or id(x) in self.places or _is_stock(holder, name)):
                    if is_plain(x, self.places):
                        slots.append((self.places[id(holder)], name, taken(x)))
        return Kept(slots, names, generators)


def kept_by_layers(parts: Any, shared: Iterable[Any]) -> Kept:
    """Return what is reached from networks, but not through an optimizer or a schedule."""
    graph = _Graph(parts, shared)
    return graph.kept_by(graph.layers)


def kept_by_training(parts: Any, shared: Iterable[Any]) -> Kept:
    """Return what is reached from the rest of what a builder returned, or by hooks of gradients."""
    graph = _Graph(parts, shared)
    return graph.kept_by(graph.training)


def set_kept(parts: Any, kept: Kept) -> None:
    """Give the objects of a builder what was kept, by themselves or by those of another call.

    Raises TypeError if they have another structure.
    """
    roots = [x for each in _roots(parts) for x in each]

    def in_place(place: Place) -> Any:
        x = roots[place.path[0]]
        for name in place.path[1:]:
            x = _slots(x).get(name)
        if _kind(x) != place.kind:
            raise TypeError(
                f"build: a {place.kind} was made in the course of the training, and cannot be "
                "restored; make it in the builder"
            )
        return x

    for place, names in kept.names:
        holder = in_place(place)
        for name in {*attributes_of(holder)} - names:
            object.__delattr__(holder, name)
    returned = Returned(in_place)
    for place, name, copy in kept.slots:
        holder = in_place(place)
        there = _slots(holder).get(name)
        given = returned(copy, there)
        if given is not there:
            _set(holder, name, given)


def reached_from(build: Any) -> list[Any]:
    """Return what a builder knows before it is called, and so no training has for itself."""
    function = inspect.unwrap(build.func if isinstance(build, partial) else build)
    known = getattr(getattr(function, "__func__", function), "__globals__", {}).values()
    found = {id(x): x for x in known if not isinstance(x, (*CONSTANT, tuple))}
    seen, ahead = dict[int, Any](), [build]
    while ahead:
        x = ahead.pop()
        if id(x) not in seen and x is not None and not isinstance(x, CONSTANT):
            seen[id(x)] = x
            ahead += _slots(x).values() if _holds(x) else ()
    return [*found.values(), *(x for x in seen.values() if not isinstance(x, tuple))]


def _roots(parts: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return parameters, networks, and all else that a builder returned."""
    parameters = [p for network in parts.networks for p in network.parameters()]
    return parameters, [*parts.networks], [*parts.optimizers, *parts]


def _holds(x: Any) -> bool:
    """Return whether something is followed to what it holds."""
    if isinstance(x, (*_PYTORCH, MethodType, CellType, partial, dict, list, tuple, deque)):
        return True
    if isinstance(x, FunctionType):
        return not is_global(x)
    if isinstance(x, BuiltinFunctionType):
        return not (x.__self__ is None or isinstance(x.__self__, ModuleType | type))
    return is_object(x)


def _slots(x: Any) -> dict[Any, Any]:
    """Return what an object holds, by names that are the same for every call of a builder."""
    if isinstance(x, nn.Parameter):
        return {name: getattr(x, name) for name in _HOOKS}
    if isinstance(x, FunctionType):
        around = {("around", i): cell for i, cell in enumerate(x.__closure__ or ())}
        defaults = {"__defaults__": x.__defaults__, "__kwdefaults__": x.__kwdefaults__}
        return around | defaults | attributes_of(x)
    if isinstance(x, MethodType):
        return {"__self__": x.__self__, "__func__": x.__func__}
    if isinstance(x, BuiltinFunctionType):
        return {"__self__": x.__self__}
    if isinstance(x, partial):
        return {"func": x.func, "args": x.args, "keywords": x.keywords}
    if isinstance(x, CellType):
        try:
            return {"cell_contents": x.cell_contents}
        except ValueError:  # not assigned yet
            return {}
    if isinstance(x, dict):
        return {**dict(enumerate(x.values())), **attributes_of(x)}
    if isinstance(x, list | tuple | deque):
        return {**dict(enumerate(x)), **attributes_of(x)}
    if isinstance(x, Optimizer):
        return {k: v for k, v in vars(x).items() if k not in _IN_STATE_DICT}
    return attributes_of(x)


def _set(holder: Any, name: Any, x: Any) -> None:
    if isinstance(name, int) and isinstance(holder, dict | list | deque):
        if name >= len(holder):
            raise TypeError(
                f"build: a {type(holder).__name__} of modules grew in the course of the training, "
                "and cannot be restored; keep what it is given in another"
            )
        holder[[*holder][name] if isinstance(holder, dict) else name] = x
    elif isinstance(holder, nn.Module | Optimizer):
        vars(holder)[name] = x
    elif not isinstance(holder, tuple | partial | MethodType | BuiltinFunctionType):
        object.__setattr__(holder, name, x)


def _is_stock(holder: Any, name: Any) -> bool:
    """Return whether an attribute is one of PyTorch's own, which is none of what a user keeps."""
    stock = _STOCK_MODULE if isinstance(holder, nn.Module) else _STOCK_OPTIMIZER
    return isinstance(holder, nn.Module | Optimizer) and name in stock


def _has_attributes(x: Any) -> bool:
    return isinstance(x, nn.Module) or (is_object(x) and not isinstance(x, Optimizer))


def _kind(x: Any) -> str:
    return f"function {x.__qualname__}" if isinstance(x, FunctionType) else type(x).__name__
