"""The table of exit codes in docs/reliability.md, and output that cannot be written."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from experiments import __main__ as program
from experiments.harness import interruption, output
from experiments.harness.records.lock import hold
from experiments.harness.records.store import Store

from ..experiments.command import environment
from ..experiments.stored_runs import correct_but, failed, store_run, training

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KERAS = {"implementation": "keras"}


@pytest.fixture
def run(here):
    """A run in which all is well."""
    return store_run(here / "run", training(), training(**KERAS))


@pytest.fixture
def differing(here):
    """A run in which two implementations differ."""
    return store_run(here / "differing", training(), training(correct_but(1), **KERAS))


def lockstep(*arguments, shell='exec "$@"', **variables):
    """Run the command in a shell of its own."""
    paths = os.pathsep.join(filter(None, [variables.pop("FIRST", ""), str(ROOT)]))
    command = [sys.executable, "-m", "experiments", *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", shell, "sh", *command],
        env=environment(Path("cache")) | {"PYTHONPATH": paths} | variables,
        capture_output=True,
    )


# Exit code 0, 1 and 2, by what was asked for.


def test_0_all_is_well(run, command):
    assert command("report", run)[0] == 0
    assert command("compare", run, run)[0] == 0
    assert command("runs", "--dir", ".")[0] == 0


def test_1_implementations_differ(differing, command):
    assert command("report", differing)[0] == 1


def test_1_a_training_failed(here, command):
    assert command("report", store_run(here / "run", training(), failed(**KERAS)))[0] == 1


def test_1_a_training_is_missing(run, command):
    Store(run).create(["churn-float64-seed1-keras"])
    assert command("report", run)[0] == 1


def test_1_something_is_worse(run, differing, command):
    assert command("compare", run, differing)[0] == 1


def test_2_what_is_asked_cannot_be_done(run, command):
    assert command("report", "nowhere")[0] == 2
    assert command("compare", run, "nowhere")[0] == 2
    assert command("run", "no-such-experiment")[0] == 2
    assert command("run", "xor", "--epochs", "0")[0] == 2


def test_2_another_command_is_at_work(run, command):
    with hold(run):
        assert command("report", run)[0] == 2


def test_2_something_that_nobody_expected(run, command, monkeypatch):
    def broken(*arguments):
        raise TypeError("unsupported operand")

    monkeypatch.setattr(Store, "records_and_judges", broken)
    code, _, err = command("report", run)
    assert code == 2
    assert err == (
        "error: TypeError: unsupported operand; this was not expected: "
        "LOCKSTEP_TRACEBACK=1 shows where it came from\n"
    )
    monkeypatch.setenv("LOCKSTEP_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in command("report", run)[2]


def test_2_no_thread_can_be_started(here, command, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    code, _, err = command("run", "xor", "--with", "scratch", "--epochs", "1", "--out", "run")
    assert (code, "can't start new thread" in err) == (2, True)


def test_130_it_was_interrupted(monkeypatch):
    monkeypatch.setattr("sys.argv", ["lockstep"])  # pytest's own may name a file like a page
    monkeypatch.setattr(program, "_run", lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(output, "make_tolerant", lambda: None)
    monkeypatch.setattr(interruption, "watch", lambda: None)
    monkeypatch.setattr(interruption, "settle", (settled := []).append)
    assert (program.main(), settled) == (130, [130])


# Output: the exit code is the verdict's, if what was to be shown could be.


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("to", [">&-", "| true", ">&- 2>&-"])
def test_nobody_reads_and_the_verdict_stays(to, code, run, differing):
    shell = f"""{{ "$@"; echo $? >code; }} {to}"""
    lockstep("report", differing if code else run, shell=shell)
    assert Path("code").read_text() == f"{code}\n"


def test_2_standard_input_is_closed_and_nobody_can_be_asked(run):
    done = lockstep("runs", "rm", run, shell='exec "$@" <&-')
    assert done.returncode == 2
    assert b"error: cannot ask without a terminal; to remove the runs, add --yes\n" in done.stderr
    assert run.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux'")
def test_2_standard_output_is_full(run):
    answer = lockstep("report", run, shell='exec "$@" >/dev/full')
    assert answer.returncode == 2
    assert answer.stderr == (
        b"error: standard output cannot be written to (No space left on device); "
        b"some of it is lost\n"
    )
    assert (run / "report.html").exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_encoding_without_a_character_spells_it_out(encoding, differing):
    answer = lockstep("report", differing, PYTHONIOENCODING=encoding, COLUMNS="0")
    assert (answer.returncode, answer.stderr) == (1, b"")
    assert b"\n\\u2717 churn, scratch and keras" in answer.stdout


@pytest.mark.parametrize("name", ["scratch", "frameworks"])
def test_2_another_package_hides_ours(name, here):
    (here / name).mkdir()
    (here / name / "__init__.py").write_text("")
    answer = lockstep("list", FIRST=str(here))
    assert answer.returncode == 2
    said = answer.stderr.decode()
    where = here / name / "__init__.py"
    assert said.startswith(f"error: the package {name!r} in {where} is not lockstep's and hides it")
    assert len(said.splitlines()) == 1
