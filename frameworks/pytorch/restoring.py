"""What a forward pass leaves in a module, or in a plain loss, beside its output: taken back."""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CellType, FunctionType, ModuleType
from typing import Any

import torch
from torch import nn

__all__ = ["gradients_restored", "restored"]

_PYTORCHS_OWN = vars(nn.Module()).keys() - {"training"}


@contextmanager
def restored(parts: Iterable[Any]) -> Iterator[None]:
    """Let modules hold, afterwards, the buffers, modes and attributes that they hold now.

    So do functions, in the variables around them, and other objects that can be called.

    A model may count its calls or keep an average in an attribute, and may put a new tensor in the
    place of a buffer. What lazy layers become in their first pass, they stay.
    """
    back = [undo for part in parts for undo in _undoing(part)]
    try:
        yield
    finally:
        with torch.no_grad():
            for undo in back:
                undo()


@contextmanager
def gradients_restored(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Let all parameters have no gradient, and afterwards the one that they have now."""
    before = {p: p.grad for module in modules for p in module.parameters(recurse=False)}
    for parameter in before:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in before.items():
            parameter.grad = gradient


def _holds_plain(cell: CellType) -> bool:
    """Return whether a variable around a function holds numbers or words, or lists of them."""
    try:
        return _is_plain(cell.cell_contents)
    except ValueError:  # not assigned yet
        return False


def _is_plain(x: Any) -> bool:
    if isinstance(x, dict):
        return all(map(_is_plain, x.values()))
    if isinstance(x, list | tuple | deque | set):
        return all(map(_is_plain, x))
    return x is None or isinstance(x, bool | int | float | str)


def _undoing(part: Any) -> Iterator[Callable[[], None]]:
    if isinstance(part, nn.Module):
        yield from _undoing_module(part)
    elif isinstance(part, FunctionType):
        yield from _undoing_function(part, set())
    elif isinstance(part, partial):
        yield from _undoing(part.func)
    elif hasattr(part, "__dict__"):
        yield partial(_put_back, vars(part), _kept(part))


def _kept(part: Any) -> dict[str, Callable[[], Any]]:
    return {name: _keep(x) for name, x in vars(part).items()}


def _undoing_function(function: FunctionType, seen: set[int]) -> Iterator[Callable[[], None]]:
    """Yield what brings back plain variables around a function, or one that it calls so."""
    if id(function) in seen:
        return
    seen.add(id(function))
    for cell in function.__closure__ or ():
        inner = _content(cell)
        if _holds_plain(cell) or isinstance(inner, Iterator):
            yield partial(_cell_back, cell, _keep(inner))
        elif isinstance(inner, FunctionType):
            yield from _undoing_function(inner, seen)
        elif not isinstance(inner, nn.Module | torch.Tensor | type | ModuleType):
            yield from _undoing(inner)
    given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    for each in filter(_is_plain, given):
        yield _keep(each)
    yield partial(_put_back, vars(function), _kept(function))


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _cell_back(cell: CellType, kept: Callable[[], Any]) -> None:
    cell.cell_contents = kept()


def _undoing_module(module: nn.Module) -> Iterator[Callable[[], None]]:
    """Yield what brings back the buffers and the attributes of a module, itself alone."""
    kept = {name: _keep(value) for name, value in module._buffers.items()}
    yield partial(_put_back, module._buffers, kept)
    own = {name: _keep(x) for name, x in vars(module).items() if name not in _PYTORCHS_OWN}
    yield partial(_attributes_back, module, _built(module), own)
    seen = set[int]()
    for each in _functions_of(module):
        yield from _undoing_function(each, seen)


def _functions_of(module: nn.Module) -> Iterator[FunctionType]:
    """Yield the functions that a module holds in attributes, and its hooks, of gradients too."""
    held = [*vars(module).values()]
    hooks = [x for name, x in vars(module).items() if name.endswith("_hooks")]
    hooks += [getattr(p, "_backward_hooks", None) for p in module._parameters.values()]
    held += [each for group in hooks if isinstance(group, dict) for each in group.values()]
    yield from (each for each in held if isinstance(each, FunctionType))


def _built(module: nn.Module) -> tuple[Any, ...]:
    """Return what a module is and consists of."""
    parts = (*module._parameters.values(), *module._modules.values())
    return type(module), *map(id, parts)


def _attributes_back(
    module: nn.Module, built: tuple[Any, ...], kept: dict[str, Callable[[], Any]]
) -> None:
    if _built(module) != built:
        return
    own = vars(module)
    for name in own.keys() - kept.keys() - _PYTORCHS_OWN:
        del own[name]
    _put_back(own, kept)


def _put_back(own: dict[str, Any], kept: dict[str, Callable[[], Any]]) -> None:
    own.update({name: back() for name, back in kept.items()})


def _keep(value: Any) -> Callable[[], Any]:
    """Return a function that returns the same object with what it holds now."""
    if isinstance(value, torch.Tensor):
        return partial(_tensor_back, value, value.detach().clone())
    if isinstance(value, list | deque | set | dict):
        return partial(_container_back, value, value.copy())
    if isinstance(value, Iterator):
        try:
            value = copy.copy(value)
        except TypeError:  # a generator goes on
            pass
    return lambda: value


def _tensor_back(tensor: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    if tensor.shape != before.shape:
        tensor.data = before
    elif not torch.equal(tensor.detach(), before):  # one that is expanded cannot be written to
        tensor.data.copy_(before)
    return tensor


def _container_back(container: Any, before: Any) -> Any:
    container.clear()
    (container.extend if isinstance(container, list | deque) else container.update)(before)
    return container
