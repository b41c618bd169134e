"""Stored runs of tasks without answers: the figures of a regression, whose headline is the RMSE."""

import numpy as np
import pytest

from experiments.harness.records.arrays import digest
from frameworks.agreement.limits import FLOAT64

from ..stored_runs import ROWS, WEIGHTS, failed, store_run, training, verdicts

TARGETS = np.linspace(-1, 1, ROWS)[:, None]
FIGURES = {"rmse": 0.5, "mse": 0.25, "r2": 0.75}
OFF = 1 + 2 * FLOAT64.weight


def regression(outputs=TARGETS, **values):
    """Make a finished training without answers."""
    record, arrays = training(task="regression", **values)
    record["test"] = {"loss": 0.5, "n": ROWS} | FIGURES | values.get("test", {})
    record["history"]["accuracy"] = None
    record["digests"]["predictions"] = digest(outputs)
    return record, {"weights.0": arrays["weights.0"], "outputs": outputs}


def test_a_regression_has_its_own_figures_and_no_rows_that_could_be_lost(compare):
    code, comparison = compare(regression(), regression(test={"rmse": 0.5}))
    (entry,) = comparison["trainings"]
    assert (code, entry["verdict"], entry["task"]) == (0, "unchanged", "regression")
    assert (entry["accuracy"], entry["flips"]) == (None, None)
    assert entry["metrics"] == {
        name: {"before": value, "after": value} for name, value in FIGURES.items()
    }


def test_another_task_is_another_question(compare):
    code, message = compare(training(), regression())
    assert (code, "different tasks: task classification, then regression" in message) == (2, True)


OF_A_REGRESSION = {
    "failed": (regression(), failed(task="regression"), "failed: no room"),
    "not a number": (regression(), regression(test={"loss": None}), "a loss is not finite"),
    "out of the band": (
        regression(acceptance=[0.4, 0.6]),
        regression(acceptance=[0.4, 0.6], test={"rmse": 0.7}, weights=WEIGHTS * 2),
        "RMSE 0.7 left its band, 0.4 to 0.6",
    ),
}


@pytest.mark.parametrize("case", OF_A_REGRESSION)
def test_a_regression_is_worse_or_better_without_any_test_of_its_rows(compare, case):
    before, after, reason = OF_A_REGRESSION[case]
    assert verdicts(compare(before, after)[1]) == ["worse"]
    assert reason in compare(before, after)[1]["trainings"][0]["reasons"][0]
    assert verdicts(compare(after, before)[1]) == ["better"]


def test_a_figure_that_is_worse_in_its_band_is_a_change_and_no_more(compare):
    after = regression(test={"rmse": 0.59, "loss": 0.55}, acceptance=[0.4, 0.6])
    code, comparison = compare(regression(acceptance=[0.4, 0.6]), after)
    assert (code, verdicts(comparison)) == (0, ["changed"])


@pytest.mark.parametrize(
    ("outputs", "verdict"),
    [(TARGETS * (1 + FLOAT64.weight / 2), "unchanged"), (TARGETS * OFF, "changed")],
    ids=["rounded", "other"],
)
def test_without_answers_the_outputs_are_compared(compare, outputs, verdict):
    _, comparison = compare(regression(), regression(outputs))
    assert verdicts(comparison) == [verdict]
    reasons = comparison["trainings"][0]["reasons"]
    assert reasons == (["the outputs differ by 2.0e-09, limit 1.0e-09"] * (verdict == "changed"))


def test_one_table_shows_figures_of_several_tasks(call, tmp_path):
    store_run(tmp_path / "one", regression())
    store_run(tmp_path / "two", regression(test={"rmse": 0.75}, weights=WEIGHTS * 2))
    shown = call("compare", tmp_path / "one", tmp_path / "two").out
    assert "RMSE" in shown
    assert "+0.25" in shown
    store_run(tmp_path / "both", regression(), training(experiment="circle"))
    page = tmp_path / "page.html"
    shown = call("compare", tmp_path / "both", tmp_path / "both", "--html", page).out
    assert "figure" in shown
    assert "<td>0.5</td><td>0.5</td>" in page.read_text().replace("\n", "")
