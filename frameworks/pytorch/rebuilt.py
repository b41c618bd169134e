"""Modules that copy themselves, by a `__deepcopy__` of their own: paired with their copies."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from frameworks.errors import RequestError

__all__ = ["pairs_of", "refuse_other_weights"]

_PLAIN = bool | int | float | str | None
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_COPYING = ("__deepcopy__", "__reduce_ex__", "__reduce__", "__getstate__", "__setstate__")


def pairs_of(
    model: nn.Module, copied: nn.Module, twin_of: Callable[[Any], Any]
) -> list[tuple[Any, Any]]:
    """Return the modules, parameters and buffers of a model, each with its copy, by their names.

    `twin_of` returns the copy that `deepcopy` knows of. RequestError where a module that copies
    itself has others, shares one, or where one holds other numbers.
    """
    pairs = [*_pairs(model, copied)]
    for name, own, new in pairs:
        itself = isinstance(own, nn.Module) and hasattr(own, "__deepcopy__")
        told = new is not None and twin_of(own) is new and not itself
        how = "" if told else _difference(own, new)
        if how:
            raise RequestError(
                f"{_copying(model, name)} makes a copy {how.format(name or 'the model')}: remove "
                "that method, or let it copy all that the module holds, and share nothing"
            )
    return [(own, new) for _, own, new in pairs if own is not None]


def refuse_other_weights(model: nn.Module, optimizer: Any, pairs: Any, copied: Any) -> None:
    """Raise RequestError for a copied optimizer that does not train the weights of the copy."""
    twins = {id(own): new for own, new in pairs}
    groups = zip(optimizer.param_groups, copied.param_groups, strict=True)
    held = [pair for own, new in groups for pair in zip(own["params"], new["params"], strict=True)]
    names = {id(p): name for name, p in model.named_parameters()}
    for own, new in held:
        if twins.get(id(own), new) is not new:
            raise RequestError(
                f"the copy of the optimizer {type(optimizer).__name__} holds another "
                f"{names[id(own)]} than the copy of the model: let both be copied by deepcopy as "
                "it copies all objects"
            )


def _pairs(model: nn.Module, copied: nn.Module) -> Iterator[tuple[str, Any, Any]]:
    for kind in ("named_modules", "named_parameters", "named_buffers"):
        own, new = (dict(getattr(x, kind)(remove_duplicate=False)) for x in (model, copied))
        yield from ((name, own.get(name), new.get(name)) for name in own | new)


def _difference(own: Any, new: Any) -> str:
    """Return how a copy is not one, with {} for its name; "" if it is one."""
    if own is None or new is None:
        return "with {} or without it, other than the model"
    if own is new:
        return "that shares {} with the model"
    if isinstance(own, nn.Module):
        known = vars(new)
        plain = ((name, x) for name, x in vars(own).items() if isinstance(x, _PLAIN))
        other = [name for name, x in plain if name not in known or not _is(known[name], x)]
        hooks = any(len(getattr(own, name)) != len(getattr(new, name)) for name in _HOOKS)
        return f"that has another {other[0]} in {{}}" if other else "with other hooks of {}" * hooks
    return "" if _equal(own, new) else "that has another {}"


def _is(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (a == b or a != a)


def _equal(own: torch.Tensor, new: torch.Tensor) -> bool:
    alike = own.shape == new.shape and own.dtype == new.dtype
    if not alike or own.requires_grad != new.requires_grad:
        return False
    a, b = (x.detach().to("cpu") for x in (own, new))
    return torch.equal(a, b) or torch.equal(a[a == a], b[b == b])  # NaN equals nothing


def _copying(model: nn.Module, name: str) -> str:
    """Return the innermost class on the way to a part that has a method of its own to copy by."""
    found: nn.Module = model
    part: Any = model
    for each in ("", *name.split(".")):
        part = getattr(part, each, None) if each else part
        if isinstance(part, nn.Module) and _method(part):
            found = part
    return f"{type(found).__name__}.{_method(found) or '__deepcopy__'}"


def _method(module: nn.Module) -> str:
    own = [name for name in _COPYING
           if getattr(type(module), name, None) is not getattr(nn.Module, name, None)]  # fmt: skip
    return own[0] if own else ""
