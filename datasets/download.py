"""Receive one file over HTTP, within limits of time and size."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from datasets.errors import DataError

if TYPE_CHECKING:
    from requests import Response

Progress = Callable[[str, int, int | None], None]
"""Called with the URL, the bytes received so far, and the bytes expected, if known."""


@dataclass(frozen=True)
class Limits:
    """Time-outs, in seconds.

    ``answer``: from the request to the response's headers, including the name look-up, the
    connection and encryption; ``silence``: between two pieces of the body; ``total``: of it all.
    """

    answer: float
    silence: float = 10.0
    total: float = 300.0


QUICK = Limits(answer=4.0)  # for a training that is waiting and has a stand-in
PATIENT = Limits(answer=20.0)  # for a download that was requested


def receive(url: str, max_bytes: int, limits: Limits, progress: Progress | None = None) -> bytes:
    """Return the body that ``url`` serves, byte for byte, whatever its content encoding.

    Raises DataError if the transfer does not start or end within the limits, the server reports an
    error, or the body is shorter than announced or larger than ``max_bytes``.
    """
    import requests
    from urllib3.exceptions import HTTPError

    end = monotonic() + limits.total
    try:
        with _open(url, limits) as response:
            if response.status_code != 200:
                raise DataError(f"the server answered {response.status_code} {response.reason}")
            return _body(response, max_bytes, end, limits, progress)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise DataError(f"the transfer failed ({_cause(error)})") from error


def _open(url: str, limits: Limits) -> "Response":
    """Send the request from a thread: a name look-up has no time-out of its own."""
    import requests

    answers: queue.SimpleQueue[Response | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            patience = (limits.answer, limits.silence)
            headers = {"Accept-Encoding": "identity"}
            answers.put(requests.get(url, stream=True, timeout=patience, headers=headers))
        except Exception as error:  # raised again in the waiting thread
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=limits.answer)
    except queue.Empty:
        raise DataError(f"no answer within {limits.answer:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _body(
    response: "Response", max_bytes: int, end: float, limits: Limits, progress: Progress | None
) -> bytes:
    """Read the body in pieces as they arrive, so that a slow transfer cannot exceed the limit."""
    length = response.headers.get("Content-Length", "")
    expected = int(length) if length.isdecimal() else None
    body = bytearray()
    while piece := response.raw.read1(2**16, decode_content=False):
        body += piece
        if len(body) > max_bytes:
            raise DataError(f"more than the {max_bytes:,} bytes allowed; stopped")
        if monotonic() > end:
            raise DataError(f"gave up after {limits.total:g} s with {len(body):,} bytes received")
        if progress:
            progress(response.url, len(body), expected)
    if expected is not None and len(body) < expected:
        raise DataError(f"the server announced {expected:,} bytes and sent {len(body):,}")
    return bytes(body)


def _cause(error: BaseException) -> str:
    """The innermost reason; the outer layers repeat the URL and their own names."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
