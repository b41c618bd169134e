"""Workers that misbehave: one failed cell with its reason, the others finish, and repeating mends.

A page that misbehaves in the workers stands before the real one on their path.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from experiments.harness.records.environment import thread_variables
from frameworks.backends import BACKENDS

from ..command import Answer, environment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

BUILD = "def build_scratch(spec=SPEC):\n    "
DEATHS = {  # what the builder does, and what the record then says
    "killed": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "the worker process was killed by SIGKILL",
    ),
    "exits": (
        "import os; os.write(2, b'so much\\nfor this\\n'); os._exit(3)",
        "the worker process ended with exit code 3: for this",
    ),
    "exits as one that got no thread": (
        "import os; os._exit(75)",
        "the worker process ended with exit code 75",
    ),
    "exits as if others had to train": (
        "import os; os._exit(76)",
        "the worker process ended with exit code 76",
    ),
    "segmentation fault": (
        "import ctypes; ctypes.string_at(0)",
        "the worker process was killed by SIGSEGV",
    ),
    "a real-time signal": (
        "import os; os.kill(os.getpid(), 40)",
        "the worker process was killed by signal 40",
    ),
    "ends": ("raise SystemExit", "the worker process ended with exit code 0"),
    "prints and raises": ("print('{'); raise MemoryError('no room')", "MemoryError: no room"),
}


@pytest.fixture
def run(call, tmp_path):
    """Return a function that trains both toys for five epochs, with scratch alone."""

    def run_toys(*options: str) -> Answer:
        defaults = ("--with", "scratch", "--epochs", "5", "--out", tmp_path / "run")
        return call("run", "perceptron", "circle", *defaults, *options)

    return run_toys


@pytest.fixture
def cells(tmp_path):
    """Return a function that gives the cells in results.json, by experiment and implementation."""

    def read() -> dict:
        found = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
        return {(cell["experiment"], cell["implementation"]): cell for cell in found}

    return read


@pytest.mark.parametrize("death", DEATHS)
def test_a_worker_that_fails_is_one_failed_cell_with_its_reason(death, run, cells, append_to_page):
    action, reason = DEATHS[death]
    append_to_page("perceptron", BUILD + action)
    answer = run()
    assert answer.code == 1
    failed, done = cells()["perceptron", "scratch"], cells()["circle", "scratch"]
    assert (failed["status"], failed["error"], failed["history"]) == ("failed", reason, None)
    assert (done["status"], done["error"], len(done["history"]["loss"])) == ("ok", None, 5)
    assert f"✗ perceptron, scratch, seed 0: failed: {reason}" in " ".join(answer.out.split())
    assert "1 of 2 trainings finished" in answer.out


def test_what_is_printed_before_a_worker_begins_is_passed_over(run, append_to_page, tmp_path):
    changed = append_to_page("perceptron", "pass")
    site = changed.folder / "sitecustomize.py"
    site.write_text(site.read_text() + "print('{\"event\": \"hello', end='', flush=True)\n")
    assert run().code == 0


def test_repeating_trains_the_failed_cell_only(run, cells, append_to_page):
    changed = append_to_page("perceptron", BUILD + "raise OSError('no space left')")
    assert [run().code, run().code] == [1, 1]  # a failure twice, as long as it fails
    before = cells()["circle", "scratch"]
    changed.unlink()
    answer = run()
    assert (answer.code, cells()["perceptron", "scratch"]["status"]) == (0, "ok")
    assert cells()["circle", "scratch"] == before  # the seconds too
    assert "1 of 2 trainings are in" in answer.out
    assert "2 of 2 trainings finished" in answer.out


def test_every_cell_is_accounted_for_when_all_workers_die(run, cells, append_to_page):
    for name in ("perceptron", "circle"):
        append_to_page(name, f"{BUILD}import os; os._exit(4)")
    answer = run("--jobs", "2")
    assert answer.code == 1
    assert "0 of 2 trainings finished" in answer.out
    reason = "the worker process ended with exit code 4"
    assert [cell["error"] for cell in cells().values()] == [reason, reason]


def test_a_missing_package_fails_its_cells_and_names_the_remedy(run, cells, monkeypatch):
    absent = replace(BACKENDS["keras"], packages=("keras", "no_such_package"))
    monkeypatch.setitem(BACKENDS, "keras", absent)
    answer = run("--with", "scratch,keras")
    assert answer.code == 2
    reason = "keras: no_such_package not installed; run: make setup"
    assert {cell["error"] for (_, name), cell in cells().items() if name == "keras"} == {reason}
    assert {cell["status"] for (_, name), cell in cells().items() if name == "scratch"} == {"ok"}
    assert "2 of 4 trainings finished" in answer.out


def test_workers_get_the_same_threads_for_every_library(run, append_to_page, tmp_path):
    note = tmp_path / "environment.json"
    append_to_page(
        "circle",
        "import json, os, pathlib\n"
        f"pathlib.Path({str(note)!r}).write_text(json.dumps(dict(os.environ)))",
    )
    assert run("--threads", "2").code == 0
    seen = json.loads(note.read_text())
    expected = {
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    }
    assert expected <= set(thread_variables(2))
    assert {name: seen.get(name) for name in thread_variables(2)} == thread_variables(2)
    assert set(thread_variables(2).values()) == {"2"}


def wait_for(condition, process: subprocess.Popen, what: str) -> None:
    """Wait until the condition holds; fail if the process ends before."""
    deadline = time.monotonic() + 120  # only a hang takes that long
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def interruptible(tmp_path) -> subprocess.Popen:
    """Start a run of both toys in a process group of its own, as a terminal would."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of `&` ignores it
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "experiments", "run", "perceptron", "circle"]
            + ["--with", "scratch", "--epochs", "5", "--out", "run"],
            cwd=tmp_path,
            env=environment(tmp_path / "cache") | {"PYTHONPATH": os.environ["PYTHONPATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, handler)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_leaves_ctrl_c_to_the_command(run, cells, append_to_page):
    append_to_page("circle", "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    assert run().code == 0
    assert {cell["status"] for cell in cells().values()} == {"ok"}


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.parametrize("whom", ["the whole group, as a terminal does", "the command only"])
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(
    whom, run, cells, append_to_page, tmp_path
):
    marker = tmp_path / "pid"
    hang = f"import os, pathlib, time; pathlib.Path({str(marker)!r}).write_text(str(os.getpid()))"
    changed = append_to_page("circle", f"{BUILD}{hang}; time.sleep(1_000)")
    process = interruptible(tmp_path)
    try:
        wait_for(lambda: marker.exists() and marker.read_text(), process, "the circle to start")
        (os.kill if whom == "the command only" else os.killpg)(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
        left_behind = is_running(int(marker.read_text()))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert "\n1 of 2 trainings are kept in run\nstopped; repeat with: " in err
    assert err.endswith("lockstep run perceptron circle --with scratch --epochs 5 --out run\n")
    assert not left_behind
    records = [path.name for path in (tmp_path / "run" / "cells").glob("*.json")]
    assert records == ["perceptron-float64-seed0-scratch.json"]

    changed.unlink()
    answer = run()
    assert answer.code == 0
    assert "1 of 2 trainings are in" in answer.out
    assert {cell["status"] for cell in cells().values()} == {"ok"}
