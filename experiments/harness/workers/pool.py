"""Worker processes that wait for their next cells, so that a framework is loaded once."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from experiments.harness.workers.processes import CellFailed, NoRoom, UsedUp, Worker, WorkerDied

__all__ = ["Pool"]


class Pool:
    """Processes of each implementation, as many as trainings run at a time.

    A process serves one cell after the other, but of users' own pages only one: what a page sets
    for the process is for no other. One that dies is a failed cell, and the next cell gets a new
    one. Used from several threads.
    """

    def __init__(self, threads: int, begun: Mapping[str, str] | None = None) -> None:
        """Begin without a process.

        `threads` are those of each training, and `begun` is the environment (see `Worker`).
        """
        self._threads, self._begun = threads, begun
        self._idle: dict[str, list[Worker]] = defaultdict(list)
        self._busy: list[Worker] = []
        self._lock = threading.Lock()
        self.closed = False

    def train(
        self,
        implementation: str,
        job: dict[str, Any],
        report: Callable[[int, float], None],
        timeout: float,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Have a process train what is sent to it (see `worker`).

        Raises CellFailed, NoRoom where no process can be had, and CannotWrite. What `report` raises
        ends the process, and so does it when it is no longer `wanted`.
        """
        try:
            worker = self._borrow(implementation, job["cells"][0]["cell"]["page"])
        except OSError as failure:  # too many processes, for example
            raise NoRoom(f"no worker process could be started: {failure}") from failure
        try:
            worker.run(job, report, timeout, wanted)
        except UsedUp:
            self._give_back(implementation, worker, usable=False)
            return self.train(implementation, job, report, timeout, wanted)
        except (WorkerDied, NoRoom):
            self._give_back(implementation, worker, usable=False)
            raise
        except CellFailed:
            self._give_back(implementation, worker, usable=True)
            raise
        except BaseException:
            self._give_back(implementation, worker, usable=False)
            raise
        self._give_back(implementation, worker, usable=True)

    def close_idle(self) -> bool:
        """End the processes that wait for work; say whether there were any."""
        with self._lock:
            idle = [worker for waiting in self._idle.values() for worker in waiting]
            self._idle.clear()
            for worker in idle:
                worker.close()
        return bool(idle)

    def close(self) -> None:
        """End all processes, also in the middle of a training; no other is started."""
        with self._lock, suppress(OSError), ExitStack() as closing:  # one that fails stops no other
            self.closed = True
            for worker in [*self._busy, *(w for idle in self._idle.values() for w in idle)]:
                closing.callback(worker.close)
            self._idle.clear()

    def _borrow(self, implementation: str, page: str) -> Worker:
        with self._lock:
            if self.closed:
                raise NoRoom("stopped")
            idle = self._idle[implementation]
            idle.sort(key=lambda worker: (worker.page == page, not worker.page))
            while idle:
                worker = idle.pop()
                if worker.is_alive and worker.page in ("", page):
                    break
                worker.close()
            else:
                worker = Worker(implementation, self._threads, {}, self._begun)
            worker.page = page
            self._busy.append(worker)
            return worker

    def _give_back(self, implementation: str, worker: Worker, usable: bool) -> None:
        with self._lock:
            self._busy.remove(worker)
            if usable:
                self._idle[implementation].append(worker)
            else:
                worker.close()
