"""Functions of the user's that use the model itself, of which a copy is trained."""

import dis
from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any

from frameworks.errors import RequestError
from frameworks.live.model import Training

__all__ = ["refuse_originals"]


def refuse_originals(training: Training) -> None:
    """Raise RequestError for a step or a loss that uses the user's own model or optimizer.

    They stay as they are, so that what such a function reads of them never changes, and what it
    trains is not the copy.
    """
    name = _original(training.step, training)
    if name:
        raise RequestError(
            f"the step uses {name} itself, of which a copy is trained; use what it is called with: "
            "step(model, optimizer, loss, X, y)"
        )
    own = training.loss if training.loss is not None else getattr(training.model, "loss", None)
    for loss in own if isinstance(own, list | tuple) else [own]:
        name = _original(loss, training)
        if name:
            raise RequestError(
                f"the loss uses {name} itself, of which a copy is trained; compute such a loss in "
                "the model, or in a step of your own, which is given the copy"
            )


def _original(function: Any, training: Training) -> str:
    """Return under which name a function uses the model or the optimizer; "" if it does not."""
    whole = [x for x in (training.model, training.optimizer) if x is not None]
    if isinstance(function, MethodType):
        return type(function.__self__).__name__ if function.__self__ is training.model else ""
    if not isinstance(function, FunctionType):
        return ""
    return next((name for name, x in _used(function) if any(x is one for one in whole)), "")


def _used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function finds outside of itself: variables around it, and global ones."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    known = function.__globals__
    for each in dis.get_instructions(code):
        if each.opname == "LOAD_GLOBAL" and each.argval in known:
            yield each.argval, known[each.argval]
