"""`lockstep run` from end to end: agreement in float64, and what is written, kept and printed.

The toys are trained for 500 epochs, all others for three on the first 1,003 rows of their
stand-ins, each by all implementations; the tests share these two runs.
"""

import json
import shutil
from itertools import combinations

import pandas as pd
import pytest

from experiments.harness.plan import plan
from experiments.harness.request import Request
from experiments.registry import EXPERIMENTS, find_experiment

from ..command import REAL_DATA, Trained, lockstep

pytestmark = pytest.mark.slow

IMPLEMENTATIONS = ["scratch", "keras", "pytorch"]
NEURONS = {"perceptron", "circle"}  # what pure Python trains too
FIGURES = {
    "regression": {"rmse", "mse", "r2"},
    "reconstruction": {"mse"},
    "generation": {"wasserstein", "mean", "deviation"},
    "sequences": {"sequence_accuracy", "token_accuracy"},
}

CELL = {
    *("experiment", "implementation", "dtype", "seed", "data", "epochs", "history", "test"),
    *("seconds", "status", "error"),
}
WITHOUT_ANSWERS = ("diabetes", "digits_autoencoder", "gan")
AGREEMENT = {
    *("experiment", "dtype", "seed", "pair", "max_rel_loss", "max_rel_weight"),
    *("prediction_mismatches", "n_predictions", "verdict", "tolerance", "reason"),
}


@pytest.fixture(params=["toys", "tables"])
def trained(request):
    """Give one run after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Return a function that copies a run, to be changed or damaged, and goes where it is."""

    def copy_run(run: Trained) -> Trained:
        shutil.copytree(run.cwd, tmp_path / "copy")
        monkeypatch.chdir(tmp_path / "copy")
        return Trained(run.arguments, run.answer, tmp_path / "copy")

    return copy_run


def experiments(run: Trained) -> list[str]:
    return list(run.arguments[1 : run.arguments.index("--epochs")])


def implementations(experiment: str) -> list[str]:
    return [*IMPLEMENTATIONS, "python"] if experiment in NEURONS else IMPLEMENTATIONS


def pairs(run: Trained) -> list[list[str]]:
    """Give the pairs that are to be compared, an experiment after the other."""
    return [
        list(pair) for name in experiments(run) for pair in combinations(implementations(name), 2)
    ]


def results(run: Trained) -> dict:
    return json.loads((run.folder / "results.json").read_text())


def snapshot(folder) -> dict:
    """Give the content and the time of change of each record and of its arrays."""
    files = sorted((folder / "cells").iterdir())
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def without_seconds(content: bytes) -> dict:
    return {name: value for name, value in json.loads(content).items() if name != "seconds"}


def test_every_two_implementations_agree_on_every_experiment(trained):
    assert trained.answer.code == 0, trained.answer.out + trained.answer.err
    found = results(trained)
    assert list(dict.fromkeys(cell["experiment"] for cell in found["cells"])) == experiments(
        trained
    )
    assert [entry["pair"] for entry in found["agreement"]] == pairs(trained)
    for entry in found["agreement"]:
        assert (entry["verdict"], entry["reason"]) == ("agree", ""), entry
        assert entry["max_rel_loss"] <= 1e-12, entry  # the design's limit; rounding reaches 4e-15
        assert entry["max_rel_weight"] <= 1e-9, entry  # the design's limit; rounding reaches 1e-14
        answered = entry["prediction_mismatches"] is not None  # where there is nothing to be right
        assert answered == (entry["experiment"] not in WITHOUT_ANSWERS)
        assert not entry["prediction_mismatches"], entry
        assert entry["max_rel_output"] <= 1e-12, entry  # the design's limit of a forward pass


def test_the_two_runs_are_of_every_experiment_but_the_long_ones(toys, tables):
    short = [name for name in EXPERIMENTS if not find_experiment(name).long]
    assert sorted(experiments(toys) + experiments(tables)) == sorted(short)


def test_a_whole_training_ends_in_its_acceptance_band(call, tmp_path):
    assert call("run", "circle", "--with", "scratch", "--out", tmp_path / "run").code == 0
    (cell,) = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
    assert (cell["epochs"], cell["acceptance"]) == (2_000, [1.0, 1.0])
    assert cell["test"]["accuracy"] == 1.0


def test_results_have_the_schema(trained):
    found = results(trained)
    assert found["schema"] == 1
    assert {"python", "processor", "threads", "versions"} <= set(found["environment"])
    assert [(cell["experiment"], cell["implementation"]) for cell in found["cells"]] == [
        (name, each) for name in experiments(trained) for each in implementations(name)
    ]
    for cell in found["cells"]:
        assert set(cell) >= CELL
        assert set(cell["data"]) == {"name", "source", "sha256"}
        assert (len(cell["data"]["sha256"]), cell["status"], cell["error"]) == (64, "ok", None)
        assert set(cell["seconds"]) == {"import", "compile", "fit", "together"}
        curves, test = cell["history"], cell["test"]
        measured = {name for name, value in test.items() if value is not None} - {"loss", "n"}
        if cell["task"] != "classification":
            assert (len(curves["loss"]), curves["accuracy"]) == (cell["epochs"], None)
            assert measured == FIGURES[cell["task"]]
            continue
        assert {len(values) for values in curves.values()} == {cell["epochs"]}
        assert measured == {"accuracy", "confusion"}
        assert sum(map(sum, test["confusion"])) == test["n"]
        right = sum(row[i] for i, row in enumerate(test["confusion"]))
        assert test["accuracy"] == right / test["n"]
    assert all(set(entry) >= AGREEMENT for entry in found["agreement"])


def test_csv_has_a_row_for_every_cell_and_epoch(trained):
    table = pd.read_csv(trained.folder / "results.csv")
    assert len(table) == sum(cell["epochs"] for cell in results(trained)["cells"])
    for cell in results(trained)["cells"]:
        names = ["experiment", "implementation", "dtype", "seed"]
        mine = table[(table[names] == [cell[name] for name in names]).all(axis=1)]
        assert mine["epoch"].tolist() == list(range(1, cell["epochs"] + 1))
        assert mine["loss"].tolist() == cell["history"]["loss"]
        accuracies = cell["history"]["accuracy"]
        assert mine["accuracy"].dropna().tolist() == (accuracies or [])
        assert set(mine["source"]) == {cell["data"]["source"]}


def test_away_from_a_terminal_there_are_tables_of_80_columns_and_a_line_for_each_training(trained):
    out, err = trained.answer.out, trained.answer.err
    cells = results(trained)["cells"]
    names = sorted(f"{c['experiment']} {c['implementation']} {c['seed']}" for c in cells)
    assert sorted(line.partition(":")[0] for line in err.splitlines()) == names
    assert "\x1b" not in out
    assert "\r" not in out
    assert max(map(len, out.splitlines())) <= 80
    expected, lines = pairs(trained), out.splitlines()
    for pair in expected:
        shown = [line for line in lines if " - ".join(pair) in line and "agree" in line]
        assert len(shown) == expected.count(pair)
    n, m = len(results(trained)["cells"]), len(expected)
    assert f"{n} of {n} trainings finished; {m} of {m} pairs agree." in out


def test_repeating_a_command_trains_nothing(trained, call, monkeypatch):
    before = snapshot(trained.folder)
    monkeypatch.chdir(trained.cwd)
    answer = call(*trained.arguments)
    assert answer.code == 0
    n = len(results(trained)["cells"])
    assert f"{n} of {n} trainings are in run" in answer.out
    assert snapshot(trained.folder) == before
    tables = trained.answer.out.split("\n\n", 1)[1]  # after the lines on the data
    assert answer.out.endswith(tables)


@pytest.mark.parametrize("implementation", ["scratch", "keras"])
def test_a_deleted_record_is_trained_again_to_the_same_bytes(tables, copy, call, implementation):
    run, key = copy(tables), f"churn-float64-seed0-{implementation}"
    before = snapshot(run.folder)
    (run.folder / "cells" / f"{key}.json").unlink()
    assert call(*run.arguments).code == 0
    after = snapshot(run.folder)
    assert {name for name in before if before[name] != after[name]} == {
        f"{key}.json",
        f"{key}.safetensors",
    }
    old, new = ((s[f"{key}.json"][0], s[f"{key}.safetensors"][0]) for s in (before, after))
    assert old[0] != new[0]  # the seconds
    assert without_seconds(old[0]) == without_seconds(new[0])
    assert old[1] == new[1]


def test_more_seeds_join_what_is_there(call, tmp_path):
    command = (
        "run",
        "perceptron",
        "--epochs",
        "20",
        "--with",
        "scratch",
        "--out",
        tmp_path / "run",
    )
    assert call(*command).code == 0
    before = snapshot(tmp_path / "run")
    assert call(*command, "--seeds", "2").code == 0
    after = snapshot(tmp_path / "run")
    assert {name: after[name] for name in before} == before
    cells = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
    assert [cell["seed"] for cell in cells] == [0, 1]
    assert cells[0]["history"] != cells[1]["history"]


def test_python_alone_trains_what_is_written_for_it(call, tmp_path):
    answer = call("run", "--with", "python", "--epochs", "2", "--out", tmp_path / "run")
    assert answer.code == 0
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {(cell["experiment"], cell["implementation"]) for cell in found["cells"]} == {
        (name, "python") for name in NEURONS
    }


def test_float32_leaves_out_what_has_no_float32():
    def trained(dtype):
        heads = plan(Request(experiments=("perceptron", "xor"), dtype=dtype)).heads
        return [cell.implementation for cell in heads if cell.mode == "lockstep"]

    assert trained("float32") == IMPLEMENTATIONS * 2
    assert trained("float64") == [*IMPLEMENTATIONS, "python", *IMPLEMENTATIONS]


def test_report_rebuilds_the_same_results_and_tables(trained, copy, call):
    run = copy(trained)
    for name in ("results.json", "results.csv"):
        (run.folder / name).unlink()
    answer = call("report", "run")
    assert answer.code == 0
    for name in ("results.json", "results.csv"):
        assert (run.folder / name).read_bytes() == (trained.folder / name).read_bytes()
    assert answer.out == "\n" + trained.answer.out.split("\n\n", 1)[1]


def test_json_prints_the_results_and_nothing_else(trained, call, monkeypatch):
    written = (trained.folder / "results.json").read_text()
    monkeypatch.chdir(trained.cwd)
    for command in (trained.arguments, ("report", "run")):
        answer = call(*command, "--json")
        assert (answer.code, answer.out, answer.err) == (0, written, "")


@pytest.mark.skipif(not REAL_DATA, reason="needs the real data: set LOCKSTEP_DATA to its folder")
def test_the_implementations_agree_on_the_real_data(tmp_path):
    options = ("--data", "real", "--limit", "2000", "--epochs", "2", "--out", "run")
    answer = lockstep("run", "mnist", "churn", *options, cwd=tmp_path, LOCKSTEP_DATA=REAL_DATA)
    assert answer.code == 0, answer.out + answer.err
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {cell["data"]["source"] for cell in found["cells"]} == {"real"}
    assert {cell["n_train"] for cell in found["cells"]} == {2_000}
    assert [entry["verdict"] for entry in found["agreement"]] == ["agree"] * 6
