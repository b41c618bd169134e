"""A worker that dies or hangs is one failed cell with its reason; none outlives its command."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from .commands import CELLS, RUN, contents, is_running, noted, wait_until, wait_until_gone

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and kills POSIX processes")

SCRATCH, PYTHON = CELLS[:2]  # trained first, by a worker each
KILLED = "the worker process was killed by SIGKILL"


def sabotage(file: str, point: str, action: str) -> dict[str, str]:
    """Return the environment in which this happens once."""
    return {"SABOTAGE": json.dumps({"file": file, "point": point, "action": action, "once": True})}


def errors(cwd: Path) -> dict[str, str | None]:
    """Return the reason of every failure, None for what succeeded, by cell."""
    results = json.loads((cwd / "run" / "results.json").read_text())
    return {cell["key"]: cell["error"] for cell in results["cells"]}


def test_a_worker_killed_while_it_writes_is_one_failed_cell(commands, in_peace, tmp_path):
    assert commands.run(tmp_path, *RUN, **sabotage(f"{PYTHON}.json", "rename", "self")) == 1
    assert errors(tmp_path) == dict.fromkeys(CELLS) | {PYTHON: KILLED}
    assert "5 of 6 trainings finished" in (tmp_path / "log").read_text()
    assert commands.run(tmp_path, *RUN) == 0
    assert contents(tmp_path / "run") == in_peace[0]


def test_where_a_worker_is_killed_in_a_pass_each_seed_is_trained_alone(
    commands, in_peace, tmp_path
):
    assert commands.run(tmp_path, *RUN, **sabotage(f"{SCRATCH}.json", "rename", "self")) == 0
    assert contents(tmp_path / "run") == in_peace[0]


def test_a_worker_killed_before_it_says_that_it_is_done_has_done_it(commands, in_peace, tmp_path):
    assert commands.run(tmp_path, *RUN, **sabotage(f"{SCRATCH}.json", "renamed", "self")) == 0
    assert contents(tmp_path / "run") == in_peace[0]
    assert len(noted(tmp_path, "worker")) == 3  # one for each implementation, and one more


def test_a_hang_is_ended_and_a_worker_that_dies_in_waiting_is_replaced(
    commands, in_peace, tmp_path
):
    def kill_the_other(process: int) -> None:
        wait_until(lambda: noted(tmp_path, "sabotage"))
        os.kill(noted(tmp_path, "worker")[0], signal.SIGKILL)  # it waits for its next cell

    hang = sabotage(f"{PYTHON}.safetensors", "open", "hang")
    code = commands.run(tmp_path, *RUN, "--timeout", "5", meanwhile=kill_the_other, **hang)
    assert code == 1
    reason = "nothing was finished within 5 s; --timeout sets how long to wait"
    assert errors(tmp_path) == dict.fromkeys(CELLS) | {PYTHON: reason}
    assert commands.run(tmp_path, *RUN) == 0
    assert "5 of 6 trainings are in run" in (tmp_path / "log").read_text()
    assert contents(tmp_path / "run") == in_peace[0]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_no_worker_outlives_its_command(commands, tmp_path, jobs):
    def kill(process: int) -> None:
        wait_until(lambda: len(noted(tmp_path, "sabotage")) == int(jobs))
        assert all(map(is_running, noted(tmp_path, "worker")))  # one waits, one hangs; or both hang
        os.kill(process, signal.SIGKILL)

    hang = sabotage(
        f"{PYTHON}.json|{SCRATCH}.json" if jobs == "2" else f"{PYTHON}.json", "open", "hang"
    )
    hang = {"SABOTAGE": hang["SABOTAGE"].replace("true", "false")}
    assert commands.run(tmp_path, *RUN, "--jobs", jobs, meanwhile=kill, **hang) == -signal.SIGKILL
    assert len(noted(tmp_path, "worker")) == 2
    wait_until_gone(noted(tmp_path, "worker"))


def test_time_in_which_the_command_is_stopped_is_not_counted(commands, in_peace, tmp_path):
    """As when a laptop sleeps in the middle of a training."""

    def sleep_and_wake(process: int) -> None:
        wait_until(lambda: noted(tmp_path, "sabotage"))
        os.killpg(process, signal.SIGSTOP)
        time.sleep(8)
        os.killpg(process, signal.SIGCONT)
        (tmp_path / "notes.go").touch()

    pause = sabotage(f"{SCRATCH}.json", "open", "pause")
    options = ("--timeout", "6")
    assert commands.run(tmp_path, *RUN, *options, meanwhile=sleep_and_wake, **pause) == 0
    assert contents(tmp_path / "run") == in_peace[0]
