"""What a Dask worker executes: it says what it is like, and trains in processes of its own.

A training is a process of its own here as well, with its libraries and thread counts; so the bytes
of its record are those of a local one. It writes into a folder of the worker, and what it has
written is sent back: only the asker writes into a run's folder.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distributed import Worker, get_worker

from experiments.harness.records.environment import environment, packages_digest, suite_digest
from experiments.harness.workers.pool import Pool
from experiments.harness.workers.processes import CellFailed, NoRoom
from frameworks.backends import BACKENDS
from frameworks.files import write_whole

__all__ = ["THREADS", "Order", "Traits", "admit", "release", "survey", "train"]

THREADS = "lockstep-threads"  # the resource that the trainings of all commands share
_IDLE = 60.0  # seconds after which processes are ended that wait for a command that may be gone


class Abandoned(Exception):
    """A training that nobody waits for any more."""


@dataclass(frozen=True)
class Traits:
    """What a worker is like: equal traits, equal bytes."""

    environment: dict[str, Any]
    packages: dict[str, str]  # by implementation, the digest of the files of its frameworks
    suite: str  # the digest of our own code; empty where it has changed since it was loaded


@dataclass(frozen=True)
class Order:
    """What a worker is to train: cells of one implementation, together if there are several.

    run : names the command that asks; its processes serve nobody else
    number : of the order; what is said of its progress bears it
    cells : as `Job.to_json` gives them, but for the folder and the page
    data_sha256 : of the packed data set
    page : the files of a user's own page by their paths below a folder, the page itself first
    """

    run: str
    number: int
    implementation: str
    cells: list[dict[str, Any]]
    threads: int
    timeout: float
    data_sha256: str
    page: dict[str, bytes] = field(default_factory=dict)


Delivery = tuple[str | None, list[tuple[bytes, bytes]]]  # why it failed; records and their arrays


async def survey(threads: int, implementations: list[str]) -> Traits:
    """Return what this worker is like now, whatever it was when it began."""
    return await asyncio.to_thread(traits, threads, implementations)


def traits(threads: int, implementations: list[str]) -> Traits:
    """Return what this machine is like."""
    packages_digest.cache_clear()  # a worker may live longer than what is installed
    digests = {name: packages_digest(BACKENDS[name].packages) for name in implementations}
    suite = suite_digest() if _own_code() == _LOADED else ""
    return Traits(environment(threads), digests, suite)


def _own_code() -> str:
    """Return the SHA-256 of the files that this process is made of, as they are now."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


_LOADED = _own_code()  # it stays that, whatever the checkout becomes


async def admit(ticket: str, dask_worker: Worker) -> None:
    """Give this worker what a command's tasks ask for: its ticket, and all commands' threads."""
    await dask_worker.set_resources(**{ticket: 1, THREADS: dask_worker.state.nthreads})


def train(order: Order, data: bytes) -> Delivery:
    """Carry out an order: return why it failed, or None, and what is finished.

    NoRoom or OSError for what another worker may be able to do.
    """
    worker = get_worker()
    say = _speaker(worker, order)
    say(began=True)
    folder = Path(worker.local_directory) / "lockstep"
    packed = _keep(folder / f"data-{order.data_sha256}", data, order.data_sha256)
    page = _keep_page(folder, order.page)
    with TemporaryDirectory(dir=folder) as run:
        (Path(run) / "cells").mkdir()
        cells = [_placed(cell, run, page) for cell in order.cells]
        job, wanted = {"cells": cells, "data": str(packed)}, _wanted(worker)
        error = _train_in_pool(order, job, _reporter(say, wanted), wanted)
        records = sorted(Path(run, "cells").glob("*.json"))
        return error, [
            (record.read_bytes(), record.with_suffix(".safetensors").read_bytes())
            for record in records
        ]


def _train_in_pool(
    order: Order,
    job: dict[str, Any],
    report: Callable[[int, float], None],
    wanted: Callable[[], bool],
) -> str | None:
    with _Serving(order) as pool:
        try:
            pool.train(order.implementation, job, report, order.timeout, wanted)
        except NoRoom:
            if not pool.close_idle():
                raise
            pool.train(order.implementation, job, report, order.timeout, wanted)
        except CellFailed as failure:
            return str(failure)
    return None


def _placed(cell: dict[str, Any], folder: str, page: str) -> dict[str, Any]:
    """Return a cell that is to be trained in a folder of this worker."""
    return cell | {"folder": folder, "cell": cell["cell"] | {"page": page}}


def _speaker(worker: Worker, order: Order) -> Callable[..., None]:
    def say(**what: Any) -> None:
        worker.log_event(order.run, {"number": order.number, "worker": worker.address, **what})

    return say


def _wanted(worker: Worker) -> Callable[[], bool]:
    """Return what says whether this thread's task is still waited for, however its asker ended."""
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    return wanted


def _reporter(say: Callable[..., None], wanted: Callable[[], bool]) -> Callable[[int, float], None]:
    """Return what tells the asker of epochs, and ends a training that nobody waits for."""

    def report(epoch: int, loss: float) -> None:
        if not wanted():
            raise Abandoned("nobody waits for it any more")
        say(epoch=epoch, loss=loss)

    return report


def _keep(path: Path, content: bytes, digest: str) -> Path:
    """Write what was sent, unless it is here; OSError if it is not what was to be sent."""
    if not path.exists():
        if sha256(content).hexdigest() != digest:
            raise OSError(f"{path.name}: what arrived has another SHA-256")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    return path


def _keep_page(folder: Path, files: dict[str, bytes]) -> str:
    """Write a user's own page and what it imports; return the page's path, or an empty string."""
    if not files:
        return ""
    digest = sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\n" + sha256(content).digest())
    own = folder / f"page-{digest.hexdigest()}"
    for name, content in files.items():
        _keep(own / name, content, sha256(content).hexdigest())
    return str(own / next(iter(files)))


_pools: dict[str, Pool] = {}  # of the commands that are served here, by run
_closing: dict[str, threading.Timer] = {}
_released: set[str] = set()  # runs that have ended: a task of theirs may still be on its way
_lock = threading.Lock()


class _Serving:
    """Gives a run its processes, and ends those that wait when it asks for nothing more."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def __enter__(self) -> Pool:
        with _lock:
            if self._order.run in _released:
                raise Abandoned(self._order.run)
            if timer := _closing.pop(self._order.run, None):
                timer.cancel()
            return _pools.setdefault(self._order.run, Pool(self._order.threads))

    def __exit__(self, *exc: object) -> None:
        run = self._order.run
        with _lock:
            pool = _pools.get(run)
            if pool is not None and run not in _closing:
                timer = _closing[run] = threading.Timer(_IDLE, pool.close_idle)
                timer.daemon = True
                timer.start()


async def release(run: str) -> None:
    """End a run's processes here, also in the middle of a training."""
    await asyncio.to_thread(_release, run)


def _release(run: str) -> None:
    with _lock:
        _released.add(run)
        pool, timer = _pools.pop(run, None), _closing.pop(run, None)
    if timer:
        timer.cancel()
    if pool:
        pool.close()
