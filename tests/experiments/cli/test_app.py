"""The command line: one clear message for what it cannot do, and quick answers."""

import gzip
import json
import os
from importlib.metadata import version

import numpy as np
import pytest

from datasets.idx import encode_idx
from datasets.mnist import MNIST
from experiments import RequestError, run
from experiments.harness.cli import session
from experiments.harness.plan import plan
from experiments.harness.records.models import Asked, Plan
from experiments.harness.records.runs import find_runs, last_results
from experiments.harness.records.store import Store, to_json
from experiments.harness.request import Request
from experiments.registry import EXPERIMENTS

from ..stored_runs import correct_but, failed, store_run, training

pytestmark = pytest.mark.slow

IMPLEMENTATIONS = ["scratch", "keras", "pytorch", "python", "keras-jax", "keras-torch"]
COMMANDS = ["list", "run", "report", "compare", "bench", "certify", "diverge", "runs", "runs rm"]
EPOCHS = range(1, 202)
TRY_RUN = "\nTry: lockstep run --help\n"
COMMANDS += ["data", "data fetch", "data verify", "new", "baseline", "baseline save"]


def assert_refused(answer, *words) -> None:
    """Exit code 2, and one message that holds all the words."""
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert answer.err.count("error: ") == 1
    assert "Traceback" not in answer.out + answer.err
    assert "trainings finished" not in answer.out
    for word in words:
        assert word in answer.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("run mnits", ["unknown experiment 'mnits'", "did you mean 'mnist'?"]),
        ("run zebra", ["unknown experiment 'zebra'. There are: ", *EXPERIMENTS]),
        ("run circle --with torch", ["unknown implementation 'torch'", "'pytorch'?"]),
        ("run circle --with scratch,", ["unknown implementation ''", "scratch, keras, pytorch"]),
        ("run circle --with scratch,jax", ["'jax'", "scratch, keras, pytorch"]),
        (
            "run churn --with python",
            ["churn has no build_python; there are: build_scratch, build_keras, build_pytorch\n"],
        ),
        ("run churn circle --with python", ["churn has no build_python"]),
        (
            "run circle --with python --dtype float32",
            ["error: python computes in float64 only, not in float32\n"],
        ),
        (
            "run --with python --dtype float32",
            ["error: nothing to train: python computes in float64 only, not in float32\n"],
        ),
        (
            "run circle --with python --native --dtype float64",
            ["python has no defaults of its own"],
        ),
        ("run circle --with python --native", ["python has no defaults of its own"]),
        ("certify ./page.py", ["./page.py: only experiments of the suite are certified: perc"]),
        ("bench mnist --with python", ["mnist has no build_python"]),
        ("run circle --dtype float16", ["--dtype", "'float16'", "'float64', 'float32'", TRY_RUN]),
        ("run circle --data best", ["--data", "'best'", "'auto', 'real', 'stand-in'", TRY_RUN]),
        (
            f"run circle --with scratch --seeds 5000 --set epochs={','.join(map(str, EPOCHS))}",
            ["error: expected at most 1,000,000 trainings, got 1,005,000: each combination of"],
        ),
        ("run circle --seeds 0", ["seeds: expected 1 to 100,000, got 0\n"]),
        ("run circle --seeds 3,x", ["seeds: expected a number of seeds, or a list", "'3,x'\n"]),
        (f"run circle --seeds {'9' * 5_000}", ["seeds: expected a number of seeds, or a list"]),
        ("run circle --seeds 9-3", ["seeds: expected a number of seeds, or a list", "'9-3'\n"]),
        ("run circle --epochs -1", ["'--epochs'", TRY_RUN]),
        ("run circle --epochs many", ["'--epochs'", TRY_RUN]),
        ("run circle --limit 0", ["--limit"]),
        ("run circle --jobs 0", ["--jobs"]),
        ("run circle --threads 0", ["--threads"]),
        ("run circle --timeout 0", ["--timeout", TRY_RUN]),
        ("run mnist --data-dir nowhere", ["nowhere", "is not a folder"]),
        ("run circle --quite", ["--quite", "--quiet", TRY_RUN]),
        ("run circle --seeds", ["'--seeds'", "\nTry: lockstep"]),
        ("run nowhere.py", ["nowhere.py: no such file; `lockstep list`"]),
        ("report runs --page nowhere.py", ["runs: holds no run"]),
        ("lisst", ["'lisst'", "'list'", "\nTry: lockstep --help\n"]),
        ("list more", ["(more)", "\nTry: lockstep list --help\n"]),
        ("runs rm", ["'RUN'", "\nTry: lockstep runs rm --help\n"]),
        ("bench zebra", ["unknown experiment 'zebra'"]),
        ("bench circle --rounds 0", ["--rounds"]),
        ("report", ["RUN"]),
        ("report nowhere", ["nowhere: holds no run"]),
        ("train", ["'train'"]),
    ],
)
def test_what_is_asked_wrongly_is_refused_by_name(call, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    answer = call(*arguments.split())
    assert_refused(answer, *words)
    assert len(answer.err.splitlines()) <= 2
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_of_digits_is_named(call, tmp_path):
    arrays = [np.zeros(shape, np.uint8) for shape in ((9, 28, 28), 9, (9, 28, 28), 9)]
    for file, array in zip(MNIST.files, arrays, strict=True):
        path = tmp_path / f"{file.path}.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(encode_idx(array)))
    path.write_bytes(path.read_bytes()[:-9])
    answer = call("run", "mnist", "--data-dir", tmp_path, "--out", tmp_path / "run")
    assert_refused(answer, f"{path}: the gzip stream is damaged")
    assert not (tmp_path / "run").exists()


def test_a_customer_table_without_its_columns_is_named(call, tmp_path):
    path = tmp_path / "churn" / "Churn_Modelling.csv"
    path.parent.mkdir()
    path.write_text("RowNumber,Surname,Balance\n1,Hargrave,0\n")
    answer = call("run", "churn", "--data-dir", tmp_path, "--out", tmp_path / "run")
    assert_refused(answer, str(path), "CreditScore")
    assert not (tmp_path / "run").exists()


def test_a_file_in_the_place_of_the_folder_is_left_alone(call, tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("two years of work")
    assert_refused(call("run", "circle", "--out", path), str(path), "choose another --out")
    assert path.read_text() == "two years of work"


def test_an_empty_name_is_not_the_current_folder(call, tmp_path):
    assert_refused(call("run", "circle", "--out", ""), "'--out'", "is empty", TRY_RUN)
    with pytest.raises(RequestError, match="out: is empty"):
        run("circle", out="")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission_is_named(call, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    answer = call("run", "circle", "--out", locked / "run")
    assert_refused(answer, str(locked), "Permission denied", "choose another --out")


@pytest.mark.parametrize(
    ("options", "differs"),
    [
        (("--epochs", "501"), "spec"),
        (("--epochs", "500", "--limit", "2"), "limit"),
        (("--epochs", "500", "--threads", "2"), "environment"),
    ],
)
def test_a_folder_that_holds_another_run_is_left_alone(call, toys, monkeypatch, options, differs):
    before = {path: path.read_bytes() for path in toys.folder.rglob("*") if path.is_file()}
    monkeypatch.chdir(toys.cwd)
    answer = call("run", "perceptron", "--data", "stand-in", "--out", "run", *options)
    assert_refused(answer, "run: holds ", f"with another {differs};", "--out")
    assert {path: path.read_bytes() for path in toys.folder.rglob("*") if path.is_file()} == before


def test_report_refuses_an_empty_folder(call, tmp_path):
    assert_refused(call("report", tmp_path), f"{tmp_path}: holds no run", "cells/")
    assert list(tmp_path.iterdir()) == []


def test_report_and_run_name_a_damaged_record_and_the_remedy(call, tmp_path):
    path = tmp_path / "cells" / "circle-float64-seed0-scratch.json"
    path.parent.mkdir()
    path.write_text('{"schema": 1, "key": "circle-fl')
    remedy = "delete it, and run again"
    assert_refused(call("report", tmp_path), str(path), remedy)
    assert_refused(call("run", "circle", "--out", tmp_path), str(path), remedy)
    assert path.read_text() == '{"schema": 1, "key": "circle-fl'


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(call, command):
    answer = call(*command.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    examples = answer.out.split("For example:\n")[1].split("\n\n")
    assert any(f"lockstep {command}" in example for example in examples)


def test_without_arguments_the_commands_are_shown(call):
    answer = call()
    assert (answer.code, answer.err) == (0, "")
    shown = {line.split()[0] for line in answer.out.split("Commands:\n")[1].splitlines()}
    assert shown == {command.split()[0] for command in COMMANDS}


def test_list_shows_every_experiment_and_implementation(call):
    answer = call("list")
    assert answer.code == 0
    for name in (*EXPERIMENTS, *IMPLEMENTATIONS):
        assert any(line.split()[:1] == [name] for line in answer.out.splitlines())
    assert "784-128-10, 10 epochs, " in answer.out
    assert "784-10, 1 epoch, " in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    listed = json.loads(call("list", "--json").out)
    assert [each["name"] for each in listed["experiments"]] == list(EXPERIMENTS)
    assert [each["name"] for each in listed["implementations"]] == IMPLEMENTATIONS
    assert all(each["question"].endswith("?") for each in listed["experiments"])
    assert [e["name"] for e in listed["implementations"] if not e["default"]] == IMPLEMENTATIONS[4:]


def test_list_shows_the_last_results_of_each_experiment(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras = {"implementation": "keras"}
    store_run(tmp_path / "runs" / "old", training(correct_but(0)), training(experiment="xor"))
    store_run(
        tmp_path / "runs" / "new",
        training(correct_but(1, 2)),
        training(**keras),
        failed(implementation="pytorch"),
    )
    for path in (tmp_path / "runs" / "old").rglob("*"):
        os.utime(path, (0, 0))
    (tmp_path / "runs" / "broken" / "cells").mkdir(parents=True)
    (tmp_path / "runs" / "broken" / "results.json").write_text("{")
    listed = json.loads(call("list", "--json").out)["experiments"]
    last = {each["name"]: each["last"] for each in listed}
    assert last["churn"]["run"] == "runs/new"
    assert last["churn"]["accuracy"] == {"scratch": [0.998], "keras": [1.0]}
    assert (last["churn"]["agree"], last["churn"]["pairs"]) == (0, 1)
    assert (last["xor"]["run"], last["xor"]["date"]) == ("runs/old", "1970-01-01")
    assert last["mnist"] is None
    shown = " ".join(call("list").out.split())
    assert (
        "stand-in, 3 epochs: test accuracy 0.9980..1.0000, 0 of 1 pair agrees, 1 training failed"
        in shown
    )
    assert "not run here yet" in shown


def test_the_newest_run_is_the_one_last_asked_for_whatever_was_copied_since(tmp_path):
    asked = {"first": "2026-01-01T10:00+00:00", "last": "2026-01-02T10:00+00:00"}
    for name, date in asked.items():
        run = Store(store_run(tmp_path / name, training()))
        given = Asked(date=date, command="lockstep run", version="1")
        (run.folder / "plan.json").write_bytes(to_json(Plan(cells=[], asked=[given])))
        for path in (run.folder / "cells").iterdir():
            os.utime(path, (2**31, 2**31) if name == "first" else (0, 0))  # as a copy's
    assert [path.name for path in find_runs(tmp_path)] == ["last", "first"]
    assert last_results(tmp_path)["churn"].date == "2026-01-02"
    store = Store(tmp_path / "first")
    store.create(command="lockstep run")  # repeated: whether or not anything is missing
    assert find_runs(tmp_path)[0].name == "first"
    assert len(store.plan().asked) == 1


def test_no_name_in_a_record_is_a_line_of_its_own_in_a_log(call, tmp_path, without_report):
    store_run(tmp_path / "run", training(data={"name": "::error::a\n::error::b"}))
    shown = call("report", tmp_path / "run").out
    assert r"\x3a:error::a\n::error::b, stand-in" in shown
    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize(
    ("trained", "dtype", "said"),
    [("scratch", "float64", "1 of 1 training finished; "),
     ("scratch,pytorch", "float32", "2 of 2 trainings finished; ")],  # beside which others judge
)  # fmt: skip
def test_run_quietly_shows_the_sum_and_nothing_else(call, tmp_path, trained, dtype, said):
    options = ("--with", trained, "--dtype", dtype, "--epochs", "2", "--out", tmp_path / "run")
    answer = call("run", "xor", *options, "--quiet")
    first, second = answer.out.splitlines()
    count = said[0]
    assert (answer.code, answer.err) == (0, "")
    assert first.startswith(said)
    assert first.split("; ")[1].rstrip(".") == f"{count} trained, 0 kept"
    assert second.startswith("report: ")
    assert second.endswith("report.html; beside it results.json, results.csv, trainings.csv")
    again = call("run", "xor", *options, "--quiet")
    assert f"{said}0 trained, {count} kept" in again.out.splitlines()[0]


def test_what_is_asked_for_and_cannot_be_done_is_said(call, tmp_path):
    command = ("run", "xor", "--with", "scratch,python", "--epochs", "2", "--out", tmp_path / "run")
    line = "left out: xor has no build_python; there are: build_scratch, build_keras, build_pytorch"
    for option in ([], ["--quiet"], ["--json"]):
        answer = call(*command, *option)
        said = answer.err if option else answer.out  # where standard output is for something else
        assert (answer.code, line in " ".join(said.split())) == (0, True)


def test_what_nobody_asked_for_is_not_said_to_be_left_out():
    assert plan(Request(experiments=("xor",))).left_out == []


def test_seeds_are_a_number_of_them_or_a_list(call, tmp_path, monkeypatch):
    options = ("--with", "scratch", "--epochs", "1", "--quiet", "--out", tmp_path / "run")
    assert call("run", "xor", *options, "--seeds", "7,3").code == 0
    cells = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
    assert [cell["seed"] for cell in cells] == [3, 7]

    asked = []
    monkeypatch.setattr(session, "run", lambda request, *_: asked.append(request) or 0)
    for seeds, planned in {"2": [0, 1], "3,": [3], "7,3": [3, 7], "10-12": [10, 11, 12]}.items():
        assert call("run", "xor", *options, "--seeds", seeds).code == 0
        assert sorted(cell.seed for cell in plan(asked.pop()).heads) == planned


def test_the_version_is_that_of_the_package(call):
    answer = call("--version")
    assert (answer.code, answer.out) == (0, f"lockstep {version('lockstep-suite')}\n")
