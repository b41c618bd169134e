"""The stored runs: what each holds, and that removing one touches nothing else."""

import io
import json
import os
from pathlib import Path

import pytest

from experiments.harness.records.runs import remove
from experiments.harness.records.store import Store

from ..stored_runs import failed, store_run, training


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs under runs/, the later one with a failed and a missing training."""
    monkeypatch.chdir(tmp_path)
    store_run(tmp_path / "runs" / "old", training())
    new = store_run(tmp_path / "runs" / "new", training(), failed(experiment="circle"))
    Store(new).create(["churn-float64-seed0-scratch", "xor-float64-seed0-keras"])
    for path in (tmp_path / "runs" / "old").rglob("*"):
        os.utime(path, (0, 0))
    return tmp_path / "runs"


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_runs_are_listed_the_latest_first(call, runs):
    listed = json.loads(call("runs", "--json").out)["runs"]
    assert [run["name"] for run in listed] == ["new", "old"]
    new, old = listed
    assert (new["ok"], new["failed"], new["missing"]) == (1, 1, 1)
    assert (old["ok"], old["failed"], old["missing"]) == (1, 0, None)
    assert new["data"] == {"churn": "stand-in", "circle": "stand-in"}
    assert (old["dtypes"], old["date"]) == (["float64"], "1970-01-01T00:00:00+00:00")
    answer = call("runs")
    assert (answer.code, answer.err) == (0, "")
    assert "1970-01-01 00:00" in answer.out
    assert "new: churn (stand-in), circle (stand-in)" in answer.out


def test_a_training_by_which_others_are_judged_is_neither_counted_nor_missing(call, runs):
    nudged = training(mode="nudged-0", dtype="float32")
    store_run(runs / "float32", training(dtype="float32"), nudged)
    Store(runs / "float32").create([nudged[0]["key"]])
    (run,) = [
        run for run in json.loads(call("runs", "--json").out)["runs"] if run["name"] == "float32"
    ]
    assert (run["ok"], run["failed"], run["missing"]) == (1, 0, 0)


def test_of_a_run_that_was_stopped_before_its_first_training_all_is_missing(call, runs):
    keys = [f"churn-float64-seed{seed}-scratch" for seed in range(4)]
    Store(runs / "begun").create(keys)
    sentence = f"4 trainings are missing ({', '.join(keys[:3])} and 1 more); repeat the command"
    for command in (
        ("report", "begun"),
        ("compare", "old", "begun"),
        ("baseline", "save", "begun"),
    ):
        answer = call(*command)
        assert answer.code == 2
        assert f"begun: {sentence} that asked for them\n" in answer.err
    begun = {run["name"]: run for run in json.loads(call("runs", "--json").out)["runs"]}["begun"]
    assert (begun["problem"], begun["ok"], begun["failed"], begun["missing"]) == (None, 0, 0, 4)
    assert "damaged" not in call("runs").out


def test_a_damaged_run_is_listed_with_its_problem(call, runs):
    (runs / "old" / "cells" / "churn-float64-seed0-scratch.json").write_text("{")
    answer = call("runs")
    assert answer.code == 0
    assert "damaged" in answer.out
    assert "new: churn" in answer.out


def test_no_runs_are_one_line(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("runs").out == "no runs in runs; `lockstep run` makes one\n"
    assert json.loads(call("runs", "--json").out)["runs"] == []


def test_runs_lists_no_folder_of_other_files_and_advises_to_delete_none(call, runs):
    make_foreign(runs, "cells of a microscope")
    assert "thing" not in call("runs").out
    store_run(runs / "both", training())
    (runs / "both" / "cells" / "neuron.json").write_text("{}")
    said = " ".join(call("runs").out.split())
    assert "neuron.json: is not of a run; move it away" in said
    assert "delete" not in said


def test_rm_takes_two_names_of_a_run_for_one(call, runs):
    answer = call("runs", "rm", "--yes", "old", "runs/old/cells/..")
    assert (answer.code, (runs / "old").exists(), (runs / "new").exists()) == (0, False, True)


@pytest.mark.parametrize("name", ["old", "runs/old", "runs/old/", "runs/old/cells/.."])
def test_rm_removes_one_run_and_nothing_else(call, runs, name):
    kept = content(runs / "new")
    answer = call("runs", "rm", name, "--yes")
    assert answer.code == 0
    assert answer.out.startswith("removed runs/old")
    assert not (runs / "old").exists()
    assert content(runs / "new") == kept


def test_rm_refuses_where_nobody_can_be_asked(call, runs, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # a script's input is no terminal
    before = content(runs)
    answer = call("runs", "rm", "old")
    assert (answer.code, answer.out) == (2, "")
    assert "add --yes" in answer.err
    assert content(runs) == before


@pytest.mark.parametrize(
    ("typed", "removed"), [("y", True), ("yes", True), ("", False), ("n", False)]
)
def test_rm_asks_on_a_terminal(call, runs, monkeypatch, typed, removed):
    stdin = io.StringIO(f"{typed}\n")
    stdin.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", stdin)
    answer = call("runs", "rm", "old")
    assert answer.code == 0
    assert "runs/old: 6 files\nRemove? [y/N] " in answer.err
    assert (runs / "old").exists() is not removed


def make_foreign(runs, kind):
    """Make something that is not a run, or not only; return how it is called."""
    target = runs / "thing"
    if kind == "a folder without cells":
        target.mkdir()
    elif kind == "a file":
        target.write_text("thesis")
    elif kind == "a link to a run":
        target.symlink_to(runs / "old", target_is_directory=True)
    elif kind == "a run with a thesis":
        store_run(target, training())
        (target / "thesis.txt").write_text("two years of work")
    elif kind == "a run with a folder":
        store_run(target, training())
        (target / "cells" / "more").mkdir()
    elif kind == "linked cells":
        target.mkdir()
        (target / "cells").symlink_to(runs / "old" / "cells", target_is_directory=True)
    elif kind == "a linked record":
        store_run(target, training())
        (target / "cells" / "b.json").symlink_to(runs.parent / "elsewhere")
    elif kind == "cells of a microscope":
        (target / "cells").mkdir(parents=True)
        (target / "cells" / "neuron.json").write_text('{"dendrites": 7}')
        (target / "results.csv").write_text("neuron,dendrites")
    elif kind == "results beside empty cells":
        (target / "cells").mkdir(parents=True)
        (target / "results.csv").write_text("neuron,dendrites")
    elif kind == "the folder of runs":
        return "runs"
    elif kind == "the folder above":
        return ".."
    elif kind == "nothing":
        return "nowhere"
    return "thing"


@pytest.mark.parametrize(
    "kind",
    [
        *("a folder without cells", "a file", "a link to a run", "a run with a thesis"),
        *("a run with a folder", "linked cells", "a linked record"),
        *("cells of a microscope", "results beside empty cells"),
        *("the folder of runs", "the folder above", "nothing"),
    ],
)
def test_rm_refuses_what_is_not_a_run_and_removes_nothing(call, runs, kind):
    name = make_foreign(runs, kind)
    (runs.parent / "elsewhere").write_text("{}")
    before = content(runs.parent)
    answer = call("runs", "rm", "--yes", "old", name)  # not even the one that is a run
    assert (answer.code, answer.out) == (2, "")
    assert f"{name}: " in answer.err or f"{name}/" in answer.err
    assert "Traceback" not in answer.err
    assert content(runs.parent) == before


def test_rm_refuses_the_folder_it_is_called_in(call, runs, monkeypatch):
    monkeypatch.chdir(runs / "old")
    assert call("runs", "rm", "--yes", ".").code == 2
    assert (runs / "old" / "results.json").exists()


@pytest.mark.parametrize("removed", range(6))
def test_an_interrupted_removal_leaves_whole_records_and_can_be_repeated(
    runs, monkeypatch, removed
):
    left, unlink = [None] * removed, Path.unlink

    def interrupted(path, **options):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        remove(runs / "new")
    monkeypatch.undo()
    for path in (runs / "new" / "cells").glob("*.json"):
        assert path.with_suffix(".safetensors").exists()
    remove(runs / "new")
    assert not (runs / "new").exists()


@pytest.mark.parametrize("place", ["before", "after"])
def test_rm_removes_from_the_folder_that_was_named_wherever_the_option_stands(call, runs, place):
    """A run of the same name under runs/ is another run."""
    store_run(runs.parent / "archive" / "old", training())
    option, before = ("--dir", "archive"), content(runs)
    words = (*option, "rm") if place == "before" else ("rm", *option)
    answer = call("runs", *words, "--yes", "old")
    assert (answer.code, answer.out) == (0, "removed archive/old\n")
    assert content(runs) == before
    assert not (runs.parent / "archive" / "old").exists()


def test_rm_refuses_options_of_the_list(call, runs):
    answer = call("runs", "--json", "rm", "--yes", "old")
    assert (answer.code, "--json" in answer.err) == (2, True)
    assert (runs / "old").exists()
