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
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest

from .commands import RUN, contents, finished, noted, wait_until, wait_until_gone

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and sends POSIX signals")

SIGNALS = [signal.SIGINT, signal.SIGTERM]
PATHS = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(PATHS)}  # this checkout first


def assert_stopped(said: str, kept: int, cells: int, arguments: tuple[str, ...]) -> None:
    """The command said what is kept and how to go on, and no more."""
    command = shlex.join(["lockstep", *arguments])
    trainings = "training is" if cells == 1 else "trainings are"
    assert said.endswith(
        f"\n{kept} of {cells} {trainings} kept in run\nstopped; repeat with: {command}\n"
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
    chance, times, waits = random.Random(0), 100 if torture else 6, []
    runs, before = 1, {}
    while True:
        folder = tmp_path / f"{runs}"
        folder.mkdir(exist_ok=True)
        enough, stopped, started = len(waits) == times, [], noted(folder, "command")

        def stop(process: int, folder=folder, stopped=stopped, started=started) -> None:
            wait_until(lambda: noted(folder, "command") != started)
            time.sleep(0.05 + chance.uniform(0, in_peace[1]))
            with suppress(ProcessLookupError):  # it was done before
                os.killpg(process, signal.SIGINT)
                stopped.append(time.monotonic())

        code = commands.run(folder, *RUN, **({} if enough else {"meanwhile": stop}))
        log = (folder / "log").read_text()
        assert code in (0, 130), log
        assert "Traceback" not in log
        found = finished(folder / "run")
        assert before.items() <= found.items()
        if code == 130:
            waits.append(time.monotonic() - stopped[0])
            before = found
            continue
        assert contents(folder / "run") == in_peace[0]
        wait_until_gone(noted(folder, "worker"))
        if enough:
            break
        runs, before = runs + 1, {}
    figure(f"{times} stops of {runs} runs, the slowest in {max(waits):.2f} s; 0 records lost")


LOST = """
class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

Finalized()
for _ in range(100):
    time.sleep(0.1)
"""

RENAMED = """
try:
    signal.raise_signal(signal.SIGINT)
except BaseException:
    raise ValueError from None
"""


def lockstep_run(cwd: Path, happens: str) -> subprocess.CompletedProcess:
    """Run `lockstep run xor`, in which something else happens than a training."""
    code = f"""
        import signal, sys, time
        from experiments.__main__ import main
        from experiments.harness.cli import session

        def stopped(*_):
            exec({happens!r})
            return 1

        session.run = stopped
        sys.argv = ["lockstep", "run", "xor"]
        sys.exit(main())
    """
    (cwd / "program.py").write_text(dedent(code))
    command = [sys.executable, "-m", "program"]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.mark.parametrize("happens", [LOST, RENAMED], ids=["finalizer", "other exception"])
def test_a_signal_inside_a_library_is_not_lost(happens, tmp_path):
    """Python ignores what is raised in a finalizer; an extension may raise what it likes."""
    done = lockstep_run(tmp_path, happens)
    said = "\nstopped; repeat with: lockstep run xor\n"
    assert (done.returncode, done.stderr) == (130, said)


def test_an_interrupt_inside_exec_leaves_the_exit_code(tmp_path):
    """Python ends a module's process by SIGINT if one came inside `exec`, caught or not."""
    code = """
        import sys
        from experiments.harness.interruption import settle

        try:
            exec("raise KeyboardInterrupt")
        except KeyboardInterrupt:
            settle(130)
        sys.exit(130)
    """
    (tmp_path / "program.py").write_text(dedent(code))
    command = [sys.executable, "-m", "program"]
    assert subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT).returncode == 130


def test_a_signal_that_is_sent_twice_interrupts_once(tmp_path):
    """As `timeout` sends it: to the process, and to its group."""
    code = """
        import signal
        from experiments.harness import interruption

        interruption.watch()
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGTERM)
            print("closed")
    """
    (tmp_path / "program.py").write_text(dedent(code))
    command = [sys.executable, "-m", "program"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")


AT_EXIT = """
import atexit
atexit.register(signal.raise_signal, signal.SIGTERM)
"""

IN_TEARDOWN = """
class Finalized:
    def __del__(self, send=signal.raise_signal, number=signal.SIGTERM):
        send(number)

sys.kept = Finalized()
"""


@pytest.mark.parametrize("happens", [AT_EXIT, IN_TEARDOWN], ids=["at exit", "in teardown"])
def test_a_signal_after_the_end_does_not_change_the_exit_code(happens, tmp_path):
    done = lockstep_run(tmp_path, happens)
    assert (done.returncode, done.stderr) == (1, "")


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
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=tmp_path,
        env=ENVIRONMENT,
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
