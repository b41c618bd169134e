"""From timings to figures, to sentences and to tables."""

import json
import math
from dataclasses import asdict, astuple
from io import StringIO

import pytest
from rich.console import Console

from experiments.harness.bench.figures import Ratio, best_of_families, figures
from experiments.harness.bench.flops import Flops
from experiments.harness.bench.measure import Measured
from experiments.harness.bench.tables import headline, markdown, show
from experiments.harness.bench.timing import Timing


def timings(*seconds, **others):
    fixed = {"steps": 10, "whole": 1.0, "trained": 20, "loss": 0.5}
    return [Timing(train=s, **fixed, **others) for s in seconds]


@pytest.fixture
def measured():
    """Three rounds of ten steps; a step is 10,000 operations, the machine does 10⁹ a second."""
    return Measured(
        experiment="toy",
        note="made up",
        steps=10,
        flops=Flops(3_000, 6_000, 1_000),
        timings={
            "scratch": timings(0.1, 0.2, 0.4, fit=3.0, plain=2.0),
            "keras-fit": timings(0.3, 0.8, 0.8),
            "keras-jit": timings(0.05, 0.1, 0.1),
            "sklearn": timings(0.3, 0.6, 1.2),
        },
        whole={"scratch": 1.0, "keras-fit": 2.0, "keras-jit": 2.2, "sklearn": 0.5},
        unavailable={"pytorch-compile": "no compiler"},
        limit=[1e9, 1e9, 2e9, 1e9],
    )


def test_ratios_are_of_the_same_round(measured):
    scratch, fit, jit, sklearn = figures(measured)
    assert scratch.ratio == Ratio(1, 1, 1)
    assert astuple(fit.ratio) == pytest.approx((3, 2, 4), rel=1e-12)  # rounding of decimals
    assert astuple(jit.ratio) == pytest.approx((0.5, 0.25, 0.5), rel=1e-12)  # the same
    assert astuple(sklearn.ratio) == pytest.approx((3, 3, 3), rel=1e-12)  # the same
    assert (scratch.overhead, fit.overhead) == (Ratio(1.5, 1.5, 1.5), None)


def test_a_step_takes_the_median_of_the_rounds(measured):
    scratch = figures(measured)[0]
    assert scratch.us_per_step == pytest.approx(20_000, rel=1e-12)  # rounding of 0.2/10
    assert scratch.gflops == pytest.approx(10_000 / 0.02 / 1e9, rel=1e-12)  # the same
    assert scratch.share == pytest.approx(10_000 / 0.02 / 1e9, rel=1e-12)  # the limit's median: 1


def test_start_is_what_the_first_training_took_beyond_its_steps(measured):
    start = {row.name: row.start for row in figures(measured)}
    assert start["scratch"] == pytest.approx(1.0 - 20 * 0.02, rel=1e-12)  # rounding of 0.2/10
    assert start["sklearn"] == 0  # 0.5 s for 20 steps of 0.06 s: noise, not less than nothing


def test_the_headline_has_the_fastest_of_each_family(measured):
    rows = figures(measured)
    assert [row.name for row in best_of_families(measured, rows)] == ["keras-jit", "sklearn"]
    assert headline(measured, rows) == (
        "scratch is 0.50x (0.25 .. 0.50) as fast as the best Keras (keras-jit), "
        "3.00x (3.00 .. 3.00) as fast as scikit-learn."
    )


def test_without_scratch_there_is_no_ratio_and_no_headline(measured):
    del measured.timings["scratch"]
    rows = figures(measured)
    assert [row.ratio for row in rows] == [None] * 3
    assert headline(measured, rows) is None
    assert "0.50x" not in markdown(measured, "")


def test_without_counted_operations_there_are_no_rates_and_the_reason_is_given(measured):
    measured.flops, measured.uncounted = None, "the operations of Dropout are not counted"
    rows = figures(measured)
    assert [(row.gflops, row.share) for row in rows] == [(None, None)] * 4
    text = markdown(measured, "")
    assert "No GFLOP/s: the operations of Dropout are not counted." in text
    assert "| sklearn | 60,000 | 3.00 (3.00 .. 3.00) |  |  | 0.0 |" in text


def test_what_has_the_same_reason_shares_a_line(measured):
    measured.unavailable = dict.fromkeys(("a", "b"), "no compiler") | {"c": "no biases"}
    text = markdown(measured, "")
    assert "Without a, b: no compiler." in text
    assert "Without c: no biases." in text


def test_markdown_says_what_the_table_says(measured):
    console = Console(width=80, record=True, file=StringIO())
    show(console, measured, "title")
    table, text = console.export_text(), markdown(measured, "title")
    for words in ("title", "10,000", "0.50 (0.25 .. 0.50)", "0.10 %", "no compiler", "(keras-jit)"):
        assert words in table
        assert words in text
    assert max(map(len, table.splitlines())) <= 80
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {7}


def test_slow_and_noisy_variants_stay_within_80_columns(measured):
    noisy = timings(1.23, 1.01, 1.45, fit=1.0, plain=1.0)
    measured.timings = {"scratch": timings(0.1, 0.1, 0.1), "pytorch-compile": noisy}
    measured.whole["pytorch-compile"] = 123.4
    console = Console(width=80, record=True, file=StringIO())
    show(console, measured, "title")
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.startswith("pytorch-compile"))
    assert row.split("  ")[0] == "pytorch-compile"  # every cell on one line
    for cell in ("123,000", "12.3 (10.1 .. 14.5)", "8.1e-05", "0.0081 %", "121"):
        assert f" {cell}" in row


def test_figures_are_plain_json(measured):
    records = [asdict(row) for row in figures(measured)]
    assert json.loads(json.dumps(records, allow_nan=False)) == records
    assert records[1]["ratio"].keys() == {"median", "min", "max"}
    assert all(math.isfinite(record["gflops"]) for record in records)
