"""Ctrl-C and SIGTERM as a `KeyboardInterrupt` that no library can lose or rename; a time limit.

It comes at any moment, and so inside others' code: Python ignores what is raised in a finalizer,
and an extension module may take any exception for bad input and raise its own.
"""

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

__all__ = [
    "end_children_by_sigterm",
    "interruptible",
    "is_repeated",
    "nothing_within",
    "settle",
    "time_limit",
    "undisturbed",
    "watch",
]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_SECONDS_BETWEEN_WISHES = 0.5

_asked = threading.Event()  # to stop
_latest = -float("inf")  # when that was, by the monotonic clock


def watch() -> None:
    """Let both signals raise `KeyboardInterrupt`, whatever code they come upon."""
    signal.signal(signal.SIGTERM, _interrupt)
    end_children_by_sigterm()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, by nohup
        signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _interrupt_again
    atexit.register(_ignore)  # the first to be registered, and so the last to be called


@cache  # a hook stays as long as the process
def end_children_by_sigterm() -> None:
    """Let SIGTERM end what a page forks, as everywhere: a `multiprocessing.Pool` waits for it.

    One that comes before the child is ready for it is kept until then.
    """
    kept = threading.local()

    def before() -> None:
        kept.mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    def after() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept.mask)

    def in_child() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        after()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=after, after_in_child=in_child)


def settle(code: int) -> None:
    """Let a signal end the process with this exit code: all that is left to do is to end."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(code))
    # CPython takes a KeyboardInterrupt in `exec` for unhandled until the next text is evaluated,
    # and would end by SIGINT.
    eval("0")


def _ignore() -> None:
    """Ignore both signals: what the interpreter then does is short, and it hears no handler."""
    sys.stdout.flush()  # it may wait for a reader, and still be ended
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def is_repeated() -> bool:
    """Note that a signal has come; say whether it repeats the one before, and asks nothing new.

    `timeout` sends its own twice, to the process and to its group.
    """
    global _latest
    now = time.monotonic()
    if now - _latest < _SECONDS_BETWEEN_WISHES:
        return True
    _latest = now
    return False


def _interrupt(*_: Any) -> None:
    if is_repeated():  # the first is on its way through what has to be closed
        return
    _asked.set()
    raise KeyboardInterrupt


def _interrupt_again(ignored: Any) -> None:
    global _latest
    if ignored.exc_type is KeyboardInterrupt:
        _latest = -float("inf")  # it has not been heard
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


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a signal raise after the block, and not within: what it closes is then closed whole.

    Only the main thread is ever disturbed. What the block waits for has to be short.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    raising = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in raising:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        for caught in came:
            signal.raise_signal(caught)


def nothing_within(seconds: float) -> str:
    """Say that what has a time limit, a training's epoch for example, has exceeded it."""
    return f"nothing was finished within {seconds:g} s; --timeout sets how long to wait"


@contextmanager
def time_limit(seconds: float) -> Iterator[Callable[[], None]]:
    """Raise TimeoutError, here, when the function that it yields is not called for so long.

    Only the main thread may use it; where no timer is to be had, as on Windows, there is no limit.
    Seconds are counted one by one: while the machine sleeps, or the process is stopped, none is.
    The error is raised again each second, as others' code may catch it.
    """
    if not hasattr(signal, "setitimer"):
        yield lambda: None
        return
    silent = 0

    def tick(*_: Any) -> None:
        nonlocal silent
        silent += 1
        if silent >= seconds:
            raise TimeoutError(nothing_within(seconds))

    def heard() -> None:
        nonlocal silent
        silent = 0

    before = signal.signal(signal.SIGALRM, tick)
    timer = signal.setitimer(signal.ITIMER_REAL, 1, 1)
    try:
        yield heard
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)
