"""The experiments as a notebook uses them: data frames that say what the command line says."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import experiments
from experiments import RequestError, compare, load_run, run
from experiments.harness.plan import plan
from experiments.harness.records.runs import find_runs
from experiments.harness.records.store import Store, to_json
from experiments.harness.request import Request

from .command import environment
from .stored_runs import correct_but, failed, store_run, training

pytestmark = pytest.mark.slow

KEY = "xor-float64-seed0-scratch"


def test_a_run_is_what_its_folder_holds(toys):
    loaded = load_run(toys.folder)
    stored = json.loads((toys.folder / "results.json").read_text())
    assert loaded.report == toys.folder / "report.html"
    assert loaded.cells.index.tolist() == [cell["key"] for cell in stored["cells"]]
    for cell in stored["cells"]:
        row = loaded.cells.loc[cell["key"]]
        assert row["training_loss"] == cell["history"]["loss"][-1]
        assert (row["test_loss"], row["test_accuracy"]) == (
            cell["test"]["loss"],
            cell["test"]["accuracy"],
        )
    assert loaded.agreement["verdict"].tolist() == [each["verdict"] for each in stored["agreement"]]
    pd.testing.assert_frame_equal(loaded.history, pd.read_csv(toys.folder / "results.csv"))


def test_runs_of_pages_of_ones_own_wait_for_each_other(monkeypatch):
    """Pages, and what lies beside them, are modules of the process by their names alone."""
    at_once, most = [], []

    def plan(*_):
        at_once.append(1)
        time.sleep(0.02)
        most.append(len(at_once))
        at_once.pop()
        raise RequestError("planned")

    def ask(page):
        with pytest.raises(RequestError, match="planned"):
            run(page)

    monkeypatch.setattr("experiments.harness.api.plan", plan)
    threads = [threading.Thread(target=ask, args=(f"{i}/mine.py",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_weights_and_predictions_are_those_of_the_cell(toys):
    loaded, arrays = load_run(toys.folder), Store(toys.folder).load_arrays(KEY)
    np.testing.assert_array_equal(loaded.predictions(KEY), arrays["predictions"])
    np.testing.assert_array_equal(loaded.predictions(loaded.cells.loc[KEY]), arrays["predictions"])
    for i, weight in enumerate(loaded.weights(KEY)):
        np.testing.assert_array_equal(weight, arrays[f"weights.{i}"])
    assert [weight.shape for weight in loaded.weights(KEY)][0] == (3, 4)


def test_more_than_ten_weights_come_in_their_own_order(tmp_path):
    record, arrays = training()
    many = {f"weights.{i}": np.array([float(i)]) for i in range(12)}
    weights = load_run(store_run(tmp_path, (record, arrays | many))).weights(record["key"])
    assert [weight.item() for weight in weights] == [*range(12)]


def test_a_failed_training_is_a_row_with_its_reason(tmp_path):
    loaded = load_run(store_run(tmp_path, failed(), training(seed=1)))
    row = loaded.cells.loc["churn-float64-seed0-scratch"]
    assert (row["status"], row["error"]) == ("failed", "no room")
    assert np.isnan(row["test_accuracy"])
    with pytest.raises(RequestError, match="unknown finished cell .*; did you mean"):
        loaded.weights("churn-float64-seed0-scratch")


def test_a_run_without_a_pair_or_an_epoch_has_empty_tables(tmp_path):
    loaded = load_run(store_run(tmp_path, failed()))
    assert loaded.agreement.empty
    assert loaded.history.empty
    assert "loss" in loaded.history


def test_what_cannot_be_run_is_refused_by_name(tmp_path):
    for options, message in [
        ({"seeds": 0}, "seeds: expected 1 to 100,000, got 0"),
        ({"seeds": []}, "seeds: expected at least one, got none"),
        ({"seeds": [3, -7]}, "seeds: expected a number of seeds, or a list"),
        ({"epochs": -1}, "epochs: expected a whole number, 1 or more, got -1"),
        ({"epochs": 2.5}, "epochs: expected a whole number, 1 or more, got 2.5"),
        ({"limit": True}, "limit: expected a whole number, 1 or more, got True"),
        ({"seeds": True}, "seeds: expected a number of seeds, or a list of them, got True"),
        ({"implementations": "scrach"}, "unknown implementation 'scrach'; did you mean 'scratch'"),
        ({"jobs": 0}, "jobs: expected 1 or more, got 0"),
        ({"jobs": 1.5}, "jobs: expected a whole number, got 1.5"),
        ({"timeout": None}, "timeout: expected 1 or more, got None"),
        ({"timeout": True}, "timeout: expected 1 or more, got True"),
        ({"out": 3}, "out: expected a path, got 3"),
        ({"data_dir": b"x"}, "data_dir: expected a path, got b'x'"),
        ({"seeds": 1.5}, "seeds: expected a number of seeds, or a list of them, got 1.5"),
        ({"implementations": None}, "implementations: expected a text or a list of .*, got None"),
        ({"settings": [3]}, r"settings: expected a text or a list of texts, got \[3\]"),
        ({"dtype": 64}, "unknown dtype 64. There are: float64, float32"),
        ({"floor": 2.5}, "--floor must be 0, or at least 2, .*; got 2.5"),
        ({"native": True, "margin": "1%"}, "--margin must be above 0 and below 1, .*; got '1%'"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"data": "best"}, "unknown data 'best'"),
        ({"implementations": ["torch"]}, "did you mean 'pytorch'"),
        (
            {"native": True, "margin": 0},
            "--margin must be above 0 and below 1, such as 0.01, for the test acc.*; got 0",
        ),
    ]:
        with pytest.raises(RequestError, match=message):
            run("xor", **{"out": tmp_path / "run", **options})
    with pytest.raises(RequestError, match="experiments: expected names, or paths of .*, got 3"):
        run(3, out=tmp_path / "run")
    with pytest.raises(RequestError, match="after: expected a Run, its folder or name, .* None"):
        compare(store_run(tmp_path / "one", training()), None)
    assert not (tmp_path / "run").exists()


def test_numpys_dtype_is_noted_by_its_name():
    assert json.dumps(Request(dtype=np.dtype("float32")).dtype) == '"float32"'


def test_seeds_are_a_number_a_list_or_a_text(monkeypatch, tmp_path):
    options = {"implementations": "scratch", "epochs": np.int64(1), "quiet": True}
    own = run("xor", seeds="3,7", out=tmp_path / "run", **options)
    assert own.cells["seed"].tolist() == [3, 7]

    asked = []

    def planned(request, *_):
        asked.append(sorted({cell.seed for cell in plan(request).heads}))
        raise RequestError("planned")

    monkeypatch.setattr("experiments.harness.api.plan", planned)
    given = {2: [0, 1], "3,7": [3, 7], (5,): [5], np.int64(1): [0]}
    for seeds in given:
        with pytest.raises(RequestError, match="planned"):
            run("xor", seeds=seeds, out=tmp_path / "other", **options)
    assert asked == [*given.values()]


PAGE = """\
from dataclasses import dataclass
from experiments.harness.experiment import Experiment
from experiments.xor import SPEC, build_scratch, load

EXPERIMENT = Experiment(
    page=__name__, data="a truth table", spec=SPEC, load=load, builders=(build_scratch,)
)
"""


def test_a_page_of_ones_own_is_run_by_its_path(tmp_path):
    (tmp_path / "my_xor.py").write_text(PAGE)
    options = {"implementations": ["scratch"], "epochs": 1, "quiet": True}
    own = run(tmp_path / "my_xor.py", out=tmp_path / "own", **options)
    assert own.cells.index.tolist() == ["my_xor-float64-seed0-scratch"]
    assert own.cells["status"].tolist() == ["ok"]


def test_a_run_is_loaded_by_the_name_that_lockstep_runs_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store_run(tmp_path / "runs" / "float64-1a2b3c4d", training())
    assert load_run("float64-1a2b3c4d").cells["status"].tolist() == ["ok"]
    assert compare("float64-1a2b3c4d", load_run("float64-1a2b3c4d")).verdict == "unchanged"


def test_figures_of_every_task_are_columns(tmp_path):
    outputs = np.linspace(0, 1, 1_000)[:, None]
    record, arrays = training(task="regression", experiment="diabetes")
    record["test"] = {"loss": 0.5, "n": 1_000, "rmse": 0.5, "mse": 0.25, "r2": None}
    record["history"]["accuracy"] = None
    regression = record, {"weights.0": arrays["weights.0"], "outputs": outputs}
    loaded = load_run(store_run(tmp_path, training(), regression))
    figures = ["test_accuracy", "test_rmse", "test_mse", "test_r2"]
    nan = np.nan
    np.testing.assert_array_equal(
        loaded.cells[figures], [[1, nan, nan, nan], [nan, 0.5, 0.25, nan]]
    )
    np.testing.assert_array_equal(loaded.predictions(record["key"]), outputs)
    assert loaded.history["accuracy"].isna().tolist() == [False] * 3 + [True] * 3
    assert compare(loaded, loaded).cells["rmse_after"].tolist()[1] == 0.5


def test_a_native_run_is_judged_by_the_margin_asked_for(tmp_path):
    options = {"implementations": ["scratch"], "epochs": 1, "out": tmp_path / "run", "quiet": True}
    own = run("xor", native=True, margin=0.25, **options)
    written = json.loads((tmp_path / "run" / "results.json").read_text())
    loaded = load_run(own.folder, margin=0.5)
    margins = [each.native[0].margin for each in (own.results, loaded.results)]
    assert [*margins, written["native"][0]["margin"]] == [0.25, 0.5, 0.25]
    assert load_run(own.folder).results.native[0].margin == 0.25  # kept with what was asked for
    again = run("xor", native=True, **options).results.native[0].margin
    assert (again, load_run(own.folder).results.native[0].margin) == (0.01, 0.01)


def test_a_comparison_says_what_the_command_says(call, tmp_path):
    before = store_run(tmp_path / "before", training())
    after = store_run(tmp_path / "after", training(correct_but(*range(30))))
    comparison = compare(load_run(before), after)
    assert json.loads(to_json(comparison.results)) == json.loads(
        call("compare", before, after, "--json").out
    )
    assert comparison.verdict == "worse"
    (row,) = comparison.cells.to_dict("records")
    assert (row["verdict"], row["accuracy_after"], row["flips_lost"]) == ("worse", 0.97, 30)
    assert comparison.environment.columns.tolist() == ["name", "before", "after"]
    assert "30 rows lost" in comparison.findings[0]
    assert "30 rows lost" in comparison.write_html(tmp_path / "page.html").read_text()


SCRIPT = """\
from experiments import compare, run

runs = [run("xor", implementations=["scratch"], epochs=5, out=name) for name in "ab"]
print(compare(*runs).verdict)
"""


def test_a_plain_script_needs_no_guard(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment(tmp_path / "cache") | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "unchanged\n"
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == [
        "xor scratch 0: 5 epochs"
    ] * 2


def test_importing_the_package_loads_nothing(tmp_path):
    code = "import sys, experiments; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True
    )
    assert "experiments" in done.stdout.split()
    assert not {"pandas", "numpy", "rich", "torch", "keras"} & set(done.stdout.split())


def test_what_the_package_has_not_is_an_attribute_error():
    assert set(experiments.__all__) == {
        *("Comparison", "RequestError", "Run", "compare", "load_run", "run"),
    }
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = experiments.train


def test_a_run_from_python_is_the_last_that_was_asked_for(call, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for epochs in ("1", "2"):
        call("run", "xor", "--with", "scratch", "--epochs", epochs, "--out", f"runs/{epochs}")
    for path in Path("runs").glob("*/plan.json"):
        kept = json.loads(path.read_text())
        kept["asked"][0]["date"] = "2026-01-01T10:00:00+00:00"
        path.write_text(json.dumps(kept))
    own = run("xor", implementations=["scratch"], epochs=1, out="runs/1", quiet=True)
    assert find_runs(Path("runs"))[0] == own.folder
