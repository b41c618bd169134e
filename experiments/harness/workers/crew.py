"""Threads that work, as many as are asked for, or as the system allows."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from experiments.harness.workers.processes import NoRoom
from frameworks.errors import RequestError

__all__ = ["Crew"]


class Crew:
    """Threads that do jobs in turn, no more than there were jobs; they keep no process from ending.

    A job that finds no room for what it needs, and raises NoRoom, is done later by those that had
    room: its own thread leaves. `work` does one job, and asks `shrink` whether it may raise that.
    """

    def __init__(self, size: int, work: Callable[[Any], Any]) -> None:
        """Start the first of `size` threads; RequestError if not even one can be started."""
        self._work, self._lock = work, threading.Lock()
        self._jobs: SimpleQueue[tuple[Future, Any] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._allowed, self._submitted, self._size = size, 0, 0
        try:
            self._grow()
        except RuntimeError as error:
            raise RequestError(f"{error}; allow more processes, as by ulimit -u") from error

    def submit(self, job: Any) -> Future:
        """Return what a job will come to."""
        future: Future = Future()
        self._jobs.put((future, job))
        self._submitted += 1
        if len(self._threads) < min(self._submitted, self._allowed):
            try:
                self._grow()
            except RuntimeError:  # those that there are do it
                self._allowed = len(self._threads)
        return future

    def shrink(self) -> bool:
        """Say whether one may leave, as others stay."""
        with self._lock:
            may = self._size > 1
            self._size -= may
            self._allowed = 0  # where there is no room, no further thread is of use
            return may

    def close(self) -> None:
        """Wait for what is being done; leave what has not been begun."""
        with suppress(Empty):
            while True:
                self._jobs.get_nowait()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _grow(self) -> None:
        thread = threading.Thread(target=self._serve, daemon=True)
        with self._lock:
            self._size += 1
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._size -= 1
            raise
        self._threads.append(thread)

    def _serve(self) -> None:
        while item := self._jobs.get():
            future, job = item
            try:
                future.set_result(self._work(job))
            except NoRoom:
                self._jobs.put(item)
                return
            except BaseException as error:  # it belongs to whoever waits
                future.set_exception(error)
