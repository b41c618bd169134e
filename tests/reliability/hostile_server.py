"""A server that misbehaves in forty ways, each under a path of its own."""

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote

Act = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
JUNK = b"x" * 2**16
BOMB = gzip.compress(bytes(64 * 2**20))


def say(*pieces: bytes, then: Act = lambda peer: None) -> Act:
    """Send pieces, do something, and close."""

    def act(peer: socket.socket) -> None:
        peer.sendall(b"".join(pieces))
        then(peer)

    return act


def forever(piece: bytes, pause: float = 0.0) -> Act:
    """Send a piece without end, until the client has gone."""

    def act(peer: socket.socket) -> None:
        while True:
            peer.sendall(piece)
            time.sleep(pause)

    return act


def silence(peer: socket.socket) -> None:
    peer.settimeout(None)
    while peer.recv(2**16):
        pass


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def redirect(to: bytes, *pieces: bytes, then: Act = lambda peer: None) -> Act:
    return say(b"HTTP/1.1 302 Found\r\nLocation: ", to, b"\r\n", *pieces, then=then)


BODY = b"Content-Length: 10\r\n\r\n0123456789"
MISBEHAVIOURS: dict[str, Act] = {
    # before an answer
    "says nothing": silence,
    "closes at once": say(),
    "resets at once": reset,
    "speaks another protocol": say(b"220 ftp ready\r\n"),
    "endless junk": forever(JUNK),
    "endless status line": say(b"HTTP/1.1 200 ", then=forever(b"O" * 2**16)),
    "a trickle of a status line": say(b"HTTP/1.1 200 ", then=forever(b"O", 0.02)),
    "endless 100 Continue": forever(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless 103 Early Hints": forever(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "endless headers": say(OK, then=forever(b"A: b\r\n")),
    "an endless header": say(OK + b"A: ", then=forever(JUNK)),
    "a trickle of headers": say(OK, then=forever(b"A: b\r\n", 0.02)),
    "headers cut off": say(OK + b"Content-Le"),
    "a status that is no number": say(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a status of 10,000 digits": say(b"HTTP/1.1 " + b"2" * 10_000 + b" OK\r\n\r\n"),
    "a reason of 60,000 characters": say(b"HTTP/1.1 503 " + b"y" * 60_000 + b"\r\n\r\n"),
    "a reason with terminal sequences": say(b"HTTP/1.1 503 \x1b[31m\r\n\r\n"),
    # redirects
    "redirects to itself": redirect(b"/redirects%20to%20itself", b"Content-Length: 0\r\n\r\n"),
    "redirects with an endless body": redirect(b"/fine", b"\r\n", then=forever(JUNK)),
    "redirects with a bombed body": redirect(
        b"/fine", b"Content-Encoding: gzip\r\n\r\n", BOMB, then=forever(JUNK)
    ),
    "redirects with endless chunks": redirect(
        b"/fine", b"Transfer-Encoding: chunked\r\n\r\n", then=forever(b"5\r\nabcde\r\n")
    ),
    "redirects with a body that never comes": redirect(
        b"/fine", b"Content-Length: 99\r\n\r\n", then=silence
    ),
    "redirects to a file": redirect(b"file:///etc/passwd", b"Content-Length: 0\r\n\r\n"),
    "redirects to nowhere": redirect(b"http://[::bad", b"Content-Length: 0\r\n\r\n"),
    "redirects to a closed port": redirect(b"http://127.0.0.1:1/", b"Content-Length: 0\r\n\r\n"),
    "redirects to 60,000 characters": redirect(b"/" + b"z" * 60_000, b"Content-Length: 0\r\n\r\n"),
    # the body
    "a body that never comes": say(OK, b"Content-Length: 10\r\n\r\n", then=silence),
    "a trickle of a body": say(OK, b"\r\n", then=forever(b"x", 0.02)),
    "an endless body": say(OK, b"\r\n", then=forever(JUNK)),
    "a body longer than announced": say(OK, b"Content-Length: 2000000\r\n\r\n", then=forever(JUNK)),
    "a body shorter than announced": say(OK, b"Content-Length: 99\r\n\r\n0123456789"),
    "a length of 10,000 digits": say(OK, b"Content-Length: ", b"9" * 10_000, b"\r\n\r\n", JUNK),
    "two lengths": say(OK, b"Content-Length: 5\r\n" + BODY),
    "a length below nothing": say(OK, b"Content-Length: -5\r\n\r\n", then=forever(JUNK)),
    "a bomb": say(OK, b"Content-Encoding: gzip\r\n\r\n", BOMB, then=forever(JUNK)),
    "a bomb in a bomb": say(OK, b"Content-Encoding: deflate, gzip\r\n\r\n", zlib.compress(BOMB)),
    # chunks
    "endless chunks": say(CHUNKED, then=forever(b"5\r\nabcde\r\n")),
    "a chunk of 2**60": say(CHUNKED, b"1000000000000000\r\n", then=forever(JUNK)),
    "a chunk whose size never ends": say(CHUNKED, then=forever(b"1" * 2**16)),
    "endless trailers": say(CHUNKED, b"5\r\nabcde\r\n0\r\n", then=forever(b"A: b\r\n")),
    "an endless trailer": say(CHUNKED, b"5\r\nabcde\r\n0\r\nA: ", then=forever(JUNK)),
    "a trickle of trailers": say(CHUNKED, b"5\r\nabcde\r\n0\r\n", then=forever(b"A: b\r\n", 0.02)),
}
FINE: dict[str, Act] = {"fine": say(OK, BODY)}


@contextmanager
def serving() -> Iterator[str]:
    """Serve all of them on this machine; yield the address."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _accept(listener: socket.socket) -> None:
    with suppress(OSError):  # closed
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=_answer, args=(peer,), daemon=True).start()


def _answer(peer: socket.socket) -> None:
    with peer, suppress(OSError):
        asked = peer.recv(2**20).split()
        path = unquote(asked[1].decode())[1:] if asked else ""
        (MISBEHAVIOURS | FINE).get(path, FINE["fine"])(peer)
