"""Files that code executes by their paths: no search finds them, and they may leave no module."""

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

__all__ = ["tell_no_more", "tell_of_files"]

Listener = Callable[[Path, Path], None]  # told the file, and whose code executes it

_listeners: list[Listener] = []


def tell_of_files(listener: Listener) -> None:
    """Tell of each file that a loader executes because some code has asked it to.

    As `spec.loader.exec_module(module)` does; what an import statement finds is not told of. What
    the listener raises keeps the file from being executed.
    """
    _listen()
    _listeners.append(listener)


def tell_no_more(listener: Listener) -> None:
    """Tell a listener no more."""
    _listeners.remove(listener)


@cache  # a hook stays as long as the process
def _listen() -> None:
    sys.addaudithook(_heard)


def _heard(event: str, about: tuple[Any, ...]) -> None:
    if event != "exec" or not _listeners or not isinstance(code := about[0], CodeType):
        return
    asked_by = _who_asks(sys._getframe(1))
    if asked_by is not None:
        for listener in [*_listeners]:
            listener(Path(os.path.abspath(code.co_filename)), asked_by)


def _who_asks(frame: FrameType | None) -> Path | None:
    """Return whose code has a loader execute a file; None where it is an import, or no loader."""
    loads = False
    while frame is not None and "importlib" in frame.f_code.co_filename:
        if frame.f_code.co_name == "_find_and_load_unlocked":
            return None
        loads, frame = True, frame.f_back
    return Path(frame.f_code.co_filename) if loads and frame is not None else None
