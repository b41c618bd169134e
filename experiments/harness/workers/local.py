"""Train on this machine, in worker processes."""

from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Self

from experiments.harness.cell import Job
from experiments.harness.interruption import undisturbed
from experiments.harness.records.store import Store
from experiments.harness.workers.crew import Crew
from experiments.harness.workers.place import Heads, Progress
from experiments.harness.workers.pool import Pool
from experiments.harness.workers.processes import CellFailed, NoRoom
from frameworks.backends import BACKENDS

__all__ = ["LocalProcesses"]


class LocalProcesses:
    """A `Place`: trains with `jobs` at a time, or with as many as the system allows."""

    def __init__(
        self,
        store: Store,
        jobs: int,
        threads: int,
        timeout: float,
        progress: Progress,
        begun: Mapping[str, str] | None = None,
    ) -> None:
        """Begin without a process.

        `timeout`: seconds without a finished epoch, after which a training has failed; `begun`: the
        environment of the processes (see `Worker`).
        """
        self._store, self._jobs, self._progress = store, jobs, progress
        self._timeout = timeout
        self._pool = Pool(threads, begun)

    def __enter__(self) -> Self:
        """Start the threads that wait for the processes; RequestError if none can be started."""
        self._crew = Crew(self._jobs, self._train)
        return self

    def __exit__(self, *exc: object) -> None:
        """End the processes, then the threads, whatever comes in the middle of it."""
        with undisturbed(), closing(self._crew), closing(self._pool):
            pass

    @property
    def parts(self) -> int:
        """See `Place`."""
        return self._jobs

    def missing(self, implementation: str) -> str | None:
        """See `Place`."""
        return BACKENDS[implementation].missing()

    def submit(self, heads: Heads) -> Future[str | None]:
        """See `Place`."""
        return self._crew.submit(heads)

    def _train(self, heads: Heads) -> str | None:
        """Return why it failed, or None; NoRoom if others can do it later."""
        group = tuple(heads)
        cells = [Job(*each, self._store.folder).to_json() for each in heads.items()]
        report = partial(self._progress.at, group)
        self._progress.started(group)
        while True:
            try:
                self._pool.train(group[0].implementation, {"cells": cells}, report, self._timeout)
            except NoRoom as failure:
                if self._pool.close_idle():
                    continue
                if self._pool.closed or not self._crew.shrink():
                    return str(failure)
                self._progress.ended(group, (), None)
                raise
            except CellFailed as failure:
                return str(failure)
            return None
