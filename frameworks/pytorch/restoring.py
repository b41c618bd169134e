"""What a forward pass leaves in a module beside its output, taken back."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

__all__ = ["restored"]

_PYTORCHS_OWN = vars(nn.Module()).keys() - {"training"}


@contextmanager
def restored(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Let modules hold, afterwards, the buffers, modes and attributes that they hold now.

    A model may count its calls or keep an average in an attribute, and may put a new tensor in the
    place of a buffer. What lazy layers become in their first pass, they stay.
    """
    back = [undo for module in modules for undo in _undoing(module)]
    try:
        yield
    finally:
        with torch.no_grad():
            for undo in back:
                undo()


def _undoing(module: nn.Module) -> Iterator[Callable[[], None]]:
    """Yield what brings back the buffers and the attributes of a module, itself alone."""
    kept = {name: _keep(value) for name, value in module._buffers.items()}
    yield partial(_put_back, module._buffers, kept)
    own = {name: _keep(x) for name, x in vars(module).items() if name not in _PYTORCHS_OWN}
    yield partial(_attributes_back, module, _built(module), own)


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
    return lambda: value


def _tensor_back(tensor: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    tensor.data = before if tensor.shape != before.shape else tensor.data.copy_(before)
    return tensor


def _container_back(container: Any, before: Any) -> Any:
    container.clear()
    (container.extend if isinstance(container, list | deque) else container.update)(before)
    return container
