"""The download against a server that serves, lies, stalls, or is not there."""

import socket
from time import monotonic

import pytest

from datasets import DataError
from datasets.download import Limits, receive

LIMITS = Limits(answer=0.4, silence=0.4, total=0.8)
BODY = bytes(range(256)) * 500


def answer(length: int | None, *pieces: bytes, pause=lambda: None):
    """A reply that announces ``length`` bytes and sends ``pieces``, pausing after each."""

    def reply(handler) -> None:
        handler.send_response(200)
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        try:
            for piece in pieces:
                handler.wfile.write(piece)
                pause()
        except OSError:  # the client has gone, as it should
            pass

    return reply


@pytest.mark.parametrize("length", [len(BODY), None])
def test_the_body_arrives_byte_for_byte(server, length):
    server.replies["/a"] = answer(length, BODY)
    assert receive(f"{server.url}/a", len(BODY), LIMITS) == BODY


def test_progress_is_told_the_total(server):
    calls = []
    server.replies["/a"] = BODY
    receive(f"{server.url}/a", len(BODY), LIMITS, lambda *call: calls.append(call))
    assert calls[-1] == (f"{server.url}/a", len(BODY), len(BODY))


def test_a_missing_file_is_an_error_with_its_status(server):
    with pytest.raises(DataError, match="the server answered 404 Not Found"):
        receive(f"{server.url}/nothing", 10, LIMITS)


def test_a_body_shorter_than_announced_is_an_error(server):
    server.replies["/a"] = answer(len(BODY) + 5, BODY)
    with pytest.raises(DataError, match="128000 bytes read, 5 more expected|announced 128,005"):
        receive(f"{server.url}/a", 10**6, LIMITS)


def test_a_body_without_end_stops_at_the_size_that_is_possible(server):
    server.replies["/a"] = answer(None, *[BODY] * 50)
    with pytest.raises(DataError, match="more than the 1,000 bytes allowed"):
        receive(f"{server.url}/a", 1000, LIMITS)


def test_a_server_that_never_answers_is_left(server):
    server.replies["/a"] = lambda handler: server.closing.wait(5)
    start = monotonic()
    with pytest.raises(DataError, match="no answer within 0.4 s|timed out"):
        receive(f"{server.url}/a", 10, LIMITS)
    assert monotonic() - start < 3  # not a speed: the server would keep us for 5 s


def test_a_server_that_falls_silent_is_left(server):
    server.replies["/a"] = answer(len(BODY), BODY[:100], pause=lambda: server.closing.wait(5))
    with pytest.raises(DataError, match="the transfer failed .*timed out"):
        receive(f"{server.url}/a", 10**6, LIMITS)


def test_a_trickle_is_cut_off_at_the_total_limit(server):
    pieces = [b"x"] * 100
    server.replies["/a"] = answer(100, *pieces, pause=lambda: server.closing.wait(0.05))
    with pytest.raises(DataError, match="gave up after 0.8 s with .* bytes received"):
        receive(f"{server.url}/a", 10**6, LIMITS)


def test_nobody_listening_is_an_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="the transfer failed .*refused"):
        receive(f"http://127.0.0.1:{port}/a", 10, LIMITS)


def test_an_address_that_is_none_is_an_error():
    with pytest.raises(DataError, match="the transfer failed .*No scheme supplied"):
        receive("files/a", 10, LIMITS)


def test_a_name_look_up_that_hangs_is_left(server, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: server.closing.wait(5))
    with pytest.raises(DataError, match="no answer within 0.4 s"):
        receive(f"{server.url}/a", 10, LIMITS)
