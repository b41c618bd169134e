"""Cells as tasks of a Dask cluster: sent, followed, and written down as they come back."""

import os
import threading
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Self

from experiments.harness.cell import Cell, Job
from experiments.harness.experiment import Experiment
from experiments.harness.interruption import undisturbed
from experiments.harness.page_code import said
from experiments.harness.records.arrays import digest_by_name
from experiments.harness.records.models import Head, Record
from experiments.harness.records.store import Store
from experiments.harness.workers.cluster.admission import Cluster
from experiments.harness.workers.cluster.connection import Lost, politely
from experiments.harness.workers.cluster.packed_data import pack
from experiments.harness.workers.cluster.watch import Followed, Watch
from experiments.harness.workers.place import Heads, Progress
from experiments.harness.workers.training import load_data
from frameworks.errors import RequestError

if TYPE_CHECKING:
    import distributed

__all__ = ["ClusterTasks"]

_RETRIES = 2  # of a task whose worker has no room, or no disk space
_DEATHS = 4  # workers that a training may take with it
_A_LOOK = 2.0**-20  # at a worker's ticket: any number of tasks may take one
_SECONDS_TO_ARRIVE = 60


@dataclass(eq=False, kw_only=True)
class _Task(Followed):
    """Cells that were sent together, and what is known of them."""

    number: int
    heads: Heads
    outcome: Future[str | None] = field(default_factory=Future)
    sent: "distributed.Future | None" = None  # what is waited for; an earlier one does not count
    begun: bool = False  # the progress knows of it
    begins: int = 0  # how often a worker has said that it begins


class ClusterTasks:
    """A `Place`: each order is a task, which asks the scheduler for as many threads as it needs.

    The scheduler decides where, and does again what is lost with a worker. Earlier experiments come
    first. Records are written here, in the run's folder, as they arrive.
    """

    def __init__(self, cluster: Cluster, store: Store, timeout: float, progress: Progress) -> None:
        self._cluster, self._store, self._progress = cluster, store, progress
        self._timeout = timeout
        self._run = f"lockstep-{token_hex(8)}"
        self._packed: dict[str, tuple[str, bytes]] = {}  # data and their digest, by experiment
        self._data: dict[str, distributed.Future] = {}  # the tasks that have them on the cluster
        self._tasks: dict[int, _Task] = {}  # that have not ended
        self._numbers = count()
        self._lock = threading.RLock()
        self._left = False
        self._watch = Watch(cluster, timeout, progress, self)

    def __enter__(self) -> Self:
        """Listen to the workers, and watch them."""
        self.parts = self._cluster.slots
        self._cluster.client.subscribe_topic(self._run, self._hear)
        self._watch.begin()
        return self

    def __exit__(self, *exc: object) -> None:
        """Take back what has not ended, and have the workers end their processes."""
        from experiments.harness.workers.cluster.on_worker import release

        self._left = True
        self._watch.end()
        client = self._cluster.client
        with self._lock:
            open_tasks, self._tasks = [*self._tasks.values()], {}

        def leave() -> None:
            client.cancel([task.sent for task in open_tasks if task.sent])
            client.run(release, self._run, on_error="ignore")
            client.unsubscribe_topic(self._run)

        if client.status == "running":
            with undisturbed():  # by another Ctrl-C: the workers would train on
                politely(leave)
        self._data.clear()

    def missing(self, implementation: str) -> str | None:
        """See `Place`."""
        return self._cluster.missing(implementation)

    def submit(self, heads: Heads) -> Future[str | None]:
        """See `Place`."""
        task = _Task(number=next(self._numbers), heads=heads)
        with self._lock:
            self._tasks[task.number] = task
        self._send(task)
        return task.outcome

    def followed(self) -> list[Followed]:
        """See `Watched`."""
        return [*self._tasks.values()]

    def _send(self, task: _Task) -> None:
        """Send a task, or send it again."""
        from experiments.harness.workers.cluster.on_worker import THREADS, Order, train

        task.worker = ""
        cell = next(iter(task.heads))
        experiment = cell.find()
        digest, data = self._sent_data(cell, experiment)
        order = Order(
            run=self._run,
            number=task.number,
            implementation=cell.implementation,
            cells=[Job(*each, Path()).to_json() for each in task.heads.items()],
            threads=cell.threads,
            timeout=self._timeout,
            data_sha256=digest,
            page=_files(experiment) if experiment.is_users else {},
        )
        sent = self._cluster.client.submit(
            train,
            order,
            data,
            key=f"{cell.key}-{token_hex(8)}",
            pure=False,
            retries=_RETRIES,
            priority=-[*self._packed].index(cell.experiment),
            resources={self._cluster.ticket: _A_LOOK, THREADS: cell.threads},
        )
        with self._lock:
            task.sent = sent
        sent.add_done_callback(partial(self._receive, task))

    def _sent_data(self, cell: Cell, experiment: Experiment) -> tuple[str, "distributed.Future"]:
        """Return the checksum of an experiment's data, and the task that has them on the cluster.

        It is a task and nothing scattered: what is lost with a worker is there again.
        """
        import dask

        name = cell.experiment
        if name not in self._packed:
            packed = pack(load_data(experiment, cell.policy, cell.data_dir))
            self._packed[name] = sha256(packed).hexdigest(), packed
        digest, packed = self._packed[name]
        if name not in self._data:
            quietly = {"distributed.admin.large-graph-warning-threshold": len(packed) + 2**20}
            with dask.config.set(quietly):
                key = f"data-{digest}-{token_hex(8)}"
                preference = self._cluster.preference
                self._data[name] = self._cluster.client.submit(bytes, packed, key=key, **preference)
        return digest, self._data[name]

    def _receive(self, task: _Task, sent: "distributed.Future") -> None:
        """Write down what a task has come to; called in a thread of the client's."""
        from distributed import KilledWorker

        if self._left or task.sent is not sent:
            return
        task.worker = ""  # it has done its part
        try:
            error, records = sent.result(timeout=_SECONDS_TO_ARRIVE)
            for content in records:
                self._save(task.heads, *content)
        except TimeoutError:  # its worker died before it was fetched: it is done again
            sent.add_done_callback(partial(self._receive, task))
        except CancelledError:
            if task.sent is sent:  # and was not sent again meanwhile
                self.lose(Lost(self._cluster.address))
        except RequestError as refused:
            self._end(task, refused)
        except KilledWorker as killed:
            if task.begins < _DEATHS:  # others were trained where those workers died
                self._send(task)
            else:
                self._end(task, f"{task.begins} workers died while they trained it: {said(killed)}")
        except Exception as failure:
            self._end(task, said(failure))
        else:
            self._end(task, error)

    def _save(self, heads: Heads, content: bytes, packed: bytes) -> None:
        """Write a record and its arrays, if they are what was asked for."""
        from safetensors.numpy import load

        record, arrays = Record.model_validate_json(content), load(packed)
        fingerprints = {head.fingerprint for head in heads.values()}
        assert record.digests is not None
        if (
            record.fingerprint not in fingerprints
            or record.digests.arrays != digest_by_name(arrays)
            or not _same(record, heads)
        ):
            raise ValueError(f"what a worker sent for {record.key} is damaged")
        self._store.save(record, arrays)

    def _end(self, task: _Task, outcome: str | None | Exception) -> None:
        with self._lock:
            if self._tasks.pop(task.number, None) is None:
                return
            if not task.begun:  # that it began may be said later than what it came to
                self._progress.started(tuple(task.heads))
        if isinstance(outcome, Exception):
            task.outcome.set_exception(outcome)
        else:
            task.outcome.set_result(outcome)

    def lose(self, lost: Lost) -> None:
        """See `Watched`."""
        for task in [*self._tasks.values()]:
            self._end(task, lost)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Pass on what a worker says; called by the client's event loop."""
        _, what = event
        with self._lock:
            task = self._tasks.get(what["number"])
            if task is None:
                return
            group = tuple(task.heads)
            task.silent_for = 0.0
            if "epoch" in what and task.begun:
                self._progress.at(group, what["epoch"], what["loss"])
            if what.get("began"):
                task.begins += 1
                if task.begun:  # its worker died
                    self._progress.ended(group, (), None)
                self._progress.started(group)
                task.begun, task.worker = True, what["worker"]

    def send_all_again(self) -> None:
        """See `Watched`."""
        self._data.clear()  # to workers that have gone
        for task in [*self._tasks.values()]:
            old = task.sent
            self._send(task)
            if old is not None:
                old.cancel()


def _same(record: Record, heads: Heads) -> bool:
    """Say whether a record begins as its cell's head does."""
    head: Head = next(head for head in heads.values() if head.fingerprint == record.fingerprint)
    return all(getattr(record, name) == value for name, value in head)


def _files(experiment: Experiment) -> dict[str, bytes]:
    """Return the files of a user's own page, the page first, by their paths below them all.

    So they lie to each other as here, where the page finds them by its own place.
    """
    texts = {experiment.source.resolve(): experiment.text} | experiment.beside
    above = os.path.commonpath([path.parent for path in texts])
    return {str(path.relative_to(above)): text for path, text in texts.items()}
