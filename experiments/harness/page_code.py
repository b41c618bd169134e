"""A page's own code, as it runs in our process: whatever it does is one sentence.

It may raise anything, `SystemExit` included, close the output, go to another folder, or fork. None
of that may pass for a verdict, whose exit code would be 0 or 1; see also `supervision`.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    """Undo what a page's code does to this process, and end a child that escapes from it."""
    process, folder, streams = os.getpid(), _folder(), (sys.stdout, sys.stderr)
    try:
        yield
    finally:
        if os.getpid() != process:  # a fork that went on, beside us
            os._exit(0)
        sys.stdout, sys.stderr = streams
        if folder and folder != _folder():
            os.chdir(folder)


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
