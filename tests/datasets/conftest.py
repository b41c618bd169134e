"""An isolated place for every test, a tiny data set, and a local server that can misbehave."""

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from datasets import cache
from datasets.churn import CHURN
from datasets.download import Limits
from datasets.idx import encode_idx
from datasets.mnist import MNIST
from datasets.recipe import Content, Recipe

REAL_DATA = os.environ.get("LOCKSTEP_DATA", "")
Reply = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """No user's folder, an empty cache, no public mirror, a proxy never, little patience."""
    monkeypatch.delenv("LOCKSTEP_DATA", raising=False)
    monkeypatch.delenv("LOCKSTEP_MIRROR", raising=False)
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(cache, "QUICK", Limits(answer=2, silence=2, total=4))
    monkeypatch.setattr(cache, "PATIENT", Limits(answer=2, silence=2, total=4))
    for recipe in (MNIST, CHURN):
        monkeypatch.setitem(recipe.__dict__, "mirrors", ())
    cache.forget_failures()


@pytest.fixture
def real_folder() -> Path:
    """The folder with the real MNIST and churn files."""
    if not REAL_DATA:
        pytest.skip("needs the real data: set LOCKSTEP_DATA to a folder that holds mnist/, churn/")
    return Path(REAL_DATA)


@dataclass(frozen=True)
class Tiny:
    """A data set in MNIST's form whose canonical content is 12 + 5 random images."""

    recipe: Recipe
    contents: dict[str, bytes]

    def served(self) -> dict[str, bytes]:
        """What a mirror serves, by path."""
        return {f"/{path}.gz": gzip.compress(data) for path, data in self.contents.items()}

    def write(self, folder: Path) -> Path:
        """Lay out a data folder."""
        for path, body in self.served().items():
            target = folder / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
        return folder


@pytest.fixture
def tiny() -> Tiny:
    rng = np.random.default_rng(5)
    arrays = [
        array
        for n in (12, 5)
        for array in (
            rng.integers(0, 256, (n, 28, 28), dtype=np.uint8),
            np.arange(n, dtype=np.uint8) % 10,
        )
    ]
    contents = {f.path: encode_idx(a) for f, a in zip(MNIST.files, arrays, strict=True)}
    files = tuple(
        replace(f, sha256=Content(contents[f.path]).sha256, size=len(contents[f.path]))
        for f in MNIST.files
    )
    return Tiny(replace(MNIST, files=files), contents)


@dataclass
class Server:
    """Serves ``replies`` by path and counts what was asked; unknown paths are 404."""

    url: str = ""
    replies: dict[str, bytes | Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """A server on this machine, already named by LOCKSTEP_MIRROR."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            reply = state.replies.get(self.path)
            if reply is None:
                self.send_error(404)
            elif callable(reply):
                reply(self)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}"
    monkeypatch.setenv("LOCKSTEP_MIRROR", state.url)
    yield state
    state.closing.set()
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def cached(tmp_path) -> Callable[[], list[str]]:
    """List what the cache holds, temporary files included."""
    folder = tmp_path / "cache"
    return lambda: sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
