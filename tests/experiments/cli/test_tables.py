"""The tables of a run: whole numbers of digits within 80 columns, for every task."""

import io

import pytest
from rich.console import Console

from experiments import registry
from experiments.harness.cli.tables import show_experiment, show_summary
from experiments.harness.records.models import AgreementEntry, Results
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.task import GENERATION, REGRESSION

from ..stored_runs import as_record, training


def regression(implementation, seed):
    record, _ = training(task="regression", implementation=implementation, seed=seed)
    mse = 4075.496608 + 60 * seed
    record["history"]["accuracy"] = None
    figures = {"rmse": mse**0.5, "mse": mse, "r2": 0.2052 + 0.0163 * seed}
    record["test"] = {"loss": 0.664769, "n": 89} | figures
    return as_record(record)


def generation(implementation, seed):
    record, _ = training(task="generation", implementation=implementation, seed=seed)
    figures = {"wasserstein": 13.9363, "mean": -0.0637, "deviation": 1.4694 + seed}
    record["test"] = {"loss": 10.757172, "n": 1_000} | figures
    return as_record(record)


def shown(cells):
    out = io.StringIO()
    show_experiment(Console(file=out, width=80), cells, [])
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in out.getvalue()
    return "\n".join(lines)


@pytest.mark.parametrize("seeds", [1, 3])
def test_three_figures_of_a_regression_fit_into_80_columns(seeds):
    names = ("scratch", "keras-torch")
    text = shown([regression(name, seed) for seed in range(seeds) for name in names])
    heading = next(line for line in text.splitlines() if "implementation" in line)
    assert [metric.title in heading for metric in REGRESSION.metrics] == [True] * 3
    expected = ["63.8396", "4075.5", "0.2052"] if seeds == 1 else ["63.84..", "4195", "0.2052.."]
    assert [word for word in expected if word not in text.split()] == []


@pytest.mark.parametrize("seeds", [1, 3])
def test_three_figures_of_a_generator_fit_into_80_columns(seeds):
    names = ("scratch", "keras-torch")
    text = shown([generation(name, seed) for seed in range(seeds) for name in names])
    words = " ".join(metric.title for metric in GENERATION.metrics).split()
    assert [word for word in words if word not in text.split()] == []


def test_one_is_singular_and_thousands_have_separators():
    record, _ = training(epochs=1, limit=1_003, spec={"batch_size": 1_797})
    record["history"] = {"loss": [0.25], "accuracy": [0.5]}
    title = shown([as_record(record)]).strip().splitlines()
    assert ", 1 epoch, batch 1,797, float64, seed 0" in title[0]
    assert ", first 1,003 rows, " in title[1]


def test_losses_of_several_seeds_are_shown_whole():
    cells = []
    for seed in range(3):
        record, _ = training(implementation="keras-torch", seed=seed)
        record["history"]["loss"][-1] = 0.3367 + seed / 20
        record["test"]["loss"] = 0.3401 + seed / 20
        cells.append(as_record(record))
    text = shown(cells)
    ends = ["0.3367..", "0.4367", "0.3401..", "0.4401"]
    assert [word for word in ends if word not in text.split()] == []


def test_a_training_that_failed_has_no_figures():
    record, _ = training()
    failed = record | dict.fromkeys(("history", "test", "seconds", "digests"))
    text = shown([as_record(failed | {"status": "failed", "error": "no room"})])
    assert "failed" in text


def test_summary_of_several_experiments_has_a_row_for_each():
    cells = [
        as_record(training(implementation="scratch", experiment=name)[0])
        for name in ("mnist_perceptron", "circle")
    ]
    results = Results(environment=cells[0].environment, cells=cells, agreement=[])
    out = io.StringIO()
    show_summary(Console(file=out, width=80), results, [])
    lines = out.getvalue().splitlines()
    assert lines[0].split()[0] == "experiment"
    assert [line.split()[0] for line in lines[2:4]] == ["mnist_perceptron", "circle"]
    assert f"accuracy {cells[0].test.metric('accuracy'):.4g}" in lines[2]
    assert lines[-1] == "2 of 2 trainings finished."
    assert max(map(len, lines)) <= 80


def test_the_table_of_all_experiments_with_three_seeds_is_whole_at_80_columns():
    cells, pairs = [], []
    for name in EXPERIMENTS:
        headline = find_experiment(name).task.headline
        compared = {"prediction_mismatches": None, "n_predictions": None, "max_rel_output": 8.8e-16}
        if find_experiment(name).task.has_answers:
            compared |= {"prediction_mismatches": 0, "n_predictions": 10_000}
        values = {"experiment": name, "verdict": "agree", **compared}
        pairs.append(AgreementEntry.model_construct(**values))
        for seed in range(3):
            values = {"experiment": name, "task": find_experiment(name).task.name, "seed": seed}
            record, _ = training(**values, seconds={"import": 1.0, "compile": 0.0, "fit": 4_321.5})
            figure = 4 + 2 * seed if headline.form == ".0f" else 0.7125631 + seed / 7
            record["test"][headline.name] = figure
            cells.append(as_record(record))
    results = Results(environment=cells[0].environment, cells=cells, agreement=pairs)
    out = io.StringIO()
    show_summary(Console(file=out, width=80), results, [])
    text = out.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert [name for name in EXPERIMENTS if name not in text.split()] == []
    tasks = [find_experiment(name).task for name in EXPERIMENTS]
    counts = sum(task.headline.form == ".0f" for task in tasks)  # such as modes covered
    assert text.count(" 4..") == counts
    assert text.count("0.7126..") == text.count("0.9983") == len(EXPERIMENTS) - counts


@pytest.mark.parametrize(
    ("values", "command"),
    [
        ({}, "lockstep diverge circle --between scratch,keras"),
        (
            {"experiment": "mine", "seed": 3, "dtype": "float32"},
            "lockstep diverge ./mine.py --between scratch,keras --dtype float32 --seed 3",
        ),
        (
            {"experiment": "yours"},
            "lockstep diverge 'my pages/yours.py' --between scratch,keras",
        ),
        (
            {"setting": {"hidden": [8], "learning_rate": 0.5}},
            "lockstep diverge circle --between scratch,keras "
            "--set hidden=8 --set learning_rate=0.5",
        ),
        ({"verdict": "agree"}, None),
        ({"inputs_differ": True}, None),
    ],
)
def test_the_command_that_finds_where_two_differ_is_named(values, command, monkeypatch):
    monkeypatch.setattr(registry, "_GIVEN", {"yours": "my pages/yours.py"})
    cell = as_record(training(implementation="scratch", experiment="circle")[0])
    pair = {"experiment": "circle", "dtype": "float64", "seed": 0, "pair": ("scratch", "keras")}
    entry = AgreementEntry.model_construct(**pair | {"verdict": "differ"} | values)
    results = Results(environment=cell.environment, cells=[cell], agreement=[entry])
    out = io.StringIO()
    show_summary(Console(file=out, width=100), results, [])
    last = out.getvalue().splitlines()[-1]
    assert last == (f"Where it begins, and why: {command}" if command else last)
    assert ("lockstep diverge" in last) == bool(command)
