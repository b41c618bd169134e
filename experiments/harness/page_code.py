"""A page's own code, as it runs in our process: whatever it does is one sentence.

It may raise anything, end the process or its output, go to another folder, or fork. None of that
may pass for a verdict, whose exit code would be 0 or 1.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from datasets import DataError
from frameworks.errors import RequestError, first_line

__all__ = ["contained", "in_one_line", "named", "said"]


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

    `os._exit` raises SystemExit meanwhile, in this thread and process: it would end the command
    with the page's exit code.
    """
    here, folder, streams = _place(), _folder(), (sys.stdout, sys.stderr)
    _inside.append(here)
    os._exit = _raise_inside  # type: ignore[assignment]
    try:
        yield
    finally:
        if _place() != here:  # a fork that went on, beside us
            _leave(0)
        _inside.remove(here)
        if not _inside:
            os._exit = _leave
        sys.stdout, sys.stderr = streams
        if folder and folder != _folder():
            os.chdir(folder)


_leave = os._exit
_inside: list[tuple[int, int]] = []  # where a page's code runs; threads may run several


def _raise_inside(code: int) -> NoReturn:
    if _place() in _inside:
        raise SystemExit(code)
    _leave(code)


def _place() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _folder() -> str:
    """Return the current folder; empty if it has been removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


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
