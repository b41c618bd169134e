"""Train cells in worker processes: who trains what when, and what is kept of it."""

import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import suppress
from functools import partial
from typing import Protocol

from experiments.harness.cell import Cell, Group, Job
from experiments.harness.records.models import Head, Record
from experiments.harness.records.store import Store
from experiments.harness.workers.crew import Crew
from experiments.harness.workers.processes import CellFailed, NoRoom, Worker, WorkerDied
from frameworks.backends import BACKENDS

__all__ = ["Progress", "Runner"]

Heads = dict[Cell, Head]

_SECONDS_BETWEEN_LOOKS = 0.2  # a signal that comes just before a wait is only seen after it


class Progress(Protocol):
    """Whoever shows how far the training is; called from several threads."""

    def started(self, group: Group) -> None:
        """Note that cells begin to be trained together, their libraries' import included."""

    def at(self, group: Group, epoch: int, loss: float) -> None:
        """Note the latest epoch and its loss, the mean of all."""

    def ended(self, group: Group, done: Group, error: str | None) -> None:
        """Note which cells of a group are trained, or why they failed; others follow alone."""


class Runner:
    """Trains cells with `jobs` at a time, each implementation in processes of its own.

    A process serves one cell after the other, so a framework is loaded once. One that dies is a
    failed cell, and the next cell gets a new one. Seeds of one cell are trained together where the
    implementation can do so; where that fails, each is trained alone.
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
        self._crew = Crew(self._jobs, self._train)
        try:
            futures = {self._crew.submit(group): group for group in self._grouped(heads)}
            while futures:
                done, _ = wait(futures, _SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for future in done:
                    group, left = futures.pop(future), future.result()
                    futures |= {self._crew.submit(each): each for each in left}
                    for cell in [cell for cell in group if not any(cell in each for each in left)]:
                        more = self._grouped(then(cell))
                        futures |= {self._crew.submit(each): each for each in more}
                        yield cell
        finally:
            self._stop()
            self._crew.close()

    def _grouped(self, heads: Heads) -> list[Heads]:
        """Put together what can be trained together, divided among the jobs; keep the order."""
        groups: dict[Cell, list[Cell]] = defaultdict(list)
        for cell in heads:
            together = BACKENDS[cell.implementation].together and cell.mode == "lockstep"
            groups[cell.alike if together else cell].append(cell)
        parts = []
        for group in groups.values():
            size = -(-len(group) // self._jobs)
            parts += [group[i : i + size] for i in range(0, len(group), size)]
        place = {cell: i for i, cell in enumerate(heads)}
        parts.sort(key=lambda part: place[part[0]])
        return [{cell: heads[cell] for cell in part} for part in parts]

    def _train(self, heads: Heads) -> list[Heads]:
        """Train cells together; return those that are still to be trained, in groups."""
        group = tuple(heads)
        self._progress.started(group)
        missing = BACKENDS[group[0].implementation].missing()
        error = missing or self._train_in_worker(heads)
        if self._stopped:
            return []
        if len(group) == 1:
            self._end(group[0], heads[group[0]], error, bool(missing))
            return []
        left = {cell: head for cell, head in heads.items() if not self._is_finished(cell, head)}
        done = tuple(cell for cell in group if cell not in left)
        self._progress.ended(group, done, None)
        if error or not done:  # at least one of them cannot be trained with others
            return [{cell: head} for cell, head in left.items()]
        return [left] if left else []

    def _end(self, cell: Cell, head: Head, error: str | None, missing: bool) -> None:
        """Take a cell that was trained alone for finished, or else for failed."""
        if self._is_finished(cell, head):
            error = None  # also where the worker died between writing the record and saying so
        else:
            error = error or "the worker process has written no record of it"
            self._store.save(_failed(head, error, missing), {})
        self._progress.ended((cell,), (cell,), error)

    def _train_in_worker(self, heads: Heads) -> str | None:
        """Return why it failed, or None; NoRoom if others can do it later."""
        while True:
            try:
                return self._train_in_one(heads)
            except NoRoom as failure:
                if self._close_idle():
                    continue
                if self._stopped or not self._crew.shrink():
                    return str(failure)
                self._progress.ended(tuple(heads), (), None)
                raise

    def _train_in_one(self, heads: Heads) -> str | None:
        cells = [Job(*each, self._store.folder).to_json() for each in heads.items()]
        group = tuple(heads)
        name = group[0].implementation
        try:
            worker, error = self._borrow(name), None
        except OSError as failure:  # too many processes, for example
            raise NoRoom(f"no worker process could be started: {failure}") from failure
        try:
            report = partial(self._progress.at, group)
            worker.run({"cells": cells}, report, self._timeout)
        except CellFailed as failure:
            error = failure
        with self._lock:
            self._busy.remove(worker)
            if isinstance(error, WorkerDied | NoRoom):
                worker.close()
            else:
                self._idle[name].append(worker)
        if isinstance(error, NoRoom):
            raise error
        return str(error) if error else None

    def _is_finished(self, cell: Cell, head: Head) -> bool:
        record = self._store.load(cell.key)
        return record is not None and record.ok and record.fingerprint == head.fingerprint

    def _borrow(self, implementation: str) -> Worker:
        with self._lock:
            if self._stopped:
                raise NoRoom("stopped")
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

    def _close_idle(self) -> bool:
        """End the processes that wait for work; say whether there were any."""
        with self._lock:
            idle = [worker for waiting in self._idle.values() for worker in waiting]
            self._idle.clear()
            for worker in idle:
                worker.close()
        return bool(idle)

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for worker in [*self._busy, *(w for idle in self._idle.values() for w in idle)]:
                with suppress(OSError):
                    worker.close()
            self._idle.clear()


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
