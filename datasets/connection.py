"""HTTP connections that can be ended from outside, whatever the server keeps them busy with."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from requests import Response, Session
from requests.adapters import HTTPAdapter


class Connections:
    """The connections of one transfer: none is left once they are ended.

    A server that never stops sending headers or trailers is read inside the library, where no
    time-out counts; closing the socket is what ends that.
    """

    def __init__(self) -> None:
        self._session = _Session()
        self._opened: list[socket.socket] = []
        self._lock, self._ended = threading.Lock(), False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self._note))

    def ask(self, url: str, answer: float, silence: float) -> Response:
        """Send a request, and return its answer before any of its body is read.

        A redirect is not followed.
        """
        return self._session.get(
            url,
            stream=True,
            timeout=(answer, silence),
            headers={"Accept-Encoding": "identity"},
        )

    def end(self) -> None:
        """Close all connections, and those that are opened after this."""
        with self._lock:
            self._ended = True
            for opened in self._opened:
                _shut(opened)

    def _note(self, opened: socket.socket) -> None:
        with self._lock:
            self._opened.append(opened)
            if self._ended:
                _shut(opened)


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # closed already
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


class _Session(Session):
    """Follows no redirect: it would read its body first, whatever the length."""

    def get_redirect_target(self, resp: Response) -> None:
        return None


class _Adapter(HTTPAdapter):
    """Tells of every connection that is made."""

    def __init__(self, note: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._told = note

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        pool, told = super().get_connection_with_tls_context(*arguments, **options), self._told

        class Noted(pool.ConnectionCls):  # type: ignore[name-defined]
            def connect(self) -> None:
                super().connect()
                told(self.sock)  # the connection forgets it once it has been answered

        pool.ConnectionCls = Noted
        return pool
