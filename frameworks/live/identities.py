"""What knows an object without holding it, by its identity or a weak reference, in a copy."""

from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any
from weakref import ref

__all__ = ["TwinOf", "renew", "renewed"]

TwinOf = Callable[[int], Any]  # the copy of the object of an identity, or None


def renewed(x: Any, twin_of: TwinOf) -> Any:
    """Return x, or what knows the copy in its place.

    x may be an identity, a weak reference, or a tuple or a frozenset of these. A set of the
    parameters that do not decay, for one, is often one of their identities.
    """
    if isinstance(x, int) and not isinstance(x, bool):
        twin = twin_of(x)
        return x if twin is None else id(twin)
    if isinstance(x, ref):
        twin = twin_of(id(x()))
        return x if twin is None else ref(twin)
    if type(x) in (tuple, frozenset):
        new = [renewed(each, twin_of) for each in x]
        return type(x)(new) if any(a is not b for a, b in zip(x, new, strict=True)) else x
    return x


def renew(holder: Any, twin_of: TwinOf) -> None:
    """Let a copied collection, or the attributes of a copied object, know copies."""
    if isinstance(holder, set):
        new = {renewed(each, twin_of) for each in holder}
        if new != holder:
            holder.clear()
            holder.update(new)
    elif isinstance(holder, list):
        for k, each in enumerate(holder):
            _put(holder, k, each, twin_of)
    elif isinstance(holder, dict):
        _renew_keys(holder, twin_of)
        for key, each in holder.items():
            _put(holder, key, each, twin_of)
    elif not isinstance(holder, type | ModuleType | FunctionType):
        own = getattr(holder, "__dict__", {})
        for name, each in own.items():
            _put(own, name, each, twin_of)


def _put(own: Any, key: Any, x: Any, twin_of: TwinOf) -> None:
    new = renewed(x, twin_of)
    if new is not x:
        own[key] = new


def _renew_keys(holder: dict[Any, Any], twin_of: TwinOf) -> None:
    pairs = [(renewed(key, twin_of), value) for key, value in holder.items()]
    if any(a is not b for a, (b, _) in zip(holder, pairs, strict=True)):
        holder.clear()
        holder.update(dict(pairs))
