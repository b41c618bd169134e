"""Copies of objects of PyTorch's and a user's that refer to each other, and to no original."""

import copy
from collections.abc import Iterable, Iterator
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch.nn import Module
from torch.optim import Optimizer

from frameworks.live.identities import renew, renewed

__all__ = ["Twins", "with_variables"]


class Twins:
    """Copies objects with all they hold; what two of them share, their copies share.

    `deepcopy` leaves four things at the originals: the attributes and hooks of optimizers, methods
    that were replaced on one, what functions, such as hooks, know by the variables around them, and
    what is known by an identity or a weak reference.
    """

    def __init__(self) -> None:
        self._memo: dict[int, Any] = {}
        self._cells: dict[int, CellType] = {}  # by the identity of the original
        self._finished = set[int]()  # the identities of copies that know no original any more

    def __call__(self, original: Any) -> Any:
        """Return the copy of an object; the same one each time."""
        twin = self._copy(original)
        self._finish()
        return renewed(twin, self._twin_of)

    def known(self, original: Any) -> Any:
        """Return the copy of an object, or None where it has none yet."""
        return self._memo.get(id(original))

    def know(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Let objects have these copies, where a module that copies itself has made them untold."""
        kept = self._memo[id(self._memo)]
        for original, twin in pairs:
            if id(original) not in self._memo:
                self._memo[id(original)] = twin
                kept.append(original)

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
        """Return a function with copies of what it knows by its variables and its defaults.

        So it uses the copies where this one uses originals, and counts for itself.
        """
        twin = self._twin(function)
        self._finish()
        return twin

    def _copy(self, x: Any) -> Any:
        """Return the copy of x as `deepcopy` makes it; where that fails, forget what it began."""
        kept = self._originals()
        before = {**self._memo}
        try:
            return copy.deepcopy(x, self._memo)
        except Exception:  # of whatever kind a user's object raises
            self._memo.clear()
            self._memo.update(before)
            self._memo[id(self._memo)] = kept
            raise

    def _finish(self) -> None:
        """Let what was copied, and what that leads to, know copies alone."""
        while ahead := [x for x in self.copied() if id(x) not in self._finished]:
            self._complete_optimizers()
            for holder in ahead:
                self._finished.add(id(holder))
                self._rebind(holder)
                renew(holder, self._twin_of)

    def _bound(self, x: Any) -> Any:
        return self._function(x) if isinstance(x, FunctionType) else x

    def _function(self, function: FunctionType) -> FunctionType:
        """Return a function with variables and defaults of its own, if it has any."""
        if id(function) in self._memo:
            found: FunctionType = self._memo[id(function)]
            return found
        cells = function.__closure__ or ()
        defaults, named = function.__defaults__, function.__kwdefaults__
        if not (cells or defaults or named):
            return function
        new = [self._cells.setdefault(id(cell), CellType()) for cell in cells]
        self._memo[id(function)] = twin = with_variables(function, new, None)
        self._finished.add(id(twin))
        for cell, own in zip(cells, new, strict=True):
            self._fill(cell, own)
        twin.__defaults__ = None if defaults is None else tuple(map(self._twin, defaults))
        twin.__kwdefaults__ = {k: self._twin(x) for k, x in named.items()} if named else None
        vars(twin).update({name: self._twin(x) for name, x in vars(function).items()})
        return twin

    def _fill(self, cell: CellType, own: CellType) -> None:
        try:
            own.cell_contents = self._twin(cell.cell_contents)
        except ValueError:  # not assigned yet
            return

    def _twin_of(self, identity: int) -> Any:
        """Return the copy of a part of a model, or of an optimizer, by the original's identity."""
        twin = self._memo.get(identity)
        return twin if isinstance(twin, Module | Optimizer | torch.Tensor) else None

    def _originals(self) -> list[Any]:
        """Return what was copied: deepcopy keeps it in its memo, so that identities stay unique."""
        return list(self._memo.get(id(self._memo), ()))

    def copied(self) -> list[Any]:
        """Return the copies of all objects that were copied."""
        return [twin for key, twin in self._memo.items() if key != id(self._memo)]

    def holds_views_of(self, model: Module) -> bool:
        """Return whether the numbers of a model's parameters were copied under another name, too.

        Such as `p.data`, a flat buffer, or an array of NumPy: the copies of the two are apart. What
        its modules have as an attribute, such as a normed weight, they compute anew in each pass.
        """
        own = [*model.parameters()]
        attributes = (x for module in model.modules() for x in vars(module).values())
        known = {id(x) for x in (*own, *model.buffers(), *attributes)}
        stored = [p.untyped_storage() for p in own if p.device.type == "cpu"]
        places = [range(x.data_ptr(), x.data_ptr() + x.nbytes()) for x in stored if x.nbytes()]
        others = (x for x in self._originals() if id(x) not in known)
        return any(address in each for x in others for each in places for address in _address(x))

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
        if isinstance(holder, partial):
            given = {name: self._bound(x) for name, x in holder.keywords.items()}
            args = tuple(map(self._bound, holder.args))
            own: Any = holder
            own.__setstate__((self._bound(holder.func), args, given, vars(holder)))
            return
        for name, value in _slots(holder):
            if isinstance(value, FunctionType):
                own = holder if isinstance(holder, list | dict) else vars(holder)
                own[name] = self._function(value)

    def _twin(self, x: Any) -> Any:
        """Return the copy of what a variable holds.

        What cannot be copied, such as an open file, is shared, unless it is of PyTorch or holds
        such: then it raises.
        """
        if isinstance(x, FunctionType):
            return self._function(x)
        try:
            twin = self._copy(x)
        except Exception:  # of whatever kind a user's object raises
            if self._reaches(x, 3):
                raise
            return x
        return renewed(twin, self._twin_of)

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


def _address(x: Any) -> list[int]:
    """Return where the numbers of a tensor or an array are."""
    if isinstance(x, np.ndarray) and x.size:
        return [x.__array_interface__["data"][0]]
    if isinstance(x, torch.Tensor) and x.layout == torch.strided and x.numel():
        return [x.data_ptr()] if x.device.type == "cpu" else []
    return []


def _held(x: Any) -> list[Any]:
    if isinstance(x, MethodType):
        return [x.__self__]
    return [*x] if isinstance(x, tuple | set) else [each for _, each in _slots(x)]
