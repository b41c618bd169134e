"""The tables of a run: whole numbers of digits within 80 columns, for every task."""

import io

import pytest
from rich.console import Console

from experiments.harness.cli.tables import show_experiment, show_summary
from experiments.harness.records.models import Results
from frameworks.task import REGRESSION

from ..stored_runs import as_record, training


def regression(implementation, seed):
    record, _ = training(task="regression", implementation=implementation, seed=seed)
    mse = 4075.496608 + 60 * seed
    record["history"]["accuracy"] = None
    figures = {"rmse": mse**0.5, "mse": mse, "r2": 0.2052 + 0.0163 * seed}
    record["test"] = {"loss": 0.664769, "n": 89} | figures
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
