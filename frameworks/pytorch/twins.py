"""Copies of objects of PyTorch's and a user's that refer to each other, and to no original."""

import copy
from collections.abc import Iterator
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch.nn import Module
from torch.optim import Optimizer

__all__ = ["Twins", "with_variables"]


class Twins:
    """Copies objects with all they hold; what two of them share, their copies share.

    `deepcopy` leaves three things at the originals: the attributes and hooks of optimizers, methods
    that were replaced on one, and what functions, such as hooks, know by the variables around them.
    """

    def __init__(self) -> None:
        self._memo: dict[int, Any] = {}

    def __call__(self, original: Any) -> Any:
        """Return the copy of an object; the same one each time."""
        twin = copy.deepcopy(original, self._memo)
        self._complete_optimizers()
        for holder in self.copied():
            self._rebind(holder)
        return twin

    def functions(self) -> Iterator[FunctionType]:
        """Yield the functions that copies hold, and those by which their classes do their work."""
        for holder in self.copied():
            yield from (f for _, f in _slots(holder) if isinstance(f, FunctionType))
            for name in ("forward", "step", "__call__"):
                function = getattr(type(holder), name, None)
                if isinstance(function, FunctionType):
                    yield function

    def cast(self, dtype: torch.dtype) -> None:
        """Cast all tensors, where they are; the step counts of optimizers stay as they are."""
        copied = self.copied()
        states = [s for x in copied if isinstance(x, Optimizer) for s in x.state.values()]
        counts = {id(state.get("step")) for state in states}
        for x in copied:
            if isinstance(x, torch.Tensor):
                floats = x.is_floating_point() and id(x) not in counts
                x.data = x.data.to("cpu", dtype if floats else None)

    def bound(self, function: Any) -> Any:
        """Return a function that uses the copies where this one uses originals by its variables."""
        if not isinstance(function, FunctionType):
            return self._twin(function)
        if id(function) in self._memo:
            return self._memo[id(function)]
        self._memo[id(function)] = function  # if it refers to itself
        held = [_content(cell) for cell in function.__closure__ or ()]
        defaults, keywords = function.__defaults__ or (), function.__kwdefaults__ or {}
        twins, given = [*map(self._twin, held)], tuple(map(self._twin, defaults))
        named = {name: self._twin(x) for name, x in keywords.items()}
        before, after = (*held, *defaults, *keywords.values()), (*twins, *given, *named.values())
        if any(a is not b for a, b in zip(before, after, strict=True)):
            cells = zip(function.__closure__ or (), held, twins, strict=True)
            new = [own if a is b else CellType(b) for own, a, b in cells]
            self._memo[id(function)] = twin = with_variables(function, new, given or None)
            twin.__kwdefaults__ = named or None
        return self._memo[id(function)]

    def _originals(self) -> list[Any]:
        """Return what was copied: deepcopy keeps it in its memo, so that identities stay unique."""
        return list(self._memo.get(id(self._memo), ()))

    def copied(self) -> list[Any]:
        """Return the copies of all objects that were copied."""
        return [twin for key, twin in self._memo.items() if key != id(self._memo)]

    def _complete_optimizers(self) -> None:
        """Give copied optimizers what deepcopy leaves out, which may hold further optimizers."""
        done = set[int]()
        while ahead := [
            x for x in self._originals() if isinstance(x, Optimizer) and id(x) not in done
        ]:
            for original in ahead:
                done.add(id(original))
                self._complete(original, self._memo[id(original)])

    def _complete(self, original: Optimizer, twin: Optimizer) -> None:
        for name, value in vars(original).items():
            if name.startswith("_optimizer_") and name.endswith("_hooks"):
                setattr(twin, name, copy.deepcopy(value, self._memo))
            elif name == "step" and hasattr(value, "_wrapped_by_lr_sched"):  # by a scheduler
                if value.__wrapped__ is not type(original).step:
                    vars(twin)[name] = MethodType(value.__wrapped__, twin)
            elif name not in vars(twin):
                setattr(twin, name, copy.deepcopy(value, self._memo))

    def _rebind(self, holder: Any) -> None:
        for name, value in _slots(holder):
            if isinstance(value, FunctionType):
                own = holder if isinstance(holder, list | dict) else vars(holder)
                own[name] = self.bound(value)

    def _twin(self, x: Any) -> Any:
        """Return the copy of what a variable holds, if it is of PyTorch or copied, or holds such.

        Other things, such as a logger, are shared.
        """
        if isinstance(x, FunctionType):
            return self.bound(x)
        return copy.deepcopy(x, self._memo) if self._reaches(x, 3) else x

    def _reaches(self, x: Any, depth: int) -> bool:
        if id(x) in self._memo or _is_torchs(x):
            return True
        return depth > 0 and any(self._reaches(each, depth - 1) for each in _held(x))


def with_variables(
    function: FunctionType, cells: list[CellType], defaults: tuple[Any, ...] | None
) -> FunctionType:
    """Return a function with other variables around it, and defaults."""
    code, known = function.__code__, function.__globals__
    twin = FunctionType(code, known, function.__name__, defaults, tuple(cells))
    twin.__kwdefaults__ = function.__kwdefaults__
    vars(twin).update(vars(function))
    return twin


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _is_torchs(x: Any) -> bool:
    """Return whether this is one of the things that train, or a tensor that can be copied."""
    return isinstance(x, Module | Optimizer) or (isinstance(x, torch.Tensor) and x.is_leaf)


def _slots(holder: Any) -> list[tuple[Any, Any]]:
    """Return what an object holds, by the key or the name under which it can be replaced."""
    if isinstance(holder, torch.Tensor | type | ModuleType | FunctionType):
        return []
    if isinstance(holder, list):
        return [*enumerate(holder)]
    return [*(holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})).items()]


def _held(x: Any) -> list[Any]:
    if isinstance(x, MethodType):
        return [x.__self__]
    return [*x] if isinstance(x, tuple | set) else [each for _, each in _slots(x)]
