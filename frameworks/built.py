"""What a builder returned: its own framework's objects, and new ones at every call."""

from typing import Any
from weakref import WeakValueDictionary

from frameworks.program import Parts, Program, name_of

__all__ = ["require_own"]


def require_own(build: Any, parts: Any, network: type, kind: str) -> Any:
    """Return what a builder returned; TypeError if it is not of one framework's own objects.

    `network`: the class of its networks, `kind`: how it is called.
    """
    if not isinstance(parts, Parts | Program):
        raise TypeError(f"build: {name_of(build)} must return Parts or a Program, got {parts!r}")
    for each in parts.networks:
        if not isinstance(each, network):
            other = f"{type(each).__module__}.{type(each).__qualname__}"
            raise TypeError(f"build: the network of {name_of(build)} must be a {kind}, got {other}")
    _require_new(build, parts)
    return parts


_BUILT: WeakValueDictionary[int, Any] = WeakValueDictionary()  # networks and optimizers, by id


def _require_new(build: Any, parts: Any) -> None:
    """Raise TypeError if a builder returns objects that it has returned before.

    They would go on from where an earlier training left them: an optimizer remembers.
    """
    for what, objects in (("network", parts.networks), ("optimizer", parts.optimizers)):
        for each in objects:
            if isinstance(each, float):  # the neuron's optimizer is its learning rate
                continue
            if each is None or isinstance(each, str):
                raise TypeError(f"build: {name_of(build)} must return its {what}, got {each!r}")
            if _BUILT.get(id(each)) is each:
                raise TypeError(
                    f"build: {name_of(build)} returns the same {what} as before; "
                    "it must make new ones at every call (is it cached?)"
                )
            _BUILT[id(each)] = each
