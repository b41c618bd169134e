"""Functions of the user's that use the model itself, of which a copy is trained."""

import dis
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from frameworks.errors import RequestError
from frameworks.live.model import Training

__all__ = ["refuse_originals", "refuse_originals_within", "used_by"]


def refuse_originals(training: Training) -> None:
    """Raise RequestError for a step or a loss that uses the user's own model or optimizer.

    They stay as they are, so that what such a function reads of them never changes, and what it
    trains is not the copy.
    """
    name = _original(training.step, training)
    if name:
        raise RequestError(
            f"the step uses {name} itself, of which a copy is trained; use what it is called with: "
            "step(model, optimizer, loss, X, y), and give a schedule as Training(scheduler=...)"
        )
    own = training.loss if training.loss is not None else getattr(training.model, "loss", None)
    for loss in own if isinstance(own, list | tuple) else [own]:
        name = _original(loss, training)
        if name:
            raise RequestError(
                f"the loss uses {name} itself, of which a copy is trained; compute such a loss in "
                "the model, or in a step of your own, which is given the copy"
            )


def refuse_originals_within(training: Training, functions: Iterable[FunctionType]) -> None:
    """Raise RequestError for a function that a copy holds, such as a hook, and that uses originals.

    What it knows by the variables around it has been copied; what it knows globally cannot be.
    """
    originals, seen = _originals(training), set[int]()
    for function in functions:
        name = _in_function(function, originals, seen)
        if name:
            raise RequestError(
                f"the function {function.__qualname__} uses {name} itself, of which a copy is "
                "trained; let it use what it is called with"
            )


def _original(function: Any, training: Training) -> str:
    """Return under which name a function uses the model or the optimizer; "" if it does not."""
    originals = _originals(training)
    if not isinstance(function, MethodType):
        return _in_function(function, originals, set())
    name, holder = type(function.__self__).__name__, function.__self__
    used = getattr(function.__func__, "__code__", None)
    if holder is training.model or (used and _uses_held(holder, used.co_names, originals)):
        return name
    return _in_function(function.__func__, originals, set())


def _originals(training: Training) -> set[int]:
    """Return what identifies the model, the optimizer, and all parts of a PyTorch model.

    A part of a Keras model that a function refers to is copied with it.
    """
    model = training.model
    found = [x for x in (model, training.optimizer) if x is not None]
    for parts in ("modules", "parameters"):
        found += getattr(model, parts)() if callable(getattr(model, parts, None)) else []
    return {*map(id, found)}


def _in_function(function: Any, originals: set[int], seen: set[int]) -> str:
    """Return under which name a function, or one that it calls, uses one of the originals."""
    if not isinstance(function, FunctionType) or id(function) in seen:
        return ""
    seen.add(id(function))
    for name, x in used_by(function):
        if (
            _is_among(x, originals)
            or _in_function(x, originals, seen)
            or _uses_held(x, function.__code__.co_names, originals)
        ):
            return name
    return ""


def _is_among(x: Any, originals: set[int]) -> bool:
    """Return whether this is one of the originals, or holds some in a list or a dictionary."""
    x = x.__self__ if isinstance(x, MethodType) else x
    held = x.values() if isinstance(x, dict) else x if isinstance(x, list | tuple | set) else ()
    return id(x) in originals or any(id(each) in originals for each in held)


def _uses_held(x: Any, names: Collection[str], originals: set[int]) -> bool:
    """Return whether an object holds an original, as a scheduler does, that these names reach.

    They are attributes, and methods that use such an attribute; what can be called is one itself.
    """
    if isinstance(x, type | ModuleType | FunctionType):
        return False
    held = {name for name, each in getattr(x, "__dict__", {}).items() if _is_among(each, originals)}
    methods = (getattr(type(x), name, None) for name in names)
    reached = {each for method in methods if isinstance(method, FunctionType)
               for each in method.__code__.co_names}  # fmt: skip
    return bool(held & {*names, *reached}) or bool(held and callable(x))


def used_by(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function finds outside of itself: variables around it, and global ones."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    known = function.__globals__
    yield from ((name, known[name]) for name in _global_names(code) if name in known)


@lru_cache(maxsize=4096)
def _global_names(code: CodeType) -> tuple[str, ...]:
    loaded = (each for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL")
    return tuple(dict.fromkeys(each.argval for each in loaded))
