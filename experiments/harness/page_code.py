"""A page's own code, as it runs in our process: whatever it does is one sentence.

It may raise anything, `SystemExit` included, close the output, go to another folder, or fork. None
of that may pass for a verdict, whose exit code would be 0 or 1; see also `supervision`. What it
prints goes to standard error: standard output is the command's, and may be read by a program.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from datasets import DataError
from frameworks.errors import RequestError, first_line
from frameworks.program import Parts, Program, name_of

__all__ = [
    *("ONE_AT_A_TIME", "among_modules", "contained", "finding", "in_one_line", "named", "said"),
]

_DRAWING = ("initial_weights", "augment", "draws")  # of what a builder returns

ONE_AT_A_TIME = threading.RLock()  # of our threads: streams, folder and modules are the process's


@contextmanager
def named(what: str, page: Path) -> Iterator[None]:
    """Raise RequestError for whatever a page's own code raises, and if it ends the program."""
    try:
        with contained():
            yield
    except (DataError, RequestError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise RequestError(f"{what}: {in_one_line(error, page)}") from error


@contextmanager
def contained() -> Iterator[None]:
    """Undo what a page's code does to this process, and end a child that escapes from it.

    Threads wait for each other.
    """
    with ONE_AT_A_TIME, _undone():
        yield


@contextmanager
def _undone() -> Iterator[None]:
    process, folder, streams = os.getpid(), _folder(), (sys.stdout, sys.stderr)
    try:
        with _printing_to_stderr():
            yield
    finally:
        if os.getpid() != process:  # a fork that went on, beside us
            os._exit(0)
        sys.stdout, sys.stderr = streams
        if folder and folder != _folder():
            os.chdir(folder)


@contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Send there what is printed, also by programs that are started and by code that is no Python.

    In a notebook `sys.stdout` is not the process's own, and a service may have none at all.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stdout = sys.stderr
    try:
        kept = os.dup(1)
    except OSError:
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _folder() -> str:
    """Return the current folder; empty if it has been removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


@contextmanager
def among_modules(helpers: Mapping[str, ModuleType]) -> Iterator[None]:
    """Let what looks for a page's helpers by name, such as pickle, find these, and no others."""
    with ONE_AT_A_TIME:
        aside = {name: sys.modules[name] for name in helpers if name in sys.modules}
        sys.modules.update(helpers)
        try:
            yield
        finally:
            for name in helpers:
                sys.modules.pop(name, None)
            sys.modules.update(aside)


def finding(helpers: Mapping[str, ModuleType], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a page that has its helpers where Python looks for modules.

    So have, of what a builder returns, those that draw: all of them run in NumPy.
    """
    if not helpers:
        return function

    @wraps(function)
    def found(*arguments: Any, **named: Any) -> Any:
        with among_modules(helpers):
            returned = function(*arguments, **named)
        if not isinstance(returned, Parts | Program):
            return returned
        drawing = {name: getattr(returned, name, None) for name in _DRAWING}
        own: dict[str, Any] = {n: finding(helpers, f) for n, f in drawing.items() if callable(f)}
        return returned._replace(**own)

    found.__name__ = name_of(function)
    return found


def in_one_line(error: BaseException, path: Path) -> str:
    """Return the error with the page's line at which it was raised."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path.resolve()):
            line = trace.tb_lineno
        trace = trace.tb_next
    return said(error) + (f" (line {line})" if line else "")


def said(error: BaseException) -> str:
    """Return an error's name and its first line.

    >>> said(ValueError("no room")), said(MemoryError())
    ('ValueError: no room', 'MemoryError')
    """
    return f"{type(error).__name__}: {first_line(error)}".removesuffix(": ")
