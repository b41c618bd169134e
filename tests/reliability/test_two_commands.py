"""Two commands, one folder: one works, the other says so; nothing is lost, mixed or overwritten."""

import os
import subprocess
import sys
import threading

import pytest

from experiments.harness.records import own_files
from experiments.harness.records.lock import LOCK, hold, only_writer
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from frameworks.errors import RequestError
from frameworks.files import write_whole

from ..experiments.stored_runs import as_record, failed, store_run, training

KEY = "churn-float64-seed0-scratch"
AT_WORK = "another command is at work there; wait until it ends"
TRAIN = ("run", "xor", "--with", "scratch", "--epochs", "2", "--out", "run")


@pytest.mark.parametrize(
    "arguments", [TRAIN, ("report", "run"), ("runs", "rm", "run", "--yes", "--dir", ".")]
)
def test_a_second_command_says_that_another_is_at_work(arguments, here, command):
    store_run(here / "run", training())
    before = sorted(here.rglob("*"))
    with hold(here / "run"):
        code, _, err = command(*arguments)
    elsewhere = ", or choose another --out" if arguments == TRAIN else ""
    assert (code, err.splitlines()[-1]) == (2, f"error: run: {AT_WORK}{elsewhere}")
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("begun", [f"{LOCK} made", "plan written"])
@pytest.mark.parametrize("look", range(4))
def test_a_run_that_begins_while_another_command_looks_is_a_run(here, begun, look, monkeypatch):
    """Its lock and its plan are nobody else's work, whichever of them is seen first."""
    is_folder, looks, store = own_files.is_folder, [], Store(here / "run")

    def is_folder_just_before(path):
        found = is_folder(path)
        looks.append(path)
        if len(looks) == look + 1:
            store.cells.mkdir(parents=True)
            (store.folder / LOCK).touch()
            if begun == "plan written":
                store.create([KEY])
        return found

    store.folder.mkdir()
    monkeypatch.setattr(own_files, "is_folder", is_folder_just_before)
    assert own_files.stranger_in(store.folder) == ""


def test_threads_of_one_program_are_told_apart(here):
    said = []

    def try_to_hold():
        try:
            with hold(here):
                said.append("held")
        except RequestError as error:
            said.append(str(error))

    with hold(here):
        threads = [threading.Thread(target=try_to_hold) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == [f"{here}: {AT_WORK}"] * 3
    assert list(here.iterdir()) == []


HOLD = """
import sys
from pathlib import Path
from experiments.harness.records.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_command_leaves_no_lock(here, command):
    store_run(here / "run", training())
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(here / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
    )
    with process:
        assert process.stdout.readline() == b"held\n"
        assert command("report", "run")[0] == 2
        process.kill()
    assert command("report", "run")[0] == 0
    assert not (here / "run" / ".lock").exists()


def test_a_finished_training_is_not_overwritten_by_one_that_failed(here):
    store = Store(store_run(here / "run", training()))
    before = (store.cells / f"{KEY}.json").read_bytes()
    store.save(as_record(failed()[0]), {})
    assert (store.cells / f"{KEY}.json").read_bytes() == before
    assert store.arrays_of(store.load(KEY))


def test_a_finished_training_is_not_overwritten_by_that_of_another_run(here):
    store = Store(store_run(here / "run", training()))
    before = {path: path.read_bytes() for path in store.cells.iterdir()}
    other, arrays = training(limit=5)
    with pytest.raises(RequestError, match=f"run: holds another {KEY} meanwhile, which is kept;"):
        store.save(as_record(other), arrays)
    assert {path: path.read_bytes() for path in store.cells.iterdir()} == before


def test_what_a_worker_that_outlived_its_command_writes_waits_for_its_turn(here):
    store = Store(store_run(here / "run", failed()))
    late = as_record(failed()[0] | {"error": "late"})
    other = threading.Thread(target=store.save, args=(late, {}))
    with only_writer(store.cells, KEY):
        other.start()
        other.join(0.1)
        assert store.load(KEY).error == "no room"
    other.join()
    assert store.load(KEY).error == "late"


def test_no_two_writers_have_the_same_unfinished_file(here, monkeypatch):
    """Two containers both have a process 1; so does a program with threads."""
    names = []
    monkeypatch.setattr(os, "replace", lambda source, target: names.append(source.name))
    for _ in range(2):
        write_whole(here / "a.json", b"{}")
    assert len(set(names)) == 2


def test_a_report_of_an_interrupted_run_says_how_many_trainings_are_missing(here, command):
    store = Store(store_run(here / "run", training()))
    store.create([KEY, "churn-float64-seed0-keras", "churn-float64-seed1-keras"])
    code, out, _ = command("report", "run")
    assert code == 1
    said = " ".join(out.split())
    assert "1 of 3 trainings finished" in said
    assert (
        "✗ 2 trainings are missing (churn-float64-seed0-keras, churn-float64-seed1-keras); "
        "repeat the command that asked for them"
    ) in said
    results = build_results(store)
    assert results.missing == ["churn-float64-seed0-keras", "churn-float64-seed1-keras"]
    assert "<strong>1 of 3</strong> trainings finished" in (here / "run/report.html").read_text()


def test_a_smaller_request_in_the_same_folder_is_judged_by_the_folders_plan(here, command):
    both = ("run", "xor", "perceptron", "--with", "scratch", "--epochs", "2", "--out", "run")
    assert command(*both)[0] == 0
    (here / "run/cells/perceptron-float64-seed0-scratch.json").unlink()
    assert command(*TRAIN)[0] == 1
    assert command(*both)[0] == 0
