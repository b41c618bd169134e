"""Pipes, names, dates and permissions that nobody thinks of: a sentence, and nothing hangs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from datasets import DataError
from datasets.folders import named_folder
from experiments.harness.records.models import Record
from experiments.harness.records.reading import read
from experiments.registry import find_experiment
from frameworks.errors import RequestError

from ..experiments.command import lockstep
from ..experiments.stored_runs import store_run, training

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LONG = "x" * 300
SHORT = ("--with", "scratch", "--epochs", "1", "--out", "run")


@pytest.mark.timeout(60)
def test_a_pipe_in_the_place_of_results_is_not_waited_for(here, command):
    store_run(here / "runs" / "a", training())
    (here / "runs" / "b").mkdir()
    os.mkfifo(here / "runs" / "b" / "results.json")
    os.mkfifo(here / "pipe")
    code, out, _ = command("list", "--json")
    assert code == 0
    last = {each["name"]: each["last"] for each in json.loads(out)["experiments"]}
    assert last["churn"]["run"] == "runs/a"
    code, _, err = command("compare", "runs/a", "--baseline", "pipe")
    remedy = "name a run's folder, its results.json or a baseline"
    assert (code, err) == (2, f"error: pipe: is not a regular file; {remedy}\n")


def test_a_cache_that_cannot_be_read_gives_the_stand_in(here, command, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_CACHE", str(here / LONG))
    code, out, _ = command("run", "mnist_perceptron", "--limit", "50", *SHORT)
    assert code == 0
    assert "cannot be read (File name too long)" in " ".join(out.split())


@pytest.mark.parametrize("loops", [True, False])
def test_a_folder_that_cannot_be_looked_at_hides_no_other_run(loops, here, command, monkeypatch):
    store_run(here / "runs" / "a", training())
    (here / "runs" / "b").mkdir()
    if loops:
        (here / "runs" / "b" / "cells").symlink_to("cells")
    else:
        look = Path.is_dir

        def refuse(path):
            if path.parent.name == "b":
                raise PermissionError(13, "Permission denied", str(path))
            return look(path)

        monkeypatch.setattr(Path, "is_dir", refuse)
    code, out, _ = command("runs", "--json")
    assert (code, [run["name"] for run in json.loads(out)["runs"]]) == (0, ["a"])


def test_a_file_that_goes_while_runs_are_listed_hides_no_other_run(here, command):
    """As `lockstep runs rm` removes them; a link to nowhere is found and has no date, too."""
    store_run(here / "runs" / "a", training())
    (here / "runs" / "b" / "cells").mkdir(parents=True)
    for name in ("results.json", "cells/xor-float64-seed0-scratch.json"):
        (here / "runs" / "b" / name).symlink_to("nowhere")
    code, out, _ = command("runs", "--json")
    assert (code, {run["name"] for run in json.loads(out)["runs"]}) == (0, {"a", "b"})
    code, out, _ = command("list", "--json")
    last = {each["name"]: each["last"] for each in json.loads(out)["experiments"]}
    assert (code, last["churn"]["run"]) == (0, "runs/a")


def test_a_file_that_may_not_be_read_is_not_to_be_deleted(here, monkeypatch):
    def refuse(path, limit):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("experiments.harness.records.reading.read_within", refuse)
    with pytest.raises(RequestError, match=r"^a.json: cannot be read \(Permission denied\)$"):
        read(Path("a.json"), Record)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--timeout", "nan", "greater than or equal to 1"),
        ("--limit", 2**53, "limit: expected less than 9,007,199,254,740,992, got 9,007,199,254,"),
        ("--epochs", 2**53, "epochs: expected less than 9,007,199,254,740,992, got "),
        ("--data-dir", "~nosuchuser/data", "the folder ~nosuchuser/data, named by the argument: "),
        ("--data-dir", LONG, "is not a folder"),
        ("--out", LONG, "cannot be written to (File name too long); choose another --out"),
    ],
)
def test_a_number_or_a_name_that_none_can_be_is_refused(option, value, says, here, command):
    code, _, err = command("run", "mnist_perceptron", *SHORT, option, value)
    assert (code, err.startswith("error: ")) == (2, True)
    assert says in err
    assert not (here / "run").exists()


def test_a_time_out_may_be_infinite(here, command):
    assert command("run", "xor", *SHORT, "--timeout", "inf")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [("report", LONG), ("run", f"{LONG}.py"), ("compare", LONG, LONG), ("runs", "rm", LONG)],
)
def test_a_name_of_300_characters_is_refused(arguments, here, command):
    code, _, err = command(*arguments)
    assert code == 2
    assert len(err.splitlines()) == 1


def test_a_cache_of_no_user_is_named(monkeypatch):
    monkeypatch.setenv("LOCKSTEP_DATA", "~nosuchuser")
    with pytest.raises(DataError, match="the folder ~nosuchuser, named by LOCKSTEP_DATA: "):
        named_folder(None)


def test_a_year_beyond_9999_is_a_date_like_any_other(here, command, monkeypatch):
    """Some file systems keep them."""
    store_run(here / "runs" / "a", training())
    monkeypatch.setattr("experiments.harness.records.runs._written", lambda folder: 3e11)
    code, out, _ = command("runs")
    assert (code, "9999-12-31" in out) == (0, True)


NO_MORE_THREADS = """
import os, signal
if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
    signal.raise_signal(signal.SIGINT)  # as OpenBLAS does where it can start no thread
raise ImportError("no NumPy here")
"""


def test_a_limit_of_one_thread_is_not_taken_for_ctrl_c(here):
    (here / "numpy.py").write_text(NO_MORE_THREADS)
    paths = {"PYTHONPATH": os.pathsep.join([str(here), str(ROOT)]), "OPENBLAS_NUM_THREADS": "8"}
    command = [sys.executable, "-P", "-m", "experiments", "run", "xor"]
    done = subprocess.run(command, env=os.environ | paths, capture_output=True, text=True)
    assert (done.returncode, done.stderr.startswith("error: no NumPy here")) == (2, True)


@pytest.mark.parametrize("strict", [{"PYTHONWARNINGS": "error"}, {"PYTHONDEVMODE": "1"}])
def test_a_command_that_executes_a_page_leaves_nothing_open(strict, tmp_path):
    """Python would warn of it at the end, or show a traceback."""
    (tmp_path / "mine.py").write_text(find_experiment("xor").source.read_text())
    answer = lockstep("run", "mine.py", *SHORT, cwd=tmp_path, **strict)
    assert answer.code == 0, answer
    assert "Warning" not in answer.err


HANGS = "import time\ntime.sleep(1_000)\n"


def test_a_worker_that_hangs_in_an_import_ends_with_its_command(here):
    (here / "torch.py").write_text(HANGS)
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "experiments.harness.workers.worker", "pytorch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(ROOT)])},
    )
    try:
        worker.stdin.close()
        assert worker.wait(120) == 0  # only a hang takes that long
    finally:
        if worker.poll() is None:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
