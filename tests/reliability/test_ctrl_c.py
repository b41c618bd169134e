"""Ctrl-C and SIGTERM: the command stops soon, and says what is kept and how to go on.

How soon is measured and printed, not asserted: a busy machine may take its time.
"""

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .commands import RUN, contents, finished, noted, wait_until, wait_until_gone

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and sends POSIX signals")

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def assert_stopped(said: str, kept: int, cells: int, arguments: tuple[str, ...]) -> None:
    """The command said what is kept and how to go on, and no more."""
    command = shlex.join(["lockstep", *arguments])
    assert said.endswith(
        f"\n{kept} of {cells} trainings are kept in run\nstopped; repeat with: {command}\n"
    ), said
    assert "Traceback" not in said


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_long_training_stops(sent, commands, figure, tmp_path):
    arguments = ("run", "perceptron", "--with", "scratch", "--epochs", "1000000000", "--out", "run")
    stopped = []

    def stop(process: int) -> None:
        wait_until(lambda: noted(tmp_path, "worker"))
        time.sleep(1)
        stopped.append(time.monotonic())
        os.killpg(process, sent)  # as a terminal does, to the workers too

    assert commands.run(tmp_path, *arguments, meanwhile=stop) == 130
    figure(f"stopped in {time.monotonic() - stopped[0]:.2f} s")
    assert_stopped((tmp_path / "log").read_text(), 0, 1, arguments)
    wait_until_gone(noted(tmp_path, "worker"))


@pytest.mark.timeout(3_600)
def test_it_stops_at_any_moment_and_goes_on(commands, in_peace, torture, figure, tmp_path):
    chance, times, slowest = random.Random(0), 100 if torture else 6, 0.0
    before: dict[str, bytes] = {}
    for turn in range(times):
        stopped = []

        def stop(process: int, turn: int = turn, stopped: list[float] = stopped) -> None:
            wait_until(lambda: len(noted(tmp_path, "command")) > turn)
            time.sleep(0.05 + chance.uniform(0, in_peace[1] / 2))
            stopped.append(time.monotonic())
            os.killpg(process, signal.SIGINT)

        assert commands.run(tmp_path, *RUN, meanwhile=stop) in (0, 130)
        slowest = max(slowest, time.monotonic() - stopped[0])
        assert "Traceback" not in (tmp_path / "log").read_text()
        found = finished(tmp_path / "run")
        assert before.items() <= found.items()
        before = found
    assert commands.run(tmp_path, *RUN) == 0
    assert before.items() <= finished(tmp_path / "run").items()
    assert contents(tmp_path / "run") == in_peace[0]
    wait_until_gone(noted(tmp_path, "worker"))
    figure(f"stopped {times} times, the slowest in {slowest:.2f} s; 0 records lost")


IN_A_FINALIZER = """
import signal, sys, time
from experiments import __main__ as command

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def run():
    Finalized()
    for _ in range(100):
        time.sleep(0.1)

command._run = run
sys.exit(command.main())
"""


def test_a_signal_inside_a_finalizer_is_not_lost():
    """Python prints and forgets what is raised there, Ctrl-C included."""
    done = subprocess.run([sys.executable, "-c", IN_A_FINALIZER], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


def children(process: int) -> list[int]:
    """Return the processes that a process has started."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if path.read_text().rpartition(")")[2].split()[1] == str(process)
    ]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the workers in /proc")
def test_it_stops_while_frameworks_are_imported(figure, tmp_path):
    arguments = ("run", "xor", "--with", "keras,pytorch", "--jobs", "2", "--out", "run")
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(children(process.pid)) == 2 or process.poll() is not None)
    workers = children(process.pid)
    time.sleep(1)  # into the import, which takes longer
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    figure(f"stopped in {time.monotonic() - start:.2f} s")
    assert process.returncode == 130
    assert_stopped(said, 0, 2, arguments)
    wait_until_gone(workers)
