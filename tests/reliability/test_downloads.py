"""Whatever a server sends, and whoever fetches at the same time: only verified content is used."""

import gzip
import json
import subprocess
import sys
import threading

import numpy as np
import pytest

from datasets import DataError, cache
from datasets.cache import ensure_cached
from datasets.idx import encode_idx
from datasets.policy import obtain

from ..datasets.conftest import cached, isolated, server, tiny  # noqa: F401 - fixtures

IMAGES = "mnist/train-images-idx3-ubyte"

FETCH = """
import json, sys
from dataclasses import replace
from datasets.cache import ensure_cached
from datasets.mnist import MNIST
known = json.loads(sys.argv[1])
files = [replace(f, sha256=known[f.path][0], size=known[f.path][1]) for f in MNIST.files]
for _ in range(int(sys.argv[2])):
    found = ensure_cached(replace(MNIST, files=tuple(files), mirrors=()), patient=True)
print(found.how)
"""


def fetch(tiny, times=1):  # noqa: F811
    """Start a process that fetches; it inherits the server and the cache from the environment."""
    known = {file.path: (file.sha256, file.size) for file in tiny.recipe.files}
    command = [sys.executable, "-c", FETCH, json.dumps(known), str(times)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes)


def redirect(to):
    def reply(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return reply


def with_header(name, value, body):
    def reply(handler):
        handler.send_response(200)
        handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def failing_status(handler):
    handler.send_response(500, "\x1b[2J<b>gone</b>")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def stalling(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b"\x1f\x8b" + bytes(100))
    handler.wfile.flush()
    threading.Event().wait(3)


WRONG = {
    "a redirect to a file": lambda body: redirect("file:///etc/passwd"),
    "a redirect to itself": lambda body: redirect(f"/{IMAGES}.gz"),
    "a redirect to nowhere": lambda body: redirect("http://127.0.0.1:1/"),
    "a redirect to no address": lambda body: redirect("http://[::"),
    "more than it declares": lambda body: with_header("Content-Length", str(len(body) - 9), body),
    "less than it declares": lambda body: with_header("Content-Length", str(len(body) + 9), body),
    "a length that is no number": lambda body: with_header("Content-Length", "\xb2", body[:-9]),
    "a negative length": lambda body: with_header("Content-Length", "-5", body[:-9]),
    "a length of 2**80": lambda body: with_header("Content-Length", str(2**80), body),
    "another encoding": lambda body: with_header("Content-Encoding", "br", body[9:]),
    "a bomb": lambda body: gzip.compress(bytes(2**26)),
    "a status that acts": lambda body: failing_status,
    "silence": lambda body: stalling,
    "a web page": lambda body: b"<html>sign in</html>",
    "one bit flipped": lambda body: body[:-9] + bytes([body[-9] ^ 1]) + body[-8:],
    "another array": lambda body: gzip.compress(encode_idx(np.zeros((12, 28, 28), np.uint8))),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_content_never_reaches_the_cache(kind, server, tiny, cached):  # noqa: F811
    served = tiny.served()
    server.replies.update(served)
    server.replies[f"/{IMAGES}.gz"] = WRONG[kind](served[f"/{IMAGES}.gz"])
    with pytest.raises(DataError) as error:
        ensure_cached(tiny.recipe)
    assert f"/{IMAGES}.gz: " in str(error.value)
    assert "\x1b" not in str(error.value)
    assert not [path for path in cached() if path.endswith("idx3-ubyte")]
    assert obtain(tiny.recipe, "auto", None).source == "stand-in"


def test_two_processes_that_fetch_at_once_do_no_harm(server, tiny, cached, torture, figure):  # noqa: F811
    """The server holds the first file back until both have asked for it."""
    rounds, together = 20 if torture else 2, 0
    for number in range(rounds):
        both = threading.Barrier(2, timeout=60)
        server.replies.update(tiny.served())
        body = server.replies[f"/{IMAGES}.gz"]

        def hold(handler, both=both, body=body):
            both.wait()
            with_header("Content-Length", str(len(body)), body)(handler)

        server.replies[f"/{IMAGES}.gz"] = hold
        processes = [fetch(tiny) for _ in range(2)]
        answers = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0, 0], answers
        together += not both.broken
        assert cached() == sorted(tiny.contents), number
        for path in tiny.recipe.files:
            held = cache.cache_folder() / path.path
            assert held.read_bytes() == tiny.contents[path.path]
            held.unlink()
    assert together == rounds
    figure(f"{rounds} times two processes fetched four files at once: each file whole")


def test_a_process_that_is_killed_while_it_fetches_leaves_no_wrong_file(
    server,  # noqa: F811
    tiny,  # noqa: F811
    cached,  # noqa: F811
):
    server.replies.update(tiny.served())
    asked = threading.Event()
    body = server.replies[f"/{IMAGES}.gz"]

    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:100])
        handler.wfile.flush()
        asked.set()
        server.closing.wait(60)

    server.replies[f"/{IMAGES}.gz"] = half
    process = fetch(tiny)
    assert asked.wait(60)
    process.kill()
    process.communicate()
    assert not [path for path in cached() if path in tiny.contents]
    server.replies[f"/{IMAGES}.gz"] = body
    assert ensure_cached(tiny.recipe).how.startswith("downloaded")
    assert {*tiny.contents} <= {*cached()}


@pytest.mark.parametrize("path", ["mnist/train-labels-idx1-ubyte", IMAGES])
@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b[:-1] + b"!", lambda b: b""])
def test_a_cached_file_that_changed_is_noticed_before_use(path, change, server, tiny):  # noqa: F811
    server.replies.update(tiny.served())
    folder = ensure_cached(tiny.recipe).folder
    (folder / path).write_bytes(change(tiny.contents[path]))
    server.replies.clear()
    with pytest.raises(DataError, match=f"{path}: the cached file has changed and is not used"):
        obtain(tiny.recipe, "real", None)
    assert obtain(tiny.recipe, "auto", None).source == "stand-in"


def test_a_cached_file_that_changes_once_it_was_verified_is_noticed(
    server,  # noqa: F811
    tiny,  # noqa: F811
    monkeypatch,
):
    server.replies.update(tiny.served())
    found = ensure_cached(tiny.recipe)
    other = encode_idx(np.ones((12, 28, 28), np.uint8))  # it could be the file
    (found.folder / IMAGES).write_bytes(other)
    monkeypatch.setattr("datasets.policy.ensure_cached", lambda recipe: found)
    with pytest.raises(DataError, match=f"{IMAGES}: has changed since it was verified"):
        obtain(tiny.recipe, "auto", None)
