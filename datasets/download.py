"""Receive one file over HTTP, within limits of time and size."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from datasets.errors import DataError

if TYPE_CHECKING:
    from requests import Response

    from datasets.connection import Connections

Progress = Callable[[str, int, int | None], None]
"""Called with the URL, the bytes received so far, and the bytes expected, if known."""


@dataclass(frozen=True)
class Limits:
    """Time-outs, in seconds.

    ``answer``: from the request to the response's headers, including the name look-up, the
    connection and encryption; ``silence``: between two pieces of the body; ``total``: of it all.
    No more than 300 s are promised: a busy machine wakes the one that waits some time too late.
    """

    answer: float
    silence: float = 10.0
    total: float = 290.0


QUICK = Limits(answer=4.0)  # for a training that is waiting and has a stand-in
PATIENT = Limits(answer=20.0)  # for a download that was requested

_REDIRECTS = 5  # a mirror has one or two
_SHOWN = 60  # characters of a line of the server's
_QUOTED = 300  # of an error


@dataclass(frozen=True)
class _Received:
    """How far a transfer is; the first comes with the headers, and tells of nothing yet."""

    url: str
    bytes: int
    expected: int | None


def receive(url: str, max_bytes: int, limits: Limits, progress: Progress | None = None) -> bytes:
    """Return the body that ``url`` serves, byte for byte, whatever its content encoding.

    Raises DataError if the transfer does not start or end within the limits, the server reports an
    error, or the body is shorter than announced or larger than ``max_bytes``. Time and memory are
    bounded, whatever the server does.
    """
    from datasets.connection import Connections

    events: queue.SimpleQueue[_Received | bytes | Exception] = queue.SimpleQueue()
    connections = Connections()

    def transfer() -> None:
        try:
            with _follow(connections, url, limits) as response:
                events.put(_body(response, max_bytes, events.put))
        except Exception as error:  # whatever it is, it belongs to the thread that waits
            events.put(error)

    # A thread, as a name look-up knows no time-out, and neither do headers and trailers.
    threading.Thread(target=transfer, daemon=True).start()
    try:
        return _await(events, limits, progress or (lambda url, received, expected: None))
    finally:
        connections.end()


def _await(
    events: "queue.SimpleQueue[_Received | bytes | Exception]", limits: Limits, progress: Progress
) -> bytes:
    """Wait for the body, no longer than the limits allow."""
    start, latest = monotonic(), None
    while True:
        left = start + (limits.total if latest else limits.answer) - monotonic()
        try:
            if left <= 0:
                raise queue.Empty
            event = events.get(timeout=left)
        except queue.Empty:
            if latest is None:
                raise DataError(f"no answer within {limits.answer:g} s") from None
            raise DataError(
                f"gave up after {limits.total:g} s with {latest.bytes:,} bytes received"
            ) from None
        if isinstance(event, bytes):
            return event
        if isinstance(event, DataError):
            raise event
        if isinstance(event, Exception):
            raise DataError(f"the transfer failed ({_cause(event)})") from event
        latest = event
        if latest.bytes:
            progress(latest.url, latest.bytes, latest.expected)


def _follow(connections: "Connections", url: str, limits: Limits) -> "Response":
    """Ask, and follow redirects without reading what is in them."""
    for _ in range(_REDIRECTS):
        response = connections.ask(url, limits.answer, limits.silence)
        if not response.is_redirect:
            return response
        response.close()
        url = urljoin(url, response.headers["location"])
    raise DataError(f"more than {_REDIRECTS} redirects")


def _body(response: "Response", max_bytes: int, tell: Callable[[_Received], None]) -> bytes:
    """Read the body in pieces as they arrive, without undoing any encoding."""
    if response.status_code != 200:
        reason = str(response.reason)[:_SHOWN]
        raise DataError(f"the server answered {response.status_code} {reason}")
    length = response.headers.get("Content-Length", "")
    expected = int(length) if length.isdecimal() and len(length) < _SHOWN else None
    body = bytearray()
    tell(_Received(response.url, 0, expected))
    while piece := response.raw.read1(2**16, decode_content=False):
        body += piece
        if len(body) > max_bytes:
            raise DataError(f"more than the {max_bytes:,} bytes allowed; stopped")
        tell(_Received(response.url, len(body), expected))
    if expected is not None and len(body) < expected:
        raise DataError(f"the server announced {expected:,} bytes and sent {len(body):,}")
    return bytes(body)


def _cause(error: BaseException) -> str:
    """The innermost reason, cut short; the outer layers repeat the URL and their own names."""
    while error.__context__ is not None:
        error = error.__context__
    return " ".join(str(error)[:_QUOTED].split()) or type(error).__name__
