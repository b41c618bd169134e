"""Where the system allows fewer threads or processes than were asked for, fewer do the work."""

import signal
import threading
from pathlib import Path

import pytest

from experiments.harness.records.store import Store
from experiments.harness.workers import pool
from experiments.harness.workers.crew import Crew
from experiments.harness.workers.local import LocalProcesses
from experiments.harness.workers.processes import NoRoom, Worker
from frameworks.errors import RequestError


def refuse_after(monkeypatch, allowed):
    """Let so many threads be started, and no more."""
    start = threading.Thread.start

    def start_or_refuse(thread):
        if allowed.pop() == "refused":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)


def outcomes(crew, jobs):
    try:
        return [future.result() for future in [crew.submit(job) for job in jobs]]
    finally:
        crew.close()


def test_fewer_threads_do_all_jobs(monkeypatch):
    refuse_after(monkeypatch, ["refused", "started", "started"])
    assert outcomes(Crew(4, str), range(5)) == ["0", "1", "2", "3", "4"]


def test_without_a_thread_the_request_is_refused(monkeypatch):
    refuse_after(monkeypatch, ["refused"])
    with pytest.raises(RequestError, match="can't start new thread; allow more processes"):
        Crew(4, str)


def test_a_job_without_room_is_done_by_those_that_have_room():
    def work(job):
        if crew.shrink():  # all but the last
            raise NoRoom("too many")
        return job

    crew = Crew(3, work)
    assert outcomes(crew, range(4)) == [0, 1, 2, 3]


def test_an_error_belongs_to_its_job_and_the_others_go_on():
    crew = Crew(1, lambda job: 6 / job)
    futures = [crew.submit(job) for job in (0, 3)]
    assert isinstance(futures[0].exception(), ZeroDivisionError)
    assert futures[1].result() == 2
    crew.close()


def test_what_was_not_begun_when_it_is_closed_is_left():
    begun, go_on = threading.Event(), threading.Event()
    done = []

    def work(job):
        begun.set()
        go_on.wait()
        done.append(job)

    crew = Crew(1, work)
    for job in range(3):
        crew.submit(job)
    begun.wait()
    threading.Timer(0.1, go_on.set).start()
    crew.close()
    assert done == [0]


def send():
    signal.raise_signal(signal.SIGINT)


def fail():
    raise ValueError("cannot be closed")


@pytest.mark.parametrize(("happens", "error"), [(send, KeyboardInterrupt), (fail, ValueError)])
def test_whatever_comes_while_it_is_closed_no_process_and_no_thread_is_left(
    happens, error, monkeypatch
):
    closed, before = [], threading.active_count()

    class Disturbed:
        def close(self):
            closed.append(self)
            happens()

    monkeypatch.setattr(pool, "Worker", lambda *_: Disturbed())
    place = LocalProcesses(Store(Path("none")), jobs=2, threads=1, timeout=1, progress=None)
    place.__enter__()
    for name in ("scratch", "python"):
        place._pool._borrow(name, "")
    with pytest.raises(error):
        place.__exit__()
    assert (len(closed), threading.active_count()) == (2, before)


def test_a_run_goes_on_with_the_processes_that_it_gets(call, tmp_path, monkeypatch):
    """A process for python is only to be had once that for scratch has ended."""
    alive = []

    class OneAtATime(Worker):
        def __init__(self, *arguments):
            if alive:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            alive.append(self)
            super().__init__(*arguments)

        def close(self):
            alive.remove(self)
            super().close()

    monkeypatch.setattr(pool, "Worker", OneAtATime)
    options = (
        "--with",
        "scratch,python",
        "--epochs",
        "2",
        "--jobs",
        "2",
        "--out",
        tmp_path / "run",
    )
    answer = call("run", "perceptron", *options)
    assert (answer.code, "2 of 2 trainings finished" in answer.out) == (0, True), answer


def test_no_more_threads_are_started_than_there_are_jobs():
    before, crew = threading.active_count(), Crew(8, str)
    crew.submit("one")
    started = threading.active_count() - before
    crew.close()
    assert started == 1
