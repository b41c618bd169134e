"""Train cells in worker processes: who trains what when, and what is kept of it."""

import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Protocol

from experiments.harness.cell import Cell, Job
from experiments.harness.records.models import Head, Record
from experiments.harness.records.store import Store
from experiments.harness.workers.processes import CellFailed, Worker, WorkerDied
from frameworks.backends import BACKENDS

__all__ = ["Progress", "Runner"]

Heads = dict[Cell, Head]

_SECONDS_BETWEEN_LOOKS = 0.2  # a signal that comes just before a wait is only seen after it


class Progress(Protocol):
    """Whoever shows how far the training is; called from several threads."""

    def started(self, cell: Cell) -> None:
        """Note that a cell's training begins, its libraries' import included."""

    def at(self, cell: Cell, epoch: int, loss: float) -> None:
        """Note the latest epoch and its loss."""

    def ended(self, cell: Cell, error: str | None) -> None:
        """Note that a cell is trained, or why it failed."""


class Runner:
    """Trains cells with `jobs` at a time, each implementation in processes of its own.

    A process serves one cell after the other, so a framework is loaded once. One that dies is a
    failed cell, and the next cell gets a new one.
    """

    def __init__(
        self, store: Store, jobs: int, threads: int, timeout: float, progress: Progress
    ) -> None:
        self._store, self._jobs, self._threads, self._progress = store, jobs, threads, progress
        self._timeout = timeout  # seconds without a finished epoch, after which a training failed
        self._idle: dict[str, list[Worker]] = defaultdict(list)
        self._busy: list[Worker] = []
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, heads: Heads, then: Callable[[Cell], Heads] = lambda cell: {}) -> Generator[Cell]:
        """Train the cells, write their records, and yield each as it is finished.

        `heads` holds what a record says before training; `then` is told each finished cell, and
        returns more to train. Left early, by Ctrl-C for example, the processes are ended; the
        records written so far stay. RequestError where nothing can be written any more.
        """
        pool = ThreadPoolExecutor(self._jobs)
        try:
            futures = {pool.submit(self._train, cell, head): cell for cell, head in heads.items()}
            while futures:
                done, _ = wait(futures, _SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for future in done:
                    future.result()
                    cell = futures.pop(future)
                    for more, head in then(cell).items():
                        futures[pool.submit(self._train, more, head)] = more
                    yield cell
        finally:
            self._stop()
            pool.shutdown(cancel_futures=True)

    def _train(self, cell: Cell, head: Head) -> None:
        self._progress.started(cell)
        missing = BACKENDS[cell.implementation].missing()
        error = missing or self._train_in_worker(cell, head)
        if self._stopped:
            return
        if error:
            self._store.save(_failed(head, error, bool(missing)), {})
        self._progress.ended(cell, error)

    def _train_in_worker(self, cell: Cell, head: Head) -> str | None:
        job = Job(cell, head, self._store.folder).to_json()
        try:
            worker, error = self._borrow(cell.implementation), None
        except OSError as failure:  # too many processes, for example
            return f"no worker process could be started: {failure}"
        try:
            worker.run(job, lambda *now: self._progress.at(cell, *now), self._timeout)
        except CellFailed as failure:
            error = failure
        with self._lock:
            self._busy.remove(worker)
            if isinstance(error, WorkerDied):
                worker.close()
            else:
                self._idle[cell.implementation].append(worker)
        if isinstance(error, WorkerDied) and self._is_finished(cell, head):
            return None  # it died between writing the record and saying so
        return str(error) if error else None

    def _is_finished(self, cell: Cell, head: Head) -> bool:
        record = self._store.load(cell.key)
        return record is not None and record.ok and record.fingerprint == head.fingerprint

    def _borrow(self, implementation: str) -> Worker:
        with self._lock:
            idle = self._idle[implementation]
            while idle:
                worker = idle.pop()
                if worker.is_alive:
                    break
                worker.close()
            else:
                worker = Worker(implementation, self._threads)
            self._busy.append(worker)
            return worker

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for worker in [*self._busy, *(w for idle in self._idle.values() for w in idle)]:
                with suppress(OSError):
                    worker.close()


def _failed(head: Head, error: str, missing: bool) -> Record:
    """Return the record of a training that failed."""
    return Record(
        **dict(head),
        history=None,
        test=None,
        status="failed",
        error=error,
        missing=missing,
    )
