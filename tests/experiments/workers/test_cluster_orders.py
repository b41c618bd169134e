"""What a cluster is asked for: who carries an order out, how often it is tried, and what counts.

A stand-in takes the place of the training, and notes who was asked.
"""

import os
import signal
import threading
import time
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from unittest.mock import Mock, call

import pytest

from experiments.harness.cell import Job
from experiments.harness.plan import plan
from experiments.harness.request import Request
from experiments.harness.workers.cluster import on_worker
from experiments.harness.workers.cluster.admission import Cluster
from experiments.harness.workers.cluster.connection import Lost, Silent
from experiments.harness.workers.cluster.tasks import ClusterTasks, _Task
from experiments.harness.workers.cluster.watch import Watch
from experiments.harness.workers.processes import NoRoom, Worker, WorkerDied

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")


@pytest.fixture
def carried_out(monkeypatch, tmp_path):
    """Return a function that has a cluster carry out orders, and returns what they came to."""

    def carry_out(client, stand_in, orders=1, threads=1):
        monkeypatch.setattr(on_worker, "_train_in_pool", lambda *_: stand_in())
        seeds = tuple(range(orders))
        names = ("perceptron",), ("python",)
        planned = plan(Request(*names, seeds=seeds, threads=threads, out=tmp_path / "run"))
        planned.store.create()
        cluster = Cluster(client, Request(*names, threads=threads))
        with ClusterTasks(cluster, planned.store, 60, Mock()) as tasks:
            outcomes = [tasks.submit({cell: head}) for cell, head in planned.heads.items()]
            return [outcome.result(20) for outcome in outcomes]

    return carry_out


def test_no_order_goes_to_a_worker_that_is_unlike_the_others(client, carried_out, monkeypatch):
    traits, asked, addresses = on_worker.traits, [], []

    def with_another_numpy(*arguments):
        asked.append(arguments)  # by each of two commands, then by both workers
        numpy = "2.4.4" if len(asked) == 6 else "of this test"
        return replace(traits(*arguments), environment={"versions": {"numpy": numpy}})

    def train():
        addresses.append(distributed.get_worker().address)

    def tickets():
        workers = client.scheduler_info(n_workers=-1)["workers"]
        return {(name, each) for name, about in workers.items() for each in about["resources"]}

    monkeypatch.setattr(on_worker, "traits", with_another_numpy)
    assert carried_out(client, train) == [None]  # both may train
    addresses.clear()
    before = tickets()
    assert carried_out(client, train, orders=6) == [None] * 6  # one has become another
    ((admitted, _),) = tickets() - before
    assert addresses == [admitted] * 6


def test_a_worker_trains_no_more_at_a_time_than_it_has_threads_for(carried_out):
    at_work, most, lock = [], [], threading.Lock()

    def train():
        with lock:
            at_work.append(1)
            most.append(len(at_work))
        time.sleep(0.05)
        at_work.pop()

    options = {"processes": False, "dashboard_address": ":0", "silence_logs": 60}
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=3, **options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        carried_out(client, train, orders=3, threads=2)
    assert most == [1, 1, 1]


def test_where_a_worker_has_no_room_an_order_is_tried_three_times(client, carried_out):
    tries = []

    def train():
        tries.append(1)
        if len(tries) != wanted:
            raise NoRoom("no process")

    wanted = 3
    assert (carried_out(client, train), len(tries)) == ([None], 3)
    tries.clear()
    wanted = 4
    (said,) = carried_out(client, train)
    assert ("no process" in said, len(tries)) == (True, 3)


def test_where_all_workers_went_at_once_those_that_join_go_on(carried_out, monkeypatch):
    """With the data, too, which only they held; a result that went with them is not waited for."""
    monkeypatch.setattr("experiments.harness.workers.cluster.tasks._SECONDS_TO_ARRIVE", 2)
    options = {"processes": False, "dashboard_address": ":0", "silence_logs": 60}
    done, joined = [], []

    def train():
        done.append(distributed.get_worker())
        if len(done) == 2:
            replacing.start()
            time.sleep(1)

    async def start_another():
        return await distributed.Worker(cluster.scheduler_address, nthreads=1)

    def replace_worker():
        cluster.sync(done[-1].close, executor_wait=False)
        joined.append(cluster.sync(start_another))

    replacing = threading.Thread(target=replace_worker)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        assert carried_out(client, train, orders=4) == [None] * 4
        cluster.sync(joined[0].close)
    assert done[-1] is joined[0]


@pytest.fixture
def tasks(monkeypatch):
    """Tasks without a cluster, which note what they send."""
    tasks = ClusterTasks(None, Mock(), 60, Mock())
    monkeypatch.setattr(tasks, "_send", Mock())
    return tasks


def watch_of(tasks, cluster):
    """Return what watches a cluster for tasks."""
    tasks._cluster = cluster
    return Watch(cluster, 60, tasks._progress, tasks)


def task_of(tasks, **known):
    """Return a task that was sent."""
    task = _Task(number=0, heads={}, sent=Mock(), **known)
    tasks._tasks[0] = task
    return task


def test_a_training_during_which_four_workers_died_has_failed(tasks):
    task = task_of(tasks, begins=3)
    task.sent.result.side_effect = distributed.KilledWorker("cell", "tcp://node1:1", 3)
    tasks._receive(task, task.sent)
    assert (tasks._send.call_count, task.outcome.done()) == (1, False)
    task.begins = 4
    tasks._receive(task, task.sent)
    assert tasks._send.call_count == 1
    assert task.outcome.result().startswith("4 workers died while they trained it: ")


@pytest.mark.parametrize("worker", ["frozen", "gone", "heard of again", "done"])
def test_a_worker_that_trains_and_says_nothing_for_too_long_is_given_up(tasks, worker):
    task, where = task_of(tasks), "tcp://node1:1"
    watch = watch_of(tasks, Mock())
    tasks._hear((0.0, {"number": 0, "worker": where, "began": True}))
    there = [] if worker == "gone" else [where]
    for _ in range(89):  # seconds: those of --timeout, and half a minute to be heard
        watch._give_up_silent(there)
    if worker == "heard of again":
        tasks._hear((89.0, {"number": 0, "worker": where, "epoch": 1, "loss": 0.5}))
    if worker == "done":
        task.sent.result.side_effect = TimeoutError  # it has not arrived yet
        tasks._receive(task, task.sent)
    assert not tasks._cluster.give_up.called
    watch._give_up_silent(there)
    assert tasks._cluster.give_up.mock_calls == [call(where)] * (worker == "frozen")
    said = f"worker {where} said nothing for 90 s, and is given up"
    assert tasks._progress.remark.mock_calls == [call(said)] * (worker == "frozen")


@pytest.mark.parametrize("frozen", [True, False])
def test_a_worker_that_is_not_heard_of_for_a_minute_is_given_up(tasks, frozen):
    """Also one that has not begun: the scheduler itself waits for five minutes."""
    watch, where = watch_of(tasks, Mock()), "tcp://node1:1"
    task_of(tasks)
    for look in range(62):  # the first only says when it was heard of
        heard = 7.0 if frozen or look < 55 else float(look)
        watch._give_up_frozen({where: heard, "tcp://node2:1": float(look)})
    assert tasks._cluster.give_up.mock_calls == [call(where)] * frozen
    said = f"worker {where} was not heard of for 60 s, and is given up"
    assert tasks._progress.remark.mock_calls == [call(said)] * frozen


def test_a_second_ctrl_c_leaves_no_training_on_the_workers(tasks):
    """It comes while the first is telling them."""
    client = Mock(status="running")

    def cancel(_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)

    client.cancel.side_effect = cancel
    tasks._cluster = Mock(client=client)
    with pytest.raises(KeyboardInterrupt):
        tasks.__exit__()
    assert client.run.called


def test_that_no_worker_is_left_is_said_once(tasks, monkeypatch):
    looks = iter([True, True, True, False])
    cluster = Mock(deserted=True, look=lambda: (False, []), addresses={}, heard_of={})
    watch = watch_of(tasks, cluster)
    monkeypatch.setattr(watch, "_ended", Mock(wait=lambda _: not next(looks)))
    watch.look_after()
    tasks._progress.remark.assert_called_once_with("no worker is left: waiting for one to join")


@pytest.mark.parametrize("attempts", [9, 8], ids=["for good", "for a while"])
def test_a_scheduler_that_does_not_answer_is_said_to_and_then_given_up(
    tasks, attempts, monkeypatch
):
    """--timeout is a minute here, and an attempt takes eleven seconds."""
    task, answers = task_of(tasks), iter([False, True] + [False] * attempts + [True])

    class Frozen(Mock):
        @property
        def addresses(self):
            if next(answers):
                return {}
            raise Silent("tcp://node1:8786")

    waits = iter([False] * (attempts + 3) + [True])
    cluster = Frozen(deserted=False, look=lambda: (False, []), heard_of={})
    watch = watch_of(tasks, cluster)
    monkeypatch.setattr(watch, "_ended", Mock(wait=lambda _: next(waits)))
    watch.look_after()
    said = "the Dask scheduler does not answer: waiting for it"
    tasks._progress.remark.assert_called_once_with(said)
    if attempts == 8:
        assert not task.outcome.done()
        return
    with pytest.raises(Lost, match="at tcp://node1:8786 does not answer; finished trainings are"):
        task.outcome.result(0)


def test_a_question_that_fails_is_said_once_and_costs_no_sending_again(tasks, monkeypatch):
    turns = iter([True, True, True, False])
    task_of(tasks)
    answers = iter([KeyError("worker"), KeyError("worker"), False])

    class Workers:
        client, addresses, heard_of = Mock(status="running"), (), {}
        looks = iter([(True, []), (False, []), (False, [])])

        def look(self):
            return next(self.looks)

        @property
        def deserted(self):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

    watch = watch_of(tasks, Workers())
    monkeypatch.setattr(watch, "_ended", Mock(wait=lambda _: not next(turns)))
    watch.look_after()
    assert tasks._send.call_count == 1
    tasks._progress.remark.assert_called_once()
    assert "workers that join cannot be looked at" in tasks._progress.remark.call_args[0][0]


def test_what_was_sent_again_counts_once(tasks):
    task = task_of(tasks)
    earlier = Mock()
    earlier.result.return_value = ("too late", [])
    tasks._receive(task, earlier)
    assert not task.outcome.done()
    task.sent.result.return_value = (None, [])
    for _ in range(2):
        tasks._receive(task, task.sent)
    assert task.outcome.result() is None
    assert not earlier.result.called


def test_what_is_sent_again_while_it_is_fetched_is_not_lost(tasks):
    task = task_of(tasks)
    first = task.sent

    def cancelled(timeout):
        task.sent = Mock()
        raise CancelledError

    first.result.side_effect = cancelled
    tasks._receive(task, first)
    assert not task.outcome.done()


def test_a_training_that_nobody_waits_for_is_ended_within_an_epoch(tmp_path):
    """However its command has ended; it may say nothing for long."""
    request = Request(("perceptron",), ("python",), epochs=2_000_000, policy="stand-in")
    ((cell, head),) = plan(replace(request, out=tmp_path / "run")).heads.items()
    worker = Worker("python", 1)
    job, begun = {"cells": [Job(cell, head, tmp_path / "run").to_json()]}, []
    with closing(worker), pytest.raises(WorkerDied, match="SIGKILL"):
        worker.run(job, lambda *_: begun.append(True), wanted=lambda: not begun)


def test_data_that_are_damaged_on_their_way_are_not_kept(tmp_path):
    path = tmp_path / "lockstep" / "data-1"
    with pytest.raises(OSError, match="what arrived has another SHA-256"):
        on_worker._keep(path, b"dbta", sha256(b"data").hexdigest())
    assert not path.exists()
    assert on_worker._keep(path, b"data", sha256(b"data").hexdigest()).read_bytes() == b"data"
