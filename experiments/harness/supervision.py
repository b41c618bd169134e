"""A page's code runs in a child process: however that ends, its exit code is no verdict.

The code may call `os._exit`, crash in an extension module, or loop where no signal reaches it. The
process that was started stays outside, passes signals on, and waits. Its exit code is the one that
the command names through a socket; where it names none, 2 and a sentence.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from experiments.harness import interruption

__all__ = ["how_it_ended", "supervised"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE = 3.0  # seconds for what ends with Python


def supervised(command: Callable[[], int], page: str) -> int:
    """Run a command that executes a page in a child process, and return its exit code in both.

    Where no process can be forked, as on Windows, the command runs in this one.
    """
    if not hasattr(os, "fork"):
        return command()
    outside, inside = socket.socketpair()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until both processes are ready for them
    try:
        child = os.fork()
    except OSError as error:
        outside.close()
        inside.close()
        return _fail(f"no process can be started to execute {page!r} in: {error.strerror}")
    if child:
        inside.close()
        with outside:
            return _wait(child, outside, page)
    outside.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both: it is passed on
    interruption.watch()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    with suppress(RuntimeError):  # too many threads: the command will say so
        threading.Thread(target=_end_with_parent, args=(inside,), daemon=True).start()
    code = command()
    with suppress(OSError):  # the page has closed it
        inside.send(bytes([code]))
    with suppress(RuntimeError):
        threading.Thread(target=_end_before_long, args=(code,), daemon=True).start()
    return code


def _end_before_long(code: int) -> None:
    """End this process, though threads that the page has started would go on."""
    time.sleep(_GRACE)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # nobody may read it any more, or the page has closed it
            stream.flush()
    os._exit(code)


def _end_with_parent(inside: socket.socket) -> None:
    inside.recv(1)  # nothing is sent: it returns when the other end is closed
    os._exit(2)


def _wait(child: int, outside: socket.socket, page: str) -> int:
    """Wait for the command to end, pass signals on to it, and return its exit code."""
    stops: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        if interruption.is_repeated():
            return
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(child, signal.SIGKILL if stops else signal.SIGTERM)
        stops.append(number)

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    _, status = os.waitpid(child, 0)
    outside.setblocking(False)
    with suppress(BlockingIOError):
        if named := outside.recv(1):
            return named[0]
    if stops:
        print("\nstopped", file=sys.stderr)
        return 130
    how = how_it_ended(os.waitstatus_to_exitcode(status))
    return _fail(f"the process that executed {page!r} {how}")


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def how_it_ended(code: int) -> str:
    """Return how a process ended, by its exit code, which is negative for a signal.

    >>> how_it_ended(-9), how_it_ended(0)
    ('was killed by SIGKILL', 'ended with exit code 0')
    """
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):  # a real-time signal has a number only
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"
