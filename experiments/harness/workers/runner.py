"""Train cells, wherever that is: what is trained together, and what is kept of it."""

from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait

from experiments.harness.cell import Cell
from experiments.harness.records.models import Head, Record
from experiments.harness.records.store import Store
from experiments.harness.workers.place import Heads, Place, Progress
from frameworks.backends import BACKENDS

__all__ = ["Runner"]

_SECONDS_BETWEEN_LOOKS = 0.2  # a signal that comes just before a wait is only seen after it


class Runner:
    """Has cells trained in a place, and sees to it that each gets its record.

    Seeds of one cell are trained together where the implementation can do so; where that fails,
    each is trained alone.
    """

    def __init__(self, store: Store, place: Place, progress: Progress) -> None:
        self._store, self._place, self._progress = store, place, progress

    def run(self, heads: Heads, then: Callable[[Cell], Heads] = lambda cell: {}) -> Generator[Cell]:
        """Train the cells, see that their records are written, and yield each as it is finished.

        `then` is told each finished cell, and returns more to train. Left early, by Ctrl-C for
        example, what is being trained is ended; the records written so far stay. RequestError
        where nothing can be written any more.
        """
        with self._place:
            futures = {self._begin(group): group for group in self._grouped(heads)}
            while futures:
                done, _ = wait(futures, _SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for future in done:
                    group = futures.pop(future)
                    left = self._conclude(group, future.result())
                    futures |= {self._begin(each): each for each in left}
                    for cell in [cell for cell in group if not any(cell in each for each in left)]:
                        more = self._grouped(then(cell))
                        futures |= {self._begin(each): each for each in more}
                        yield cell

    def _grouped(self, heads: Heads) -> list[Heads]:
        """Put together what can be trained together, divided among the place's parts, in order."""
        groups: dict[Cell, list[Cell]] = defaultdict(list)
        for cell in heads:
            together = BACKENDS[cell.implementation].together and cell.mode == "lockstep"
            groups[cell.alike if together else cell].append(cell)
        parts = []
        for group in groups.values():
            size = -(-len(group) // self._place.parts)
            parts += [group[i : i + size] for i in range(0, len(group), size)]
        place = {cell: i for i, cell in enumerate(heads)}
        parts.sort(key=lambda part: place[part[0]])
        return [{cell: heads[cell] for cell in part} for part in parts]

    def _begin(self, heads: Heads) -> Future[str | None]:
        """Have cells trained together, unless a package is missing."""
        group = tuple(heads)
        missing = self._place.missing(group[0].implementation)
        if missing is None:
            return self._place.submit(heads)
        self._progress.started(group)
        future: Future[str | None] = Future()
        future.set_result(missing)
        return future

    def _conclude(self, heads: Heads, error: str | None) -> list[Heads]:
        """See what has come of cells; return those that are still to be trained, in groups."""
        group = tuple(heads)
        if len(group) == 1:
            self._end(group[0], heads[group[0]], error)
            return []
        left = {cell: head for cell, head in heads.items() if not self._is_finished(cell, head)}
        done = tuple(cell for cell in group if cell not in left)
        self._progress.ended(group, done, None)
        if error or not done:  # at least one of them cannot be trained with others
            return [{cell: head} for cell, head in left.items()]
        return [left] if left else []

    def _end(self, cell: Cell, head: Head, error: str | None) -> None:
        """Take a cell that was trained alone for finished, or else for failed."""
        if self._is_finished(cell, head):
            error = None  # also where the worker died between writing the record and saying so
        else:
            error = error or "the worker process has written no record of it"
            missing = error == self._place.missing(cell.implementation)
            self._store.save(_failed(head, error, missing), {})
        self._progress.ended((cell,), (cell,), error)

    def _is_finished(self, cell: Cell, head: Head) -> bool:
        record = self._store.load(cell.key)
        return record is not None and record.ok and record.fingerprint == head.fingerprint


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
