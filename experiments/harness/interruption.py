"""Ctrl-C and SIGTERM as a `KeyboardInterrupt` that no library can lose or rename.

It comes at any moment, and so inside others' code: Python ignores what is raised in a finalizer,
and an extension module may take any exception for bad input and raise its own.
"""

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["interruptible", "watch"]

_asked = threading.Event()  # to stop


def watch() -> None:
    """Let both signals raise `KeyboardInterrupt`, whatever code they come upon."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, by nohup
        signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _interrupt_again


def _interrupt(*_: Any) -> None:
    _asked.set()
    raise KeyboardInterrupt


def _interrupt_again(ignored: Any) -> None:
    if ignored.exc_type is KeyboardInterrupt:
        threading.Timer(0.01, _thread.interrupt_main, [signal.SIGTERM]).start()
    else:
        sys.__unraisablehook__(ignored)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for any exception that comes after one."""
    try:
        yield
    except Exception as error:
        if _asked.is_set():
            raise KeyboardInterrupt from error
        raise
