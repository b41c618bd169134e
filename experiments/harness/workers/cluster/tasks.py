"""Cells as tasks of a Dask cluster: sent, followed, and written down as they come back."""

import os
import threading
from collections.abc import Collection, Mapping
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
from experiments.harness.workers.cluster.connection import SECONDS_TO_HEAR, Lost, Silent, politely
from experiments.harness.workers.cluster.packed_data import pack
from experiments.harness.workers.place import Heads, Progress
from experiments.harness.workers.training import load_data
from frameworks.errors import RequestError

if TYPE_CHECKING:
    import distributed

__all__ = ["ClusterTasks"]

_RETRIES = 2  # of a task whose worker has no room, or no disk space
_DEATHS = 4  # workers that a training may take with it
_A_LOOK = 2.0**-20  # at a worker's ticket: any number of tasks may take one
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_OF_AN_ATTEMPT = SECONDS_TO_HEAR + _SECONDS_BETWEEN_LOOKS  # to hear of the scheduler
_SECONDS_TO_REMARK = 60.0  # that it does not answer
_SECONDS_TO_ARRIVE = 60
_SECONDS_UNHEARD = 60.0  # of a worker, which speaks several times in that
_SECONDS_TO_BE_HEARD = 30.0  # after a worker has ended what took too long


@dataclass(eq=False)
class _Task:
    """Cells that were sent together, and what is known of them."""

    number: int
    heads: Heads
    outcome: Future[str | None] = field(default_factory=Future)
    sent: "distributed.Future | None" = None  # what is waited for; an earlier one does not count
    begun: bool = False  # the progress knows of it
    begins: int = 0  # how often a worker has said that it begins
    worker: str = ""  # the address of the one that trains it, as far as we know
    silent_for: float = 0.0  # seconds in which that one was there, and has said nothing


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
        self._looks: dict[str, tuple[float, int]] = {}  # when a worker was heard of; looks since
        self._told = False  # why workers cannot be looked at
        self._lock = threading.RLock()
        self._left = threading.Event()

    def __enter__(self) -> Self:
        """Listen to the workers, and look after those that join."""
        self.parts = self._cluster.slots
        self._cluster.client.subscribe_topic(self._run, self._hear)
        self._watch = threading.Thread(target=self._look_after, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Take back what has not ended, and have the workers end their processes."""
        from experiments.harness.workers.cluster.on_worker import release

        self._left.set()
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
        task = _Task(next(self._numbers), heads)
        with self._lock:
            self._tasks[task.number] = task
        self._send(task)
        return task.outcome

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

        if self._left.is_set() or task.sent is not sent:
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
                self._lose(Lost(self._cluster.address))
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

    def _lose(self, lost: Lost) -> None:
        """Let all that is waited for end: the scheduler has forgotten it."""
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

    def _look_after(self) -> None:
        """Admit workers as they join, until we leave; say so once when none is left.

        A scheduler that does not answer is waited for as long as a worker that says nothing.
        """
        deserted, again, silent_for = False, False, 0.0
        while not self._left.wait(_SECONDS_BETWEEN_LOOKS):
            if self._cluster.client.status == "closed":
                self._lose(Lost(self._cluster.address))
                return
            try:
                self._give_up_silent(self._cluster.addresses)
                self._give_up_frozen(self._cluster.heard_of)
                silent_for = 0.0
                first, remarks = self._cluster.look()
                again |= first  # also where the next question is not answered
                before, deserted = deserted, self._cluster.deserted
            except Silent as silent:
                silent_for += _SECONDS_OF_AN_ATTEMPT
                if self._is_enough(silent_for, silent):
                    return
                continue
            except Exception as failure:  # the scheduler has gone, as a rule: the client notices
                self._say_of(failure)
                continue
            for remark in remarks:
                self._progress.remark(f"left out: {remark}")
            if deserted and not before:
                self._progress.remark("no worker is left: waiting for one to join")
            if again:  # the scheduler does not look again at what nobody could do
                again = False
                self._send_all_again()

    def _say_of(self, failure: Exception) -> None:
        """Say once why workers cannot be looked at, where the connection is not the reason."""
        connection = isinstance(failure, OSError) or self._cluster.client.status != "running"
        if not connection and not self._told:
            self._told = True
            self._progress.remark(f"workers that join cannot be looked at: {said(failure)}")

    def _is_enough(self, silent_for: float, silent: Silent) -> bool:
        """Say once that the scheduler does not answer; give it up in the end.

        Attempts are counted, and no time: of one in which we were stopped it has no fault.
        """
        if 0 <= silent_for - _SECONDS_TO_REMARK < _SECONDS_OF_AN_ATTEMPT:
            self._progress.remark("the Dask scheduler does not answer: waiting for it")
        if silent_for < self._timeout + _SECONDS_TO_BE_HEARD:
            return False
        self._lose(silent)
        return True

    def _give_up_silent(self, workers: Collection[str]) -> None:
        """Give up those of the workers that are there, and frozen: Dask waits five minutes.

        A worker ends by itself what takes too long, and says so. Looks are counted, and no time: of
        one in which we were stopped the worker has no fault.
        """
        limit, silent = self._timeout + _SECONDS_TO_BE_HEARD, set()
        for task in [*self._tasks.values()]:
            there = task.worker in workers
            task.silent_for = task.silent_for + _SECONDS_BETWEEN_LOOKS if there else 0.0
            if task.silent_for >= limit:
                silent.add(task.worker)
        for worker in silent:
            self._progress.remark(f"worker {worker} said nothing for {limit:g} s, and is given up")
            self._cluster.give_up(worker)

    def _give_up_frozen(self, heard_of: Mapping[str, float]) -> None:
        """Give up those that the scheduler has not heard of for a minute, also before they begin.

        A worker that trains is heard of, too: its process trains, and not itself. `heard_of` says
        when, by the scheduler's clock; looks are counted, as in `_give_up_silent`.
        """
        self._looks = {
            worker: (when, looks + 1 if before == when else 0)
            for worker, when in heard_of.items()
            for before, looks in [self._looks.get(worker, (when, 0))]
        }
        for worker, (_, looks) in self._looks.items():
            if looks * _SECONDS_BETWEEN_LOOKS == _SECONDS_UNHEARD:
                said = f"was not heard of for {_SECONDS_UNHEARD:g} s, and is given up"
                self._progress.remark(f"worker {worker} {said}")
                self._cluster.give_up(worker)

    def _send_all_again(self) -> None:
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
