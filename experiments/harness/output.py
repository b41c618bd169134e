"""Standard output and error as they may be: closed, full, or unable to write all characters.

A command goes on without them. One whose reader has gone, as `head` does, has done its work; one
whose output was lost to a full disk has not.
"""

import codecs
import io
import os
import sys
import threading
from typing import Any

__all__ = ["keep_for_the_command", "lost", "make_tolerant"]

_ERRORS = "lockstep"  # the name of what is done with characters that an encoding does not have


def make_tolerant() -> None:
    """Let every write to both succeed, in this process."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that is opened would be taken for it
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error(_ERRORS, _spelled_out)
    if sys.stdin is None:  # it was closed as Python began
        sys.stdin = open(0, encoding="utf-8", closefd=False)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name) or open(number, "w", encoding="utf-8", closefd=False)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
            setattr(sys, name, _Tolerant(stream))


def keep_for_the_command() -> None:
    """Keep standard output for this thread: what else is written there goes to standard error.

    Threads of a page print whenever they like, and programs that it has started.
    """
    sys.stdout.flush()
    descriptor = os.dup(1)
    os.dup2(2, 1)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    kept = open(descriptor, "w", encoding=encoding, errors=_ERRORS, closefd=False)  # to the end
    sys.stdout = _Tolerant(kept, threading.get_ident())


def lost() -> str:
    """Return why some of standard output could not be written, or an empty string."""
    error = getattr(sys.stdout, "error", None)
    if error is None or isinstance(error, BrokenPipeError):
        return ""
    return f"standard output cannot be written to ({error.strerror}); some of it is lost"


class _Tolerant:
    """A stream of text that passes over what cannot be written, and remembers why."""

    def __init__(self, stream: io.TextIOWrapper, thread: int | None = None) -> None:
        """Write to a stream; `thread` is the only one that may, if there is one."""
        self._stream, self._thread = stream, thread
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or lose it."""
        if self._thread not in (None, threading.get_ident()):
            return sys.stderr.write(text)
        try:
            self._stream.write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def close(self) -> None:
        """Stay open: a page that closes it would take the verdict with it."""
        self.flush()

    def flush(self) -> None:
        """Write what has been kept back, or lose it."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Send this and all that follows nowhere."""
        self.error = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        self.flush()


def _spelled_out(error: UnicodeError) -> tuple[str, int]:
    r"""Return characters as JSON's escapes, which are right in JSON and readable elsewhere.

    >>> codecs.register_error("spelled out", _spelled_out)
    >>> "✗ 1.5 ± 0.5".encode("ascii", errors="spelled out")
    b'\\u2717 1.5 \\u00b1 0.5'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end
