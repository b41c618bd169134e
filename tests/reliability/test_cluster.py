"""A cluster whose workers or whose scheduler are killed loses nothing and does nothing twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from .commands import HERE, finished, wait_until, wait_until_gone
from .dask_cluster import DaskCluster
from .timings import contents, different

pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")


@pytest.fixture(scope="module")
def at_length(torture):
    """Skip a test of many commands, and all that it needs, unless it is asked for."""
    if not torture:
        pytest.skip("takes long: make torture")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, each of which comes back when it is killed."""
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"), workers=2)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def start():
    """Return a function that starts the command in a folder, with further options."""

    def start_in(cwd: Path, *options: str) -> subprocess.Popen:
        command = ("run", "perceptron", "circle", "--with", "scratch,python", "--epochs", "40")
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # `&` ignores it
        try:
            with (cwd / "log").open("w") as log:
                return subprocess.Popen(
                    [sys.executable, "-m", "experiments", *command, "--seeds", "20"]
                    + ["--out", "run", *options],
                    cwd=cwd,
                    env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        finally:
            signal.signal(signal.SIGINT, handler)

    return start_in


@pytest.fixture(scope="module")
def in_peace(start, tmp_path_factory):
    """What a run on this machine holds, timings aside."""
    cwd = tmp_path_factory.mktemp("peace")
    assert start(cwd, "--jobs", "2").wait() == 0
    return contents(cwd / "run")


class Observer:
    """Looks at a run's records while it lasts: is one lost, or written again?"""

    def __init__(self, run: Path) -> None:
        self._run, self._seen = run, {}
        self.lost = self.repeated = 0
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._enough.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._enough.wait(0.05):
            now = {path.name: path.stat().st_ino for path in (self._run / "cells").glob("*.json")}
            self.lost += len(self._seen.keys() - now.keys())
            self.repeated += sum(self._seen.get(name, now[name]) != now[name] for name in now)
            self._seen |= now


def kill_at_random(cluster: DaskCluster, process: subprocess.Popen, most: int, draw) -> int:
    """Kill one worker after the other while the command runs; return how many.

    Each time both are there: with none left for long, nothing would be trained.
    """
    kills = 0
    while process.poll() is None and kills < most:
        time.sleep(draw.uniform(0.5, 4))
        if len(workers := cluster.worker_processes()) == 2:
            with suppress(ProcessLookupError):
                os.kill(draw.choice(workers), signal.SIGKILL)
                kills += process.poll() is None
    return kills


def test_workers_killed_at_random_lose_nothing_and_nothing_is_done_twice(
    at_length, cluster, start, in_peace, tmp_path, figure
):
    draw, wanted = random.Random(1), 50
    kills = runs = lost = repeated = 0
    unlike: list[str] = []
    while kills < wanted:
        cwd = tmp_path / str(runs)
        cwd.mkdir()
        process, observer = start(cwd, "--dask", cluster.address), Observer(cwd / "run")
        wait_until(lambda cwd=cwd: (cwd / "run" / "plan.json").exists())
        kills += kill_at_random(cluster, process, wanted - kills, draw)
        assert process.wait() == 0, (cwd / "log").read_text()
        observer.close()
        runs, lost, repeated = runs + 1, lost + observer.lost, repeated + observer.repeated
        unlike += different(contents(cwd / "run"), in_peace)
    figure(
        f"{kills} workers killed in {runs} runs of {len(in_peace) // 2 - 1} cells: {lost} lost, "
        f"{repeated} done twice, {len(unlike)} files unlike those of a local run"
    )
    assert (lost, repeated, unlike) == (0, 0, [])


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_training(cluster, start, tmp_path):
    process = start(tmp_path, "--dask", cluster.address, "--epochs", "2000000")
    wait_until(lambda: trainings(cluster))
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    wait_until_gone(trainings(cluster))
    said = (tmp_path / "log").read_text()
    assert "Traceback" not in said
    assert "trainings are kept in run\nstopped; repeat with: lockstep run " in said


def trainings(cluster: DaskCluster) -> list[int]:
    """Return the processes that train on the workers."""
    found = []
    for worker in cluster.worker_processes():
        for file in Path(f"/proc/{worker}/task").glob("*/children"):
            found += map(int, file.read_text().split())
    return [process for process in found if trains(process)]


def trains(process: int) -> bool:
    """Say whether it is a training: what a worker looks up about its machine is none."""
    with suppress(FileNotFoundError):
        return b"harness.workers.worker" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def test_a_killed_scheduler_ends_the_command_in_one_sentence_and_repeating_finishes(
    at_length, cluster, start, in_peace, tmp_path, figure
):
    draw, rounds, good = random.Random(2), 20, 0
    for number in range(rounds):
        cwd = tmp_path / str(number)
        cwd.mkdir()
        process = start(cwd, "--dask", cluster.address, "--quiet")
        wait_until(lambda cwd=cwd: [*cwd.glob("run/cells/*.json")])
        time.sleep(draw.uniform(0, 0.5))
        cluster.kill_scheduler()
        code, before = process.wait(), finished(cwd / "run")
        said = (cwd / "log").read_text()
        cluster.close()
        cluster.start()
        if code != 0:  # it had not finished
            assert (code, said.count("\n")) == (2, 1), said
            assert f"the Dask scheduler at {cluster.address} was lost; finished" in said
            assert start(cwd, "--dask", cluster.address, "--quiet").wait() == 0
        after = finished(cwd / "run")
        assert {key: after[key] for key in before} == before
        good += different(contents(cwd / "run"), in_peace) == []
    figure(f"scheduler killed {rounds} times: {good} runs finished by repeating the command")
    assert good == rounds


def test_of_two_commands_on_one_folder_one_trains_and_the_other_is_refused(
    at_length, cluster, start, in_peace, tmp_path, figure
):
    rounds, unlike = 10, []
    for number in range(rounds):
        cwd = tmp_path / str(number)
        cwd.mkdir()
        both = [start(cwd, "--dask", cluster.address) for _ in range(2)]
        assert sorted(process.wait() for process in both) == [0, 2]
        unlike += different(contents(cwd / "run"), in_peace)
    figure(
        f"two commands on one folder, {rounds} times: one trained, the other was refused, "
        f"{len(unlike)} files unlike those of a local run"
    )
    assert unlike == []
